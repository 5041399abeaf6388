"""Runs that end badly, told to flows that listen: in one transaction, once a run, and never in circles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import update

from affluent.kit.jsons import loads
from affluent.sdk import OutcomeUnknown, Rejected
from affluent.services.runs.failures import APP, EVENT, RunFailures
from affluent.services.runs.service import RunFilter
from affluent.store import tables
from tests.support.engine import Engine, Vendor, engine

PUT = {"id": "one", "app": "shop", "action": "put", "inputs": {"id": "{{ trigger.id }}"}}
READ = {"id": "first", "app": "shop", "action": "read", "inputs": {"id": "{{ trigger.id }}"}}
BLIND = {"id": "two", "app": "shop", "action": "blind", "inputs": {"id": "{{ trigger.id }}"}}
TELL = {"id": "one", "app": "shop", "action": "write", "inputs": {"id": "told-{{ trigger.run_id }}"}}


@asynccontextmanager
async def telling(url: str, vendor: Vendor) -> AsyncIterator[Engine]:
    """An engine whose journal tells of runs that end badly."""
    async with engine(url, vendor) as it:
        it.journal._failed = RunFailures(it.intake, lambda run_id: f"http://hub/activity/{run_id}").tell
        yield it


async def listening(it: Engine) -> str:
    """A flow that is told; the id of its flow connection."""
    link = await it.flow(TELL, name="Tell somebody")
    values = {"trigger_app": APP, "trigger_event": EVENT, "trigger_source": link}
    query = update(tables.flow_connections).where(tables.flow_connections.c.id == link).values(**values)
    await it.database.write(lambda connection: connection.execute(query))
    return link


async def told(it: Engine) -> Sequence[Any]:
    """The payloads of the events that tell."""
    return [loads(row.payload) for row in await it.rows(tables.events) if row.app == APP]


async def refuse_sales(action: str, _sale_id: str) -> None:
    if action == "put":
        raise Rejected("Refused, the amount is wrong.")


async def test_a_run_that_fails_is_told_with_its_reason_and_what_it_has_not_done(database_url: str) -> None:
    async with telling(database_url, Vendor(behave=refuse_sales)) as it:
        link = await listening(it)
        await it.flow(READ, PUT, BLIND, name="Sell")
        (run_id,) = await it.accept("a", account="ACC-1")
        await it.settle()
        (event,) = await told(it)
        assert {name: event[name] for name in ("run_id", "state", "flow", "sentence", "action", "account_id", "link")} == {
            "run_id": run_id, "state": "failed", "flow": "Sell", "sentence": "Refused, the amount is wrong.", "action": "put",
            "account_id": "ACC-1", "link": f"http://hub/activity/{run_id}",
        }  # fmt: skip
        assert event["undone"] == ["shop.put", "shop.blind"]
        assert it.vendor.books == {f"write:told-{run_id}": 1}
        assert (await it.runs.find(RunFilter(flow_connection_id=link), limit=5))[0].state == "succeeded"


async def test_a_run_whose_write_nobody_knows_of_is_told_too(database_url: str) -> None:
    async def lose(action: str, _sale_id: str) -> None:
        if action == "blind":
            raise OutcomeUnknown("The answer was lost.")

    async with telling(database_url, Vendor(behave=lose)) as it:
        await listening(it)
        await it.flow(BLIND)
        await it.accept("a")
        await it.settle()
        assert [event["state"] for event in await told(it)] == ["unknown"]


async def test_a_run_that_fails_again_when_it_is_resumed_is_not_told_again(database_url: str) -> None:
    async with telling(database_url, Vendor(behave=refuse_sales)) as it:
        await listening(it)
        await it.flow(PUT)
        (run_id,) = await it.accept("a")
        await it.settle()
        for _ in range(2):
            await it.runs.resume(run_id)
            await it.settle()
        assert len([call for call in it.vendor.calls if call[0] == "put"]) == 3
        assert len(await told(it)) == 1


async def test_a_flow_that_is_told_and_fails_itself_tells_nobody(database_url: str) -> None:
    async def refuse_all(_action: str, _sale_id: str) -> None:
        raise Rejected("Refused.")

    async with telling(database_url, Vendor(behave=refuse_all)) as it:
        await listening(it)
        await listening(it)
        await it.flow(PUT)
        await it.accept("a", "b")
        await it.settle()
        assert len(await told(it)) == 4
        assert await it.count("failed") == 6


async def test_nothing_is_told_when_nobody_listens(database_url: str) -> None:
    async with telling(database_url, Vendor(behave=refuse_sales)) as it:
        await it.flow(PUT)
        await it.accept("a")
        await it.settle()
        assert await told(it) == []


async def test_a_defect_of_whoever_is_told_keeps_no_run_from_ending_and_leaves_no_half_event(database_url: str) -> None:
    async with engine(database_url, Vendor(behave=refuse_sales)) as it:
        await listening(it)
        await it.flow(PUT, name="Sell")
        tell = RunFailures(it.intake, lambda run_id: f"http://hub/activity/{run_id}").tell

        def break_half_way(connection: Any, run_ids: Sequence[str]) -> None:
            tell(connection, run_ids)
            raise LookupError("a defect of the one who is told")

        it.journal._failed = break_half_way
        (run_id,) = await it.accept("a")
        await it.settle()
        assert (await it.run(run_id)).state == "failed"
        assert await told(it) == []
        it.journal._failed = tell
        await it.accept("b")
        await it.settle()
        assert len(await told(it)) == 1
