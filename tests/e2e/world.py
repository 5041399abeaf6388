"""The world around a served hub: its connections, its billing people, the switches of the twins."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from affluent.demo.story import UNFINISHED, Outside, Party, cast
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.store.runs import RunFilter
from tests.e2e.served import Served

SIGN_UP, SALE = "sync_new_accounts", "track_referral_sale"


@dataclass
class World:
    """Everything that happens outside the browser."""

    server: Served
    _secret: str = field(default="", init=False)

    def identify(self) -> None:
        """A token for `bill`, where there are no connections."""
        self._secret = self.server.call(self.server.hub.tokens.generate(name="World", scopes=["*:write"])).secret

    def connect(self) -> dict[str, str]:
        """Connections to the billing workspace and to FirstPromoter's twin; app key to id."""
        hub = self.server.hub
        self.identify()
        fields: dict[str, JSONObject] = {
            "togai": {"secret_key": self._secret},
            "firstpromoter": {
                "api_key": "fp_demo_key",
                "account_id": "demo-account",
                "base_url": f"{self.server.twins_url}/firstpromoter/api/v2",
            },
        }
        names = {"togai": "Billing workspace", "firstpromoter": "FirstPromoter twin"}
        return {
            app: self.server.call(hub.connections.create(app=app, name=names[app], fields=given)).id
            for app, given in fields.items()
        }

    def switch_on(self, key: str, connections: dict[str, str]) -> str:
        """A ready-made flow, bound to these connections; the id of the flow connection."""
        hub = self.server.hub
        definition = next(flow for flow in hub.catalog.public_flows() if flow.key == key)
        bindings = {"trigger": connections[definition.trigger.app]}
        bindings |= {step.id: connections[step.app] for step in definition.steps}
        wanted = {item.key for item in definition.inputs}
        inputs = {"default_plan": "Growth, partner 15% off"} if "default_plan" in wanted else {}
        flow = self.server.call(hub.flows.by_key(key))
        link = hub.flow_connections.create(flow_id=flow.id, name="Production", bindings=bindings, inputs=inputs)
        return self.server.call(link).flow_connection.id

    def sign_up(self, number: int) -> Party:
        """One of the twenty customers of the demo's story; the first twelve were referred."""
        party = cast()[number]
        setting = {
            "id": "FirstPromoterTid",
            "value": party.tid,
            "namespace": "USER",
            "name": "Visitor",
            "dataType": "STRING",
        }
        account: JSONObject = {
            "id": party.account_id,
            "name": party.name,
            "invoiceCurrency": party.currency,
            "primaryEmail": party.email,
            "settings": [setting] if party.tid else [],
        }
        customer = {"id": f"CUS-{1000 + number}", "name": party.name, "primaryEmail": party.email, "address": {}}
        self.bill("POST", "/customers", {**customer, "account": account})
        return party

    def bill(self, method: str, path: str, body: JSONValue = None) -> JSONObject:
        """One call of the billing workspace."""

        async def call() -> JSONObject:
            async with self._outside() as outside:
                return await outside.bill(method, path, body)

        return self.server.call(call())

    def twin(self, switch: str, **options: JSONValue) -> None:
        """Throw a switch of FirstPromoter's twin: fail, drop, slow; revoke and restore a key; heal forgets fail, drop and slow only."""

        async def call() -> None:
            async with self._outside() as outside:
                await outside.twin("firstpromoter", switch, **options)

        self.server.call(call())

    def settled(self) -> None:
        """Wait until no run is queued, running or waiting."""

        async def wait() -> None:
            while await self.server.hub.runs.find(RunFilter(states=UNFINISHED), limit=1):
                await asyncio.sleep(0.02)

        self.server.call(wait())

    def _outside(self) -> Outside:
        return Outside(f"{self.server.url}/togai", self._secret, self.server.twins_url)
