"""Statements from outside: the command, the REST API with its exports, and the night."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from affluent.cli.main import app
from affluent.kit import clock
from affluent.kit.jsons import loads
from affluent.services.reconciliation import nightly
from affluent.services.reconciliation.csv_export import safe
from affluent.store import tables
from tests.contract.razorpay.market import market
from tests.integration.money.test_reconciling import paid
from tests.support.product import product


def command(*options: str) -> Any:
    """`affluent reconcile` of today."""
    today = clock.now().date().isoformat()
    return CliRunner().invoke(app, ["reconcile", "--from", today, "--to", today, *options])


def test_the_command_says_what_it_compared_and_ends_well_when_all_is_explained(tmp_path: Path) -> None:
    ended = command("--json", "--data-dir", str(tmp_path))
    assert ended.exit_code == 0, ended.output
    statement = loads(ended.stdout)
    assert (statement["phase"], statement["remainder"]) == ("done", {})
    assert [snapshot["app"] for snapshot in statement["snapshots"]] == ["workspace", "journal"]


def test_a_day_that_is_none_is_named(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["reconcile", "--from", "soon", "--to", "2026-11-30", "--data-dir", str(tmp_path)])
    assert (ended.exit_code, "--from 'soon' is not a day" in ended.stderr) == (2, True)


async def test_the_api_reconciles_in_the_background_and_exports(tmp_path: Path) -> None:
    async with product("", tmp_path) as outside:
        await outside.togai(
            "POST", "/customers", {"id": "C1", "name": "Customer 1", "primaryEmail": "c1@x.example", "address": {},
            "account": {"id": "A1", "name": "Account 1", "invoiceCurrency": "JPY", "primaryEmail": "c1@x.example"}},
        )  # fmt: skip
        lines = [{"description": "Seats", "value": 32_000}]
        new = {
            "accountId": "A1",
            "startDate": "2026-11-01",
            "endDate": "2026-11-30",
            "status": "PAID",
            "lineItems": lines,
        }
        await outside.togai("POST", "/invoices", new)
        today = clock.now().date().isoformat()
        begun = await outside.api("POST", "/reconciliation", {"from": today, "to": today})
        async with asyncio.timeout(20):
            while (shown := await outside.api("GET", f"/reconciliation/{begun['id']}"))["phase"] != "done":
                await asyncio.sleep(0.05)
        assert shown["figures"][0]["text"] == {
            "paid": "JPY 32,000", "tracked": "JPY 0", "not_referred": "JPY 32,000", "unexplained": "JPY 0",
        }  # fmt: skip
        (line,) = (await outside.api("GET", f"/reconciliation/{begun['id']}/lines?class=not_referred"))["items"]
        assert line["sentence"].startswith("Nobody referred this customer")
        headers = {"Authorization": f"Bearer {outside.token}"}
        async with outside.session.get(
            f"{outside.url}/api/v1/reconciliation/{begun['id']}/export", headers=headers
        ) as got:
            (row,) = list(csv.DictReader(io.StringIO(await got.text())))
        assert (row["class"], row["ours"], row["currency"]) == ("not_referred", "32000", "JPY")
        locked = await outside.api("POST", f"/reconciliation/{begun['id']}/lock")
        assert locked["locked_by"] == "Test"


async def test_the_night_tells_once_of_new_unexplained_money(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with market(tmp_path) as shop:
        await shop.connect()
        await shop.enable("sync_new_accounts")
        definition = {
            "name": "Tell",
            "type": "inbound",
            "trigger": {"app": "reconciliation", "trigger": "unexplained"},
            "steps": [{"id": "read", "app": "razorpay", "action": "call", "inputs": {"path": "/payments"}}],
        }
        flow = await shop.hub.flows.create(definition, author="test")
        await shop.hub.flows.publish(flow.flow.id, author="test")
        wanted = {"read": shop.connections["razorpay"]}
        link = await shop.hub.flow_connections.create(flow_id=flow.flow.id, name="Tell", bindings=wanted, inputs={})
        await paid(shop, await shop.account(1, tid="tid_1"))
        real = clock.now()
        night = (real + timedelta(days=1)).replace(hour=4)
        monkeypatch.setattr(nightly.clock, "now", lambda: night)
        for _ in range(3):
            await shop.hub.nightly.sweep()
        links = tables.events.c.source == link.flow_connection.id
        rows = await shop.hub.database.read(lambda c: c.execute(select(tables.events).where(links)).all())
        assert len(rows) == 1
        told = loads(rows[0].payload)
        assert told["remainders"] == [{"currency": "INR", "amount": "2499.00", "lines": 1}]
        assert told["summary"].startswith("INR 2,499.00 unexplained in 1 comparison of ")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert safe(text) == f"'{text}"
