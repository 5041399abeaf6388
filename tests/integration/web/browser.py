"""A browser without script, in process: sends forms, keeps cookies, follows nothing by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from affluent.billing import Billing
from affluent.catalog import load
from affluent.engine.fairness import FairClock
from affluent.engine.intake import Intake
from affluent.engine.journal import Journal
from affluent.services.connections.health import Health
from affluent.services.directory.directory_sync import DirectorySync
from affluent.services.directory.identities import Identities
from affluent.services.directory.identity_map import IdentityMap
from affluent.services.directory.timeline import Syncs
from affluent.services.identity.own_account import OwnAccount
from affluent.services.identity.people import People
from affluent.services.identity.users import Users
from affluent.services.money.journal import MoneyJournal
from affluent.services.money.payouts import Payouts
from affluent.services.operations.audit import Audit
from affluent.services.operations.server_settings import Options
from affluent.services.provenance.why import Why
from affluent.services.reconciliation.service import Reconciliation
from affluent.services.runs.activity_statistics import ActivityStatistics
from affluent.services.runs.events import Events
from affluent.services.runs.search import RunSearch
from affluent.services.runs.service import Runs
from affluent.settings import Settings
from affluent.web import web
from tests.integration.services.desk import Desk, desk
from tests.support.asgi import Answer, ask

HOST = "hub.example"
SERVER = f"http://{HOST}"
PASSWORD = "correct horse battery"
LARGEST = 100_000


@dataclass
class Browser:
    """One browser with its cookies."""

    application: Any
    hub: Any
    desk: Desk
    cookies: dict[str, str] = field(default_factory=dict)
    scheme: str = "http"
    address: str = "127.0.0.1"

    async def get(self, path: str, **headers: str) -> Answer:
        """Open an address."""
        return await self.request("GET", path, **headers)

    async def post(self, path: str, form: dict[str, str | Sequence[str]] | None = None, **headers: str) -> Answer:
        """Send a form, as a page of this server does."""
        body = urlencode(form or {}, doseq=True).encode()
        sent = {"origin": f"{self.scheme}://{HOST}", "content-type": "application/x-www-form-urlencoded", **headers}
        return await self.request("POST", path, body, **sent)

    async def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """One request; `headers` with underscores for dashes; an empty one is not sent."""
        sent = {"host": HOST, "cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **headers}
        answer = await ask(
            self.application, method, path.removeprefix(SERVER).removeprefix(f"https://{HOST}"), body=body,
            scheme=self.scheme, server=HOST, address=self.address,
            headers=[(name.replace("_", "-"), value) for name, value in sent.items() if value],
        )  # fmt: skip
        for cookie in answer.cookies:
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
            if "max-age=0" in cookie.lower():
                del self.cookies[name]
        return answer

    async def sign_in_as_owner(self) -> None:
        """Use the first link."""
        link = await self.hub.people.first_link()
        form = {"name": "Mira Kapoor", "email": "mira@example.com", "password": PASSWORD}
        assert (await self.post(link, form)).status == 303

    def fresh(self) -> Browser:
        """Another browser at the same server."""
        return Browser(self.application, self.hub, self.desk)

    def elsewhere(self, address: str) -> Browser:
        """Another browser at another address."""
        return Browser(self.application, self.hub, self.desk, address=address)


@asynccontextmanager
async def browser(database_url: str) -> AsyncIterator[Browser]:
    """The interface over real services."""
    async with desk(database_url) as it:
        journal, intake = Journal(it.queue, lambda: None), Intake(it.queue, FairClock(), lambda: None)
        hub = SimpleNamespace(
            settings=Settings(max_body_bytes=LARGEST),
            server_url=SERVER,
            people=People(database=it.database, vault=it.vault, server_url=SERVER),
            single_sign_on=None,
            users=Users(database=it.database, server_url=SERVER),
            account=OwnAccount(database=it.database, vault=it.vault),
            audit=Audit(it.database),
            money_journal=MoneyJournal(it.database),
            payouts=Payouts(database=it.database, apps=load().apps, vault=it.vault, zone="UTC"),
            pulse=ActivityStatistics(it.database),
            health=Health(it.database),
            syncs=Syncs(it.database),
            mirror=DirectorySync(it.database),
            options=Options(database=it.database, vault=it.vault, settings=Settings(max_body_bytes=LARGEST)),
            run_search=RunSearch(it.database),
            events=Events(it.database),
            identities=Identities(it.database, it.catalog),
            identity_map=IdentityMap(it.database, it.catalog),
            why=Why(database=it.database, apps=it.catalog.apps),
            reconciliation=Reconciliation(database=it.database, sources=SimpleNamespace(apps={})),  # type: ignore[arg-type]  # statements are only listed here
            billing=Billing(it.database, intake.accept),
            runs=Runs(
                database=it.database,
                intake=intake,
                journal=journal,
                queue=it.queue,
                fair=FairClock(),
                wake=lambda: None,
            ),
            **{
                name: getattr(it, name)
                for name in ("database", "catalog", "tokens", "connections", "flows", "flow_connections", "preview")
            },
        )
        yield Browser(web(hub), hub, it)  # type: ignore[arg-type]  # the services of a hub, without its engine
        for counting in (hub.health, hub.pulse):
            await counting.close()
