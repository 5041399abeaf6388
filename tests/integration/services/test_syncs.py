"""What was synced for an account: last run, who knows it, the timeline; on both stores."""

from __future__ import annotations

from sqlalchemy import insert

from affluent.domain.event import EventDraft
from affluent.engine.fairness import FairClock
from affluent.engine.intake import Intake
from affluent.kit import clock
from affluent.services.directory.timeline import Sync, Syncs
from affluent.store import tables
from tests.integration.services.desk import Desk, desk


async def happened(it: Desk, number: int, account_id: str = "ACC-1") -> None:
    """An invoice was paid."""
    draft = EventDraft(
        app="togai",
        source="workspace",
        type="invoice.paid",
        external_id=f"{account_id}-{number}",
        occurred_at=clock.now(),
        payload={},
        account_id=account_id,
        title=f"INV-{number}",
    )
    intake = Intake(it.queue, FairClock(), lambda: None)
    await it.database.write(lambda connection: intake.accept(connection, [draft]))


async def switched_on(it: Desk) -> None:
    """A flow that listens to paid invoices."""
    shop, billing, flow = await it.shop(), await it.billing(), await it.flow()
    bindings = {"trigger": billing, "order": shop, "attach": billing}
    await it.flow_connections.create(flow_id=flow, name="Production", bindings=bindings)


async def test_an_account_that_nothing_happened_to_has_no_sync(database_url: str) -> None:
    async with desk(database_url) as it:
        assert await Syncs(it.database).of_accounts(["ACC-1"]) == {"ACC-1": Sync()}
        assert not await Syncs(it.database).timeline("ACC-1")


async def test_the_newest_run_and_the_apps_that_know_it_are_told(database_url: str) -> None:
    async with desk(database_url) as it:
        await switched_on(it)
        await happened(it, 1)
        await happened(it, 1, "ACC-2")
        now = clock.now()
        for kind in ("order", "buyer"):
            known = {"account_id": "ACC-1", "connection_id": "con_1", "kind": kind, "external_id": "9", "app": "shop"}
            query = insert(tables.identities).values(**known, how="given", created_at=now, updated_at=now)
            await it.database.write(lambda connection, query=query: connection.execute(query))
        found = await Syncs(it.database).of_accounts(["ACC-1", "ACC-2", "ACC-3"])
        assert found["ACC-1"].apps == ("shop",)
        assert found["ACC-1"].state == "queued"
        assert found["ACC-1"].run_id != found["ACC-2"].run_id
        assert found["ACC-3"] == Sync()


async def test_the_timeline_goes_by_pages_newest_first(database_url: str) -> None:
    async with desk(database_url) as it:
        await happened(it, 1)
        await switched_on(it)
        for number in (2, 3):
            await happened(it, number)
        await happened(it, 1, "ACC-2")
        syncs = Syncs(it.database)
        first = await syncs.timeline("ACC-1", limit=2)
        rest = await syncs.timeline("ACC-1", limit=2, before=first.next)
        assert [one.event.title for one in (*first, *rest)] == ["INV-3", "INV-2", "INV-1"]
        assert [[run.flow_name for run in one.runs] for one in (*first, *rest)] == [["Order on payment"]] * 2 + [[]]
        assert rest.next == ""
