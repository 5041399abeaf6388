"""The demo's connections, and the flows switched on over them."""

from __future__ import annotations

import asyncio

from affluent.bootstrap import Hub
from affluent.kit.jsons import JSONValue
from affluent.services.flows.flow_connection_views import FlowConnectionView


class Wiring:
    """One connection per app, used by every flow."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._connections: dict[str, str] = {}

    async def connect(self, app: str, name: str, **fields: JSONValue) -> None:
        """Make a connection; it is tested before it is saved."""
        self._connections[app] = (await self._hub.connections.create(app=app, name=name, fields=fields)).id

    async def switch_on(self, key: str, **inputs: JSONValue) -> FlowConnectionView:
        """Switch a ready-made flow on."""
        definition = next(flow for flow in self._hub.catalog.public_flows() if flow.key == key)
        flow = await self._hub.flows.by_key(key)
        bindings = {"trigger": self._connections[definition.trigger.app]}
        bindings |= {step.id: self._connections[step.app] for step in definition.steps}
        made = await self._hub.flow_connections.create(flow_id=flow.id, name="Demo", bindings=bindings, inputs=inputs)
        return made.flow_connection

    async def arrived(self, app: str, *, seconds: float = 30) -> None:
        """Wait until an event of this app has been accepted."""
        async with asyncio.timeout(seconds):
            while not await self._hub.events.find(app=app, limit=1):
                await asyncio.sleep(0.02)
