"""Lists of runs: what each filter finds, in which order, and that no filter walks through all runs; on both stores."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, event

from affluent.store import runs as store
from affluent.store.database import Database
from affluent.store.runs import RunFilter
from tests.integration.many_runs import fill, run
from tests.integration.services.desk import desk


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


async def test_a_text_is_an_id_anywhere_and_words_among_the_newest(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(database_url) as it:
        old = run(1, "failed", title="100% of Oldtown_", sentence="Refused: no promoter")
        await fill(it.database, [old, run(2), run(3), run(4)])
        assert await numbers(it.database, RunFilter(text="PROMOTER")) == [1]
        assert await numbers(it.database, RunFilter(text="0% of old")) == [1]
        assert await numbers(it.database, RunFilter(text="%")) == [1]
        assert await numbers(it.database, RunFilter(text="inv-3")) == [3]
        monkeypatch.setattr(store, "READ_THROUGH", 2)
        assert await numbers(it.database, RunFilter(text="promoter")) == []
        assert await numbers(it.database, RunFilter(text="promoter", states=("failed",))) == [1]
        assert await numbers(it.database, RunFilter(text="run_0001")) == [1]
        assert await numbers(it.database, RunFilter(text="ACC-1")) == [1]


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
