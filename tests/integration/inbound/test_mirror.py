"""Customers of a Togai elsewhere, a second server here, appear in Customers as a mirror, on both stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from affluent.bootstrap import Hub, build
from affluent.domain.event import WORKSPACE
from affluent.kit.jsons import dumps
from affluent.sdk import SyncedRecord
from affluent.settings import Settings
from affluent.store import directory_sync as mirror
from affluent.store.tables import inbound as tables_inbound
from affluent.web import web
from affluent.web.customers.customer_list import entries
from tests.integration.web.browser import SERVER, Browser
from tests.support.workspace import ACCOUNT, CUSTOMER, Workspace, served, workspace


@dataclass
class Desk:
    """A server here, a browser at it, and the workspace of another server."""

    hub: Hub
    browser: Browser
    there: Workspace
    url: str

    async def connection(self, name: str = "Togai cloud", **fields: str) -> str:
        """A connection to the server elsewhere, or with other fields."""
        given: Any = {"secret_key": self.there.secret, "base_url": self.url, **fields}
        return (await self.hub.connections.create(app="togai", name=name, fields=given)).id

    async def listening(self, trigger: str, connection_id: str) -> str:
        """A flow of one trigger, switched on; the flow connection's id."""
        step = {"id": "keep", "app": "flow_control", "action": "filter", "inputs": {"keep": "{{ true }}"}}
        definition: Any = {"name": trigger, "type": "outbound", "trigger": {"app": "togai", "trigger": trigger}}
        flow = await self.hub.flows.create({**definition, "steps": [step]}, publish=True)
        made = await self.hub.flow_connections.create(
            flow_id=flow.flow.id, name="Production", bindings={"trigger": connection_id}
        )
        return made.flow_connection.id

    async def attend(self) -> None:
        """Do every duty, as if it had come due."""
        table = tables_inbound.duties
        later = update(table).where(table.c.due_at.is_not(None)).values(due_at=table.c.created_at)
        await self.hub.database.write(lambda connection: connection.execute(later))
        await self.hub.background_jobs.find()
        while taken := await self.hub.background_jobs.take(8):
            for duty in taken:
                await self.hub.background_jobs.perform(duty)

    async def words(self, path: str) -> str:
        """What a person reads on a page that is there."""
        answer = await self.browser.get(path)
        assert answer.status == 200, answer.text
        return answer.words


@asynccontextmanager
async def desk(database_url: str, tmp_path: Any) -> AsyncIterator[Desk]:
    """Two servers."""
    async with workspace(f"sqlite:///{tmp_path / 'there.db'}") as there, served(there) as url:
        settings = Settings(
            data_dir=tmp_path / "here", database_url=database_url, public_url=SERVER, allow_private_addresses=True
        )
        hub = build(settings, own_url="http://127.0.0.1:9")
        await hub.open()
        browser = Browser(web(hub), hub, SimpleNamespace())  # type: ignore[arg-type]  # nobody asks for the services' desk
        await browser.sign_in_as_owner()
        try:
            yield Desk(hub, browser, there, url)
        finally:
            await hub.close()


async def test_a_poll_from_now_mirrors_what_is_there_and_starts_nothing(database_url, tmp_path):
    async with desk(database_url, tmp_path) as it:
        await it.there.customer()
        connection = await it.connection()
        for trigger in ("customer_created", "account_created"):
            await it.listening(trigger, connection)
        await it.attend()
        listed = await it.words("/customers")
        assert "Northwind Labs Togai cloud CUS-1 · billing@northwind.example" in listed
        assert list(await it.hub.events.find(limit=10)) == []
        customer = await it.words("/customers/CUS-1")
        assert "A mirror of what Togai cloud said" in customer
        page = await it.browser.get(f"/accounts/ACC-1?source={connection}")
        assert "It is changed there, not here." in page.words
        assert "Billed in USD" in page.words
        assert 'action="/accounts' not in page.text
        found = await it.browser.get("/search?q=northwind")
        assert f"/accounts/ACC-1?source={connection}" in found.text


async def test_renames_and_archived_accounts_follow_without_doubling(database_url, tmp_path):
    async with desk(database_url, tmp_path) as it:
        await it.there.customer()
        connection = await it.connection()
        for trigger in ("customer_created", "account_created"):
            await it.listening(trigger, connection)
        await it.attend()
        await it.there.done("PATCH", "/accounts/ACC-1", {"name": "Northwind Holding"})
        await it.attend()
        assert "Northwind Holding" in await it.words("/accounts/ACC-1")
        await it.there.billing.accounts.archive("ACC-1")
        await it.attend()
        await it.attend()
        assert "Archived" in await it.words("/accounts/ACC-1")
        found, following = await entries(it.hub)
        assert [(one.id, [line.status for line in one.accounts]) for one in found] == [("CUS-1", ["ARCHIVED"])]
        assert following == ""


async def test_a_backfill_and_events_of_invoices_mirror_their_accounts_and_fill_the_timeline(database_url, tmp_path):
    async with desk(database_url, tmp_path) as it:
        await it.there.customer()
        connection = await it.connection()
        link = await it.listening("existing_account", connection)
        await it.listening("invoice_generated", connection)
        await it.attend()
        await it.hub.polls.backfill(link)
        await it.there.done("POST", "/customers", {**CUSTOMER, "id": "CUS-2", "account": {**ACCOUNT, "id": "ACC-2"}})
        await it.attend()
        assert {one.id for one in (await entries(it.hub))[0]} == {"CUS-1", "CUS-2"}
        await it.there.invoice(100)
        await it.attend()
        timeline = await it.words(f"/accounts/ACC-1/timeline?source={connection}")
        assert "Existing accounts" in timeline
        assert "Invoice generated" in timeline
        ids = await it.words(f"/accounts/ACC-1/settings?source={connection}")
        assert "Togai cloud Customer CUS-1" in ids
        assert "Togai cloud Account ACC-1" in ids


async def test_a_webhook_that_carries_an_account_mirrors_it_and_a_late_repeat_does_not_turn_it_back(
    database_url, tmp_path
):
    async with desk(database_url, tmp_path) as it:
        link = await it.listening("webhook_received", await it.connection())
        secret = (await it.hub.flow_connections.rotate_secret(link)).hook_secret
        token = (await it.hub.flow_connections.get(link)).webhook_url.rpartition("/")[2]
        bodies = [
            dumps({"account": {"id": "ACC-7", "name": name, "customerId": "CUS-7", "invoiceCurrency": "EUR"}}).encode()
            for name in ("Old name", "New name")
        ]
        for body in (*bodies, bodies[0]):
            answer = await it.hub.hooks.receive(link, token, body, {"x-webhook-secret": secret})
            assert answer.status == 200
        assert "New name Togai cloud CUS-7" in await it.words("/customers")


@pytest.mark.parametrize("address", ["", "http://127.0.0.1:9/togai"])
async def test_this_servers_own_workspace_has_no_mirror(tmp_path, address):
    async with desk(f"sqlite:///{tmp_path / 'here.db'}", tmp_path) as it:
        made = await it.hub.connections.create(
            app="togai", name="Own", fields={"secret_key": "k", "base_url": address}, skip_test=True
        )
        link = await it.listening("account_created", made.id)

        def seen(connection):
            target, bound = it.hub.background_jobs._vendors.read(connection, link, made.id)
            assert (target.source == WORKSPACE) is (not address)
            return it.hub.background_jobs._vendors.synced_records(
                target, bound, [{"account": {"id": "A", "name": "N"}}]
            )

        assert await it.hub.database.read(seen) == []


async def test_a_detour_to_this_workspace_doubles_no_customer(tmp_path):
    async with desk(f"sqlite:///{tmp_path / 'here.db'}", tmp_path) as it:
        await it.browser.post(
            "/customers",
            {"name": "Northwind Labs", "email": "billing@northwind.example", "id": "CUS-1", "currency": "USD"},
        )
        await it.there.customer()
        connection = await it.connection("Detour")
        for trigger in ("customer_created", "account_created"):
            await it.listening(trigger, connection)
        await it.attend()
        assert [(one.id, one.source) for one in (await entries(it.hub))[0]] == [("CUS-1", "")]


async def test_two_systems_with_the_same_ids_stay_apart_and_go_with_their_connections(database_url, tmp_path):
    async with desk(database_url, tmp_path) as it:
        one, two = await it.connection("East"), await it.connection("West")
        for source, name in ((one, "Eastern"), (two, "Western")):
            said = [SyncedRecord(kind="account", id="ACC-1", customer_id="CUS-1", name=name)]
            await it.hub.database.write(lambda c, source=source, said=said: mirror.reflect(c, source, said))
        assert "Eastern" in await it.words(f"/accounts/ACC-1?source={one}")
        assert "Western" in await it.words(f"/accounts/ACC-1?source={two}")
        await it.hub.connections.delete(one)
        assert [entry.name for entry in (await entries(it.hub))[0]] == ["Western"]
        sandbox = {"base_url": it.url.replace("127.0.0.1", "localhost"), "secret_key": it.there.secret}
        await it.hub.connections.update(two, fields=sandbox)
        assert (await entries(it.hub))[0] == ()


async def test_own_and_mirrored_customers_are_paged_together_newest_first(database_url, tmp_path):
    async with desk(database_url, tmp_path) as it:
        connection = await it.connection()
        for number in range(9):
            own = {"name": f"Own {number}", "email": "a@own.example", "id": f"OWN-{number}", "currency": "USD"}
            await it.browser.post("/customers", own)
            said = [SyncedRecord(kind="account", id=f"M-{number}", customer_id=f"MC-{number}", name=f"There {number}")]
            await it.hub.database.write(lambda c, said=said: mirror.reflect(c, connection, said))
        found, after = [], ""
        while True:
            page, after = await entries(it.hub, limit=4, after=after)
            found += [one.id for one in page]
            if not after:
                break
        assert found == [f"{kind}-{number}" for number in reversed(range(9)) for kind in ("MC", "OWN")]


async def test_a_hundred_thousand_mirrored_accounts_are_listed_and_found_at_once(tmp_path):
    async with desk(f"sqlite:///{tmp_path / 'here.db'}", tmp_path) as it:
        connection = await it.connection()
        for start in range(0, 100_000, 5_000):
            said = [
                SyncedRecord(
                    kind="account", id=f"ACC-{n}", customer_id=f"CUS-{n}", name=f"Customer {n}", currency="USD"
                )
                for n in range(start, start + 5_000)
            ]
            await it.hub.database.write(lambda c, said=said: mirror.reflect(c, connection, said))
        count = select(func.count()).select_from(tables_inbound.mirrored_accounts)
        assert await it.hub.database.read(lambda c: c.execute(count).scalar()) == 100_000
        plans = []
        for query in (
            mirror._customers().order_by(mirror.C.c.key.desc()),
            mirror.A.select().where(mirror.A.c.id == "x"),
        ):
            sql = str(query.compile(compile_kwargs={"literal_binds": True}))
            plans.append(
                str(await it.hub.database.read(lambda c, sql=sql: c.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all()))
            )
        assert "TEMP B-TREE" not in plans[0]
        assert "ix_mirrored_accounts_id" in plans[1]
        begun = perf_counter()
        first, after = await entries(it.hub)
        await entries(it.hub, after=after)
        found, _ = await entries(it.hub, search="ACC-77777")
        assert [one.id for one in found] == ["CUS-77777"]
        assert len(first) == 25
        assert perf_counter() - begun < 5, "three lists; measured 0.2 s"
