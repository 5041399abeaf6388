"""Runs are found by id, account or words on both stores, and what needs attention is read through its index."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import Connection, insert, text

from affluent.kit import clock
from affluent.services.runs.search import RunSearch
from affluent.store import runs, tables
from affluent.store.runs import RunFilter
from tests.integration.services.desk import Desk, desk


def _fill(connection: Connection) -> None:
    now = clock.now()
    flow: dict[str, Any] = {
        "id": "flo_1", "name": "Sync", "description": "", "type": "outbound", "visibility": "private", "version": 1,
        "created_at": now, "updated_at": now,
    }  # fmt: skip
    event: dict[str, Any] = {
        "id": "evt_1", "source": "workspace", "external_id": "1", "app": "togai", "type": "invoice.paid", "account_id": "A1",
        "customer_id": "", "title": "", "occurred_at": now, "received_at": now, "payload": "{}",
    }  # fmt: skip
    run: dict[str, Any] = {
        "event_id": "evt_1", "flow_id": "flo_1", "flow_version": 1, "flow_connection_id": "fco_1", "ready": True,
        "priority": 1, "rank": 1, "ordering_key": "1", "event_at": now, "due_at": now, "lease": 0, "position": 0, "tries": 0,
        "sentence": "2 of 2 steps applied.", "cause": "", "waits_for": "", "cancel": False, "created_at": now,
        "finished_at": now,
    }  # fmt: skip
    link: dict[str, Any] = {
        "id": "fco_1", "flow_id": "flo_1", "name": "Production", "trigger_app": "togai", "trigger_event": "invoice.paid",
        "trigger_source": "workspace", "bindings": {"trigger": "con_1"}, "inputs": {}, "enabled": True, "hook_token": "t",
        "created_at": now, "updated_at": now,
    }  # fmt: skip
    connection.execute(insert(tables.flow_connections), [link])
    connection.execute(insert(tables.flows), [flow])
    connection.execute(insert(tables.events), [event])
    made = [
        {**run, "id": "run_1", "account_id": "A1", "title": "INV-1 · Northwind Labs", "state": "succeeded"},
        {**run, "id": "run_2", "account_id": "A2", "title": "INV-2 · 100% Juice", "state": "failed"},
    ]
    connection.execute(insert(tables.runs), made)


async def _found(it: Desk, words: str) -> list[str]:
    return [run.id for run in (await RunSearch(it.database).find(words)).runs]


async def test_a_run_is_found_by_id_account_event_and_words(database_url: str) -> None:
    async with desk(database_url) as it:
        await it.database.write(_fill)
        assert await _found(it, "run_2") == ["run_2"]
        assert await _found(it, "A1") == ["run_1"]
        assert await _found(it, "evt_1") == ["run_2", "run_1"]
        assert await _found(it, "northWIND") == ["run_1"]
        assert await _found(it, "0% j") == ["run_2"]
        assert await _found(it, "%") == ["run_2"]
        assert await _found(it, "steps applied") == ["run_2", "run_1"]
        assert await _found(it, "nobody") == []
        assert await _found(it, " ") == []


async def test_what_needs_attention_is_counted_without_reading_the_rest(database_url: str) -> None:
    async with desk(database_url) as it:
        await it.database.write(_fill)
        assert await it.database.read(runs.counts_by_state) == {"failed": 1}
        found = await it.database.read(lambda c: runs.find(c, RunFilter(states=("failed",)), limit=5))
        assert [run.id for run in found] == ["run_2"]
        if it.database.dialect == "sqlite":
            counting = (
                f"EXPLAIN QUERY PLAN SELECT state, count(*) FROM runs WHERE {runs._NEEDS_ATTENTION} GROUP BY state"  # noqa: S608 - the very condition that is shared
            )
            plan = await it.database.read(lambda c: str(c.execute(text(counting)).all()))
            assert "ix_runs_attention" in plan


async def test_runs_are_narrowed_to_those_of_a_connection(database_url: str) -> None:
    async with desk(database_url) as it:
        await it.database.write(_fill)
        found = {}
        for name in ("con_1", "con_2"):
            wanted = RunFilter(connection_id=name)
            found[name] = len(await it.database.read(partial(runs.find, filters=wanted, limit=5)))
    assert found == {"con_1": 2, "con_2": 0}
