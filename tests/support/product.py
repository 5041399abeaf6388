"""The whole server in this process, and someone outside who has its address and a token."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from affluent.bootstrap import build
from affluent.kit.jsons import dumps, loads
from affluent.server.process import address, bind, running
from affluent.services.identity.scopes import ALL_SCOPES
from affluent.settings import Settings


@dataclass
class Outside:
    """Someone who has the server's address and a token, and nothing else."""

    url: str
    session: aiohttp.ClientSession
    token: str

    async def api(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the REST API that must succeed."""
        return await self._call(method, f"/api/v1{path}", body)

    async def _call(self, method: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.session.request(method, f"{self.url}{path}", json=body, headers=headers) as answer:
            text = await answer.text()
            assert answer.status < 300, text
            return loads(text) if text else None

    async def togai(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the billing workspace that must succeed."""
        return await self._call(method, f"/togai{path}", body)

    async def switched_on(self, flow_key: str, inputs: Any = None, **bindings: str) -> str:
        """A ready-made flow, connected; returns the flow connection's id."""
        flows = (await self.api("GET", "/flows?visibility=public&limit=200"))["items"]
        flow_id = next(flow["id"] for flow in flows if flow["key"] == flow_key)
        wanted = {"flow_id": flow_id, "name": "Production", "bindings": bindings, "inputs": inputs or {}}
        return (await self.api("POST", "/flow-connections", wanted))["flow_connection"]["id"]

    async def connection(self, app: str, **fields: Any) -> str:
        """A connection, tested by saving it; returns its id."""
        return (await self.api("POST", "/connections", {"app": app, "name": f"My {app}", "fields": fields}))["id"]

    async def connected(self, steps: list[dict[str, Any]], **bindings: str) -> tuple[str, str, str]:
        """A flow of these steps behind a webhook: the flow connection's id, the webhook's URL and its secret."""
        definition = {
            "name": "Orders to the shop",
            "type": "inbound",
            "trigger": {"app": "webhook", "trigger": "received"},
            "steps": steps,
        }
        flow = await self.api("POST", "/flows", {"definition": definition, "publish": True})
        wanted = {"flow_id": flow["flow"]["id"], "name": "Production", "bindings": bindings}
        made = await self.api("POST", "/flow-connections", wanted)
        link = made["flow_connection"]
        return link["id"], link["webhook_url"], made["hook_secret"]

    async def post(self, url: str, event: Any, secret: str, **headers: str) -> tuple[int, Any]:
        """A signed webhook."""
        body = dumps(event).encode()
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        sent = {"Content-Type": "application/json", "X-Signature": f"sha256={signature}", **headers}
        async with self.session.post(url, data=body, headers=sent) as answer:
            return answer.status, loads(await answer.text())

    async def ended_run(self, link: str) -> Any:
        """The only run of a flow connection, once it has ended."""
        async with asyncio.timeout(20):
            while True:
                runs = (await self.api("GET", f"/runs?flow_connection_id={link}"))["items"]
                assert len(runs) <= 1
                if runs and runs[0]["state"] in ("succeeded", "failed", "skipped", "unknown"):
                    return runs[0]
                await asyncio.sleep(0.02)


@asynccontextmanager
async def product(database_url: str, data_dir: Path, **settings: Any) -> AsyncIterator[Outside]:
    """The server as `affluent serve` runs it."""
    sock = bind("127.0.0.1", 0)
    hub = build(
        Settings(data_dir=data_dir, database_url=database_url, **{"allow_private_addresses": True, **settings}),
        own_url=address(sock),
    )
    async with running(hub, sock), aiohttp.ClientSession() as session:
        token = await hub.tokens.generate(name="Test", scopes=ALL_SCOPES)
        yield Outside(address(sock), session, token.secret)
