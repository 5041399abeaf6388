"""Whatever is sent, the API answers with a sentence: never a 500, never a traceback."""

from __future__ import annotations

import asyncio
import random
from urllib.parse import quote

import pytest

from affluent.services.connections import credentials
from tests.integration.api.client import Client, client
from tests.integration.services.desk import outbound

STRANGE = [
    None, True, False, 0, -1, 5, 1.5, 10**18, 10**30, -(10**18), "", " ", "x", "\n", "\u2028", "é",
    "💥", "a" * 5000, "%", "'", '"', "\\",
    "{{", "}}", "{{ trigger.id }}", "{{ 1/0 }}", "aff_", "con_", "2026-01-01", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z", "http://127.0.0.1:9", "\x7f", "\u200b", [], [None], [[]], {}, {"a": 1}, {"": ""},
    ["x"], ["x", 5], {"x": {"y": []}},
]  # fmt: skip
WORDS = ["*:read", "runs:read", "shop", "togai", "bell", "trigger", "order", "failed", "resume", "outbound", "private"]


def strange(chance: random.Random, schema: dict, document: dict, depth: int = 0):
    """A value for a schema: mostly of the right form, often not."""
    if chance.random() < 0.2:
        return chance.choice(STRANGE)
    schema = resolved(schema, document)
    if "anyOf" in schema:
        return strange(chance, chance.choice(schema["anyOf"]), document, depth)
    if "enum" in schema or "const" in schema:
        return chance.choice(schema.get("enum", [schema.get("const")]))
    match schema.get("type"):
        case "object" if "properties" in schema:
            names = [
                name for name in schema["properties"] if name in schema.get("required", ()) or chance.random() < 0.5
            ]
            return {name: strange(chance, schema["properties"][name], document, depth + 1) for name in names}
        case "object":
            return chance.choice(
                [outbound(), {"key": "good-shop-key"}, {"id": "x"}, {chance.choice(WORDS): chance.choice(STRANGE)}]
            )
        case "array":
            return [strange(chance, schema.get("items", {}), document, depth + 1) for _ in range(chance.randrange(5))]
        case "string":
            return chance.choice(WORDS + [item for item in STRANGE if isinstance(item, str)])
        case "integer":
            return chance.choice([0, 1, 2, 50, 200, -1, 10**9, 10**18])
        case "boolean":
            return chance.random() < 0.5
    return chance.choice(STRANGE)


def resolved(schema: dict, document: dict) -> dict:
    """The schema behind a reference."""
    reference = schema.get("$ref")
    return document["components"]["schemas"][reference.rsplit("/", 1)[-1]] if reference else schema


async def one(call: Client, chance: random.Random, document: dict, known: dict[str, str]) -> tuple[str, int, bytes]:
    """One request to some operation."""
    path = chance.choice(list(document["paths"]))
    method = chance.choice(list(document["paths"][path]))
    operation = document["paths"][path][method]
    target = path
    query = []
    for parameter in operation.get("parameters", ()):
        name, value = parameter["name"], strange(chance, parameter["schema"], document)
        if parameter["in"] == "path":
            right = known.get(name, "x") if chance.random() < 0.7 else quote(str(value), safe="") or "x"
            target = target.replace(f"{{{name}}}", right)
        elif chance.random() < 0.5:
            query += [f"{name}={quote(str(item))}" for item in (value if isinstance(value, list) else [value])]
    body = None
    if "requestBody" in operation and chance.random() < 0.95:
        body = strange(chance, operation["requestBody"]["content"]["application/json"]["schema"], document)
        if isinstance(body, dict):
            body = {**body, **{name: known[name] for name in body if name in known and chance.random() < 0.7}}
    where = target + ("?" + "&".join(query) if query else "")
    answer = await call(method.upper(), where, body)
    return f"{method.upper()} {where} {body!r}", answer.status, answer.body


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    """A connection's own limit may be one request a day."""
    monkeypatch.setattr(credentials, "_LONGEST_TEST_SECONDS", 0.1)


async def test_nothing_that_is_sent_breaks_the_api(database_url):
    await bombard(database_url, seed=7, requests=400)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(5))
async def test_nothing_that_is_sent_breaks_the_api_in_the_long_run(database_url, seed):
    await bombard(database_url, seed=seed, requests=3_000)


async def bombard(database_url: str, *, seed: int, requests: int) -> None:
    """Many strange requests; every one is answered, and what is refused is explained."""
    chance = random.Random(seed)
    async with client(database_url) as call:
        document = (await call("GET", "/openapi.json")).json
        document["paths"].pop("/tokens/{token_id}")
        flow_id = await call.desk.flow()
        shop, billing = await call.desk.shop(), await call.desk.billing()
        bindings = {"trigger": billing, "order": shop, "attach": billing}
        link = await call.desk.flow_connections.create(flow_id=flow_id, name="Live", bindings=bindings)
        payload = {"id": "INV-7", "net": "12.34", "currency": "USD", "account": {"id": "ACC-7"}}
        accepted = await call.desk.flow_connections.trigger_now(link.flow_connection.id, payload)
        known = {
            "flow_id": flow_id, "connection_id": shop, "flow_connection_id": link.flow_connection.id, "key": "shop", "number": "1",
            "event_id": accepted.event_id, "run_id": accepted.run_ids[0], "bindings": bindings, "app": "shop", "token_id": "tok_x",
        }  # fmt: skip
        statuses = set()
        for _ in range(requests // 4):
            answers = await asyncio.gather(*(one(call, chance, document, known) for _ in range(4)))
            for sent, status, body in answers:
                statuses.add(status)
                assert status < 500, f"{sent}\n{body.decode()}"
                assert status < 400 or b'"detail"' in body, sent
        assert {200, 404, 422} <= statuses
