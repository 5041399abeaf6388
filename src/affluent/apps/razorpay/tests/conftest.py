"""A twin of Razorpay on a local port, and a desk that acts through the real door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount

from affluent.apps.razorpay.app import app
from affluent.apps.razorpay.schemas import Credentials
from affluent.apps.razorpay.twin import RazorpayTwin
from affluent.engine.limits import Limiter
from affluent.engine.vendor_http import HttpVendorClient, Network
from affluent.kit import clock
from affluent.kit.jsons import JSONObject
from affluent.sdk import Context, Effect
from tests.support.serving import served

KEY = {"key_id": "rzp_test_Desk000000001", "key_secret": SecretStr("desk-secret-0001")}


@dataclass
class Desk:
    """The app, connected to its twin."""

    twin: RazorpayTwin
    url: str
    network: Network
    http: aiohttp.ClientSession
    exchanges: list[JSONObject] = field(default_factory=list)

    def context(
        self,
        effect: Effect = Effect.READ,
        *,
        action: str = "",
        effect_key: str = "evt_1/fco_1/step",
        **credentials: Any,
    ) -> Context[Credentials]:
        """What an action is handed."""
        given = Credentials(**{**KEY, "base_url": self.url, **credentials})
        door = HttpVendorClient(
            network=self.network, limiter=Limiter(), vendor=app.title, connection_id="con_1", base_url=app.base_url(given, ""),
            headers=app.headers(given), limit=None, priority=0, effect=effect, app_faults=app.faults,
            faults=app.actions[action].faults if action else {}, exchanges=self.exchanges,
        )  # fmt: skip
        return Context(credentials=given, http=door, effect_key=effect_key, now=clock.now())

    async def act(self, key: str, *, effect_key: str = "evt_1/fco_1/step", **given: Any) -> Any:
        """Run an action as the engine does; errors come out."""
        action = app.actions[key]
        return await action.run(self.context(action.effect, action=key, effect_key=effect_key), action.input(**given))

    async def test(self, **credentials: Any) -> str:
        """Test credentials."""
        assert app.tester is not None
        return await app.tester(self.context(**credentials))

    async def control(self, name: str, **options: Any) -> JSONObject:
        """One of the twin's controls or switches."""
        async with self.http.post(f"{self.url}/_twin/{name}", json=options) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def customer(self) -> str:
        """A customer's id."""
        return (await self.act("create_customer", name="Northwind", email="billing@northwind.example")).id

    async def invoice(self, reference: str = "INV-1", **given: Any) -> Any:
        """An invoice of INR 118.00 for a customer."""
        values = {
            "reference": reference,
            "customer_id": await self.customer(),
            "amount": 11800,
            "currency": "INR",
            **given,
        }
        return await self.act("create_invoice", **values)

    async def link(self, reference: str = "INV-1", **given: Any) -> Any:
        """A payment link of INR 118.00."""
        return await self.act(
            "create_payment_link", **{"reference": reference, "amount": 11800, "currency": "INR", **given}
        )


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """The app, connected to a fresh twin."""
    twin, network = RazorpayTwin(), Network(allow_private=True, timeout_seconds=5)
    application = Starlette(routes=[Mount("/razorpay", twin.application())])
    async with served(application) as url, aiohttp.ClientSession() as http:
        yield Desk(twin, f"{url}/razorpay", network, http)
        await network.close()


@dataclass
class Listener:
    """A merchant's server: answers webhooks with a status, remembers them."""

    url: str = ""
    status: int = 200
    received: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One webhook."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.received.append((body, headers))
        await send({"type": "http.response.start", "status": self.status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """A merchant's server on a local port."""
    listening = Listener()
    async with served(listening) as url:
        listening.url = f"{url}/hook"
        yield listening
