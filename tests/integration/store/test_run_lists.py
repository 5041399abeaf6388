"""Lists of runs: what each filter finds, in which order, and that no filter walks through all runs; on both stores."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, update

from affluent.kit import clock
from affluent.store import run_texts, tables
from affluent.store import runs as store
from affluent.store.database import Database
from affluent.store.runs import RunFilter
from affluent.store.tables import billing as tables_billing
from tests.integration.many_runs import add, fill, run
from tests.integration.services.desk import desk

IS_THIRD = tables.events.c.id == "evt_0003"


def invoice(number: str, account_id: str) -> dict[str, Any]:
    """An invoice as billing keeps it."""
    now = clock.now()
    return {
        "id": f"id-{number}", "number": number, "account_id": account_id, "customer_id": "C", "status": "DUE",
        "invoice_class": "NORMAL", "type": "CUSTOM", "currency": "USD", "net_minor": 1, "tax_minor": 0, "paid_minor": 0,
        "lines": [], "start_at": now, "end_at": now, "invoice_at": now, "due_at": now, "net_term_days": 0,
        "auto_advance": False, "created_at": now, "updated_at": now,
    }  # fmt: skip


async def numbers(database: Database, wanted: RunFilter, **cursor: str) -> list[int]:
    """The numbers of the runs found, in order."""
    rows = await database.read(lambda connection: store.find(connection, wanted, limit=3, **cursor))
    return [int(row.id.removeprefix("run_")) for row in rows]


async def test_every_filter_finds_its_runs_newest_first_and_goes_on_from_a_run(database_url: str) -> None:
    async with desk(database_url) as it:
        other = {"flow_connection_id": "fco_2"}
        await fill(
            it.database, [run(1), run(2, "failed"), run(3, "queued", **other), run(4, "cancelled"), run(5), run(6)]
        )
        assert await numbers(it.database, RunFilter()) == [6, 5, 4]
        assert await numbers(it.database, RunFilter(), before="run_0004") == [3, 2, 1]
        assert await numbers(it.database, RunFilter(), after="run_0002") == [3, 4, 5]
        for state, found in (("failed", [2]), ("queued", [3]), ("cancelled", [4]), ("waiting", []), ("running", [])):
            assert await numbers(it.database, RunFilter(states=(state,))) == found, state
        assert await numbers(it.database, RunFilter(states=("queued", "failed"))) == [3, 2]
        assert await numbers(it.database, RunFilter(states=("queued",)), after="run_0002") == [3]
        assert await numbers(it.database, RunFilter(connection_id="con_2")) == [3]
        assert await numbers(it.database, RunFilter(connection_id="con_1"), before="run_0005") == [4, 2, 1]


async def looks(database: Database, wanted: RunFilter, limit: int = 3) -> list[tuple[list[int], bool]]:
    """What look after look finds, to the end, and whether each stopped before it had read all runs."""
    found: list[tuple[list[int], bool]] = []
    cursor = ""
    while True:
        ask = partial(store.look, filters=wanted, limit=limit, cursor=cursor)
        rows, told = await database.read(ask)
        found.append(([int(row.id.removeprefix("run_")) for row in rows], told.stopped_at is not None))
        cursor = told.next
        if not cursor:
            return found


async def test_a_text_is_part_of_a_title_or_a_sentence(database_url: str) -> None:
    async with desk(database_url) as it:
        old = run(1, "failed", title="100% of Oldtown_", sentence="Refused: no promoter")
        await fill(it.database, [old, run(2), run(3), run(4)])
        for text, found in (
            ("PROMOTER", [1]),
            ("0% of old", [1]),
            ("%", [1]),
            ("n_", [1]),
            ("_0", []),
            ("inv-3", [3]),
            ("nobody", []),
        ):
            assert await numbers(it.database, RunFilter(text=text)) == found
            assert await looks(it.database, RunFilter(text=text)) == [(found, False)]
        assert await numbers(it.database, RunFilter(text="promoter", states=("succeeded",))) == []
        assert await numbers(it.database, RunFilter(text="sale tracked"), before="run_0004") == [3, 2]


async def test_look_after_look_finds_every_run_with_the_words_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_texts, "STRETCH", 4)
    async with desk(database_url) as it:
        await fill(it.database, [run(n, title="Oldtown" if n in (1, 2, 3, 8) else "Other") for n in range(1, 11)])
        assert await looks(it.database, RunFilter(text="oldtown")) == [([8], True), ([3], True), ([2, 1], False)]
        assert await looks(it.database, RunFilter(text="oldtown"), limit=1) == [
            ([8], True), ([3], True), ([2], False), ([1], False),
        ]  # fmt: skip
        assert await looks(it.database, RunFilter(text="oldtown", account_id="ACC-2")) == [([2], False)]
        assert await looks(it.database, RunFilter(text="oldtown", states=("failed",))) == [([], False)]
        assert await looks(it.database, RunFilter(text="oldtown", states=("queued",))) == [([], False)]


async def test_an_id_leads_to_its_runs_at_any_age_and_once(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_texts, "STRETCH", 2)
    async with desk(database_url) as it:
        await fill(it.database, [run(n) for n in range(1, 8)])
        await add(it.database, [run(8, title="About ACC-1"), run(9, account_id="ACC-1", title="INV-9")])
        now = clock.now()
        known = {"account_id": "ACC-2", "connection_id": "con_1", "kind": "customer", "external_id": "cus_77"}
        identity = {**known, "app": "razorpay", "how": "created", "created_at": now, "updated_at": now}
        await it.database.write(lambda c: c.execute(insert(tables.identities), [identity]))
        await it.database.write(lambda c: c.execute(update(tables.flow_connections).values(trigger_source="w")))
        for text, found in (("run_0001", [1]), ("evt_0002", [2]), ("cus_77", [2]), ("ACC-1", [9, 8, 1])):
            assert (await looks(it.database, RunFilter(text=text)))[0] == (found, True), text
            assert [n for some, _ in await looks(it.database, RunFilter(text=text)) for n in some] == found, text
        stated = {"external_id": "invoice.paid:3"}
        await it.database.write(lambda c: c.execute(update(tables.events).where(IS_THIRD).values(**stated)))
        assert (await looks(it.database, RunFilter(text="invoice.paid:3")))[0][0] == [3]
        assert (await looks(it.database, RunFilter(text="run_0001", account_id="ACC-5")))[0][0] == []
        shown = [n for some, _ in await looks(it.database, RunFilter(text="ACC-1"), limit=1) for n in some]
        assert shown == [9, 8, 1]


async def test_the_number_of_an_invoice_finds_its_runs_and_no_others_of_the_account(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_texts, "STRETCH", 2)
    async with desk(database_url) as it:
        await fill(it.database, [run(n, account_id="ACC-1") for n in range(1, 8)])
        await it.database.write(lambda c: c.execute(insert(tables_billing.invoices), [invoice("INV-2", "ACC-1")]))
        assert await looks(it.database, RunFilter(text="INV-2")) == [([2], True), ([], True), ([], True), ([], False)]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (RunFilter(states=("cancelled",)), "ix_runs_unusual"),
        (RunFilter(states=("queued",)), "ix_runs_unfinished"),
        (RunFilter(connection_id="con_1"), "COVERING INDEX ix_runs_flow_connection"),
        (RunFilter(account_id="ACC-1"), "COVERING INDEX ix_runs_account"),
        (RunFilter(flow_id="flo_1"), "COVERING INDEX ix_runs_flow"),
    ],
)
async def test_a_filter_reads_an_index(tmp_path: Any, wanted: RunFilter, index: str) -> None:
    async with desk(f"sqlite:///{tmp_path / 'affluent.db'}") as it:

        def plan(connection: Connection) -> str:
            asked: list[tuple[str, Any]] = []

            def hear(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
                asked.append((statement, parameters))

            event.listen(connection, "before_cursor_execute", hear)
            store.find(connection, wanted, limit=51)
            event.remove(connection, "before_cursor_execute", hear)
            statement, parameters = asked[-1]
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            return "\n".join(row[-1] for row in rows)

        found = await it.database.read(plan)
        assert index in found
        assert "SCAN runs USING INDEX sqlite_autoindex_runs_1" not in found
