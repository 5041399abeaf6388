"""Runs written straight into a store, for lists of them."""

from __future__ import annotations

from sqlalchemy import Connection, insert

from affluent.kit import clock
from affluent.store import tables
from affluent.store.database import Database


def run(number: int, state: str = "succeeded", **values: object) -> dict[str, object]:
    """A run as the engine leaves it."""
    now = clock.now()
    return {
        "id": f"run_{number:04}", "event_id": f"evt_{number:04}", "flow_id": "flo_1", "flow_version": 1,
        "flow_connection_id": "fco_1", "state": state, "ready": False, "priority": 0, "rank": 0, "ordering_key": "k",
        "event_at": now, "due_at": now, "lease": 0, "position": 0, "tries": 0, "account_id": f"ACC-{number}",
        "title": f"INV-{number} · Northwind", "sentence": "Sale tracked", "cause": "", "waits_for": "", "cancel": False,
        "created_at": now, "finished_at": None if state in ("queued", "running", "waiting", "paused") else now,
    } | values  # fmt: skip


async def fill(database: Database, runs: list[dict[str, object]]) -> None:
    """Runs with their events, a flow and two flow connections, of which the first is bound to con_1."""
    now = clock.now()

    def unit(connection: Connection) -> None:
        flow = {"id": "flo_1", "name": "Sales", "description": "", "type": "outbound", "visibility": "private"}
        connection.execute(insert(tables.flows).values(**flow, version=1, created_at=now, updated_at=now))
        link = {"flow_id": "flo_1", "name": "L", "trigger_app": "togai", "trigger_event": "e", "trigger_source": "s"}
        for number, bound in (("1", "con_1"), ("2", "con_2")):
            values = {
                "id": f"fco_{number}",
                "bindings": {"a": bound},
                "inputs": {},
                "enabled": True,
                "hook_token": number,
            }
            row = link | values | {"created_at": now, "updated_at": now}
            connection.execute(insert(tables.flow_connections).values(**row))

    await database.write(unit)
    await add(database, runs)


async def add(database: Database, runs: list[dict[str, object]]) -> None:
    """Runs that come later, with their events."""
    now = clock.now()
    events = [
        {
            "id": one["event_id"], "source": "w", "external_id": one["id"], "app": "togai", "type": "invoice.paid",
            "account_id": one["account_id"], "customer_id": "", "title": "", "occurred_at": now, "received_at": now,
            "payload": "{}",
        }
        for one in runs
    ]  # fmt: skip

    def unit(connection: Connection) -> None:
        connection.execute(insert(tables.events), events)
        connection.execute(insert(tables.runs), runs)

    await database.write(unit)
