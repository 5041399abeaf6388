"""Whatever is sent, nothing answers 5xx, nothing hangs, and no secret comes back: 100,000 cases in `make fuzz`."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affluent.apps.razorpay.webhook import sign
from affluent.apps.webhook.signature import plain
from affluent.domain.expression import ExpressionError, compile_expression
from affluent.kit.jsons import dumps
from affluent.services.errors import ServiceError
from affluent.services.flow_files.yaml_text import read
from affluent.services.flows.flow_connection_views import NewHookSecret
from affluent.services.identity.roles import Role
from tests.integration.security.callers import Callers, callers, filled
from tests.integration.security.routes import WEB

MANY = 20_000
"""Cases of each of the five kinds: 100,000 in all."""
SECRET = "the secret of the fuzzed connection"
LONGEST_SECONDS = 5.0

json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=20,
)
bodies = st.binary(max_size=400) | json.map(lambda value: repr(value).encode("utf-8", "replace")) | st.builds(
    lambda depth, kind: (kind * depth).encode(), st.integers(1, 3_000), st.sampled_from(["[", '{"a":', "{", '"', "\\"])
)  # fmt: skip
events = st.builds(
    lambda event, kind, entity, more: dumps(
        {"entity": "event", "event": event, "payload": {kind: {"entity": entity}}, "created_at": more}
    ).encode(),
    st.sampled_from(["invoice.paid", "payment.captured", ""]) | st.text(max_size=20),
    st.sampled_from(["invoice", "payment", "order"]) | st.text(max_size=10),
    json
    | st.dictionaries(
        st.sampled_from(["id", "amount", "notes", "currency", "order_id", "payment_id"]), json, max_size=6
    ),
    json,
)
"""What passes for an event of Razorpay at first sight."""
mostly = st.integers(0, 4).map(bool)
header_names = st.sampled_from(
    ["x-signature", "x-razorpay-signature", "x-razorpay-event-id", "content-type", "content-length", "accept", "x-forwarded-for",
     "authorization", "cookie", "user-agent", "traceparent", "if-none-match", "range", "expect", "x-hook-token"]
)  # fmt: skip
header_values = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=60)
headers = st.dictionaries(header_names, header_values, max_size=5)
words = st.sampled_from(
    ["trigger", "steps", "inputs", "event", ".", "[", "]", "(", ")", "'", '"', "+", "*", "/", "%", "?", ":", "==", "!=", "&&", "||",
     "!", "in", "map", "filter", "all", "exists", "has", "size", "matches", "minor_units", "upper", "date", "default", "lookup",
     "x", "1", "9223372036854775807", "-1", "1e308", "null", "true", "{", "}", ",", "a", "list", "__p0", "\\", "\n", "dyn", "type"]
)  # fmt: skip
expressions = (
    st.text(max_size=80) | st.lists(words, max_size=25).map("".join) | st.lists(words, max_size=25).map(" ".join)
)
yaml_words = st.sampled_from(
    ["flows:", "connections:", "- ", "  ", "\n", "name: x", "steps:", "&a", "*a", "!!python/object/apply:os.system", "!!binary",
     "<<: *a", "? ", "{", "}", "[", "]", "|", ">", "---", "...", "%YAML 1.2", "version: 1", "null", "~", "0x1F", "1:2:3", "'", '"', "#"]
)  # fmt: skip
yaml_texts = st.text(max_size=300) | st.lists(yaml_words, max_size=30).map("".join) | json.map(repr)
ENDS_THE_SEARCH = ("/sign-out", "/account/sessions/end")
"""Whoever sends these is signed out; they are sent by the stranger alone."""
FORMS = [filled(route.removeprefix("POST ")) for route in WEB if route.startswith("POST ")] + [
    "/apps/firstpromoter/connections", "/apps/webhook/connections", "/apps/razorpay/connections",
    "/connections/{connection}/name", "/connections/{connection}/keys", "/connections/{connection}/limit",
    "/flows/{flow}/edit", "/flows/{flow}/sample", "/flows/{flow}/connections", "/flows/{flow}/connections/{link}/edit",
    "/flows/{flow}/connections/{link}/trigger", "/flows/{flow}/connections/{link}/backfill",
]  # fmt: skip
"""Every form of the interface, with ids of nothing; and some again, with ids of what is there."""
fields = st.sampled_from(
    ["name", "email", "password", "current_password", "new_password", "next", "role", "scope", "lives", "networks", "to", "code",
     "ticket", "secret", "id", "value", "currency", "amount", "status", "plan", "overlap", "run", "reason", "csv", "limit", "number",
     "binding.send", "fields.api_key", "fields.account_id", "fields.base_url", "fields.url", "payload", "bindings.send",
     "trigger", "type", "description", "theme", "steps", "step", "filter", "app", "action", "inputs.payload", "a" * 300]
)  # fmt: skip
typed = st.text(max_size=60) | st.sampled_from(
    ["//evil.example", "/\\evil.example", "=cmd()", "<script>", "\0", "Mira", "mira@example.com", "developer", "*:read", "30",
     "correct horse battery", "webhook", "webhook.received", "INR", "1.5", "-1", "9" * 40, "{{ trigger }}", "{{ 1/0 }}",
     "https://example.com/in", "javascript:alert(1)", "2026-01-01", "{", "[[", "10.0.0.0/8", "\r\nSet-Cookie: a=b", "\ud7ff"]
)  # fmt: skip
forms = st.dictionaries(fields, typed, max_size=8)


@dataclass(frozen=True)
class Hook:
    """The address of a webhook, and how its sender signs."""

    path: str
    header: str
    signature: Callable[[bytes], str]


@dataclass(frozen=True)
class Target:
    """A server with two webhooks that are waiting, and how to run a call of it."""

    callers: Callers
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    hooks: Mapping[str, Hook]
    """By the app that they are of."""
    ids: Mapping[str, str]
    """Of what is there, for the forms."""


@pytest.fixture(scope="module")
def at() -> Iterator[Target]:
    """One server for all cases; what they make stays in it, as it would."""
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory() as folder:
        context = callers(Path(folder), requests_per_minute=0)
        it = loop.run_until_complete(context.__aenter__())
        yield loop.run_until_complete(_target(it, loop.run_until_complete))
        loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()


async def _target(it: Callers, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> Target:
    out = await it.hub.connections.create(
        app="webhook", name="Out", fields={"url": "https://example.com/in", "signing_secret": SECRET}, skip_test=True
    )
    keys = {"key_id": "rzp_test_fuzzed", "key_secret": f"{SECRET} too", "webhook_secret": SECRET}
    signing = await it.hub.connections.create(app="razorpay", name="Signing", fields=keys, skip_test=True)
    own = await _flow_connection(it, {"app": "webhook", "trigger": "received"}, {"send": out.id})
    vendors = await _flow_connection(
        it, {"app": "razorpay", "trigger": "invoice_paid"}, {"send": out.id, "trigger": signing.id}
    )
    paths = [made.flow_connection.webhook_url.removeprefix(it.hub.server_url) for made in (own, vendors)]
    hooks = {
        "webhook": Hook(paths[0], "x-signature", lambda body: plain(body, own.hook_secret)),
        "razorpay": Hook(paths[1], "x-razorpay-signature", lambda body: sign(body, SECRET)),
    }
    ids = {"connection": out.id, "flow": own.flow_connection.flow_id, "link": own.flow_connection.id}
    return Target(it, run, hooks, ids)


async def _flow_connection(it: Callers, trigger: dict[str, str], bindings: dict[str, str]) -> NewHookSecret:
    send = {"id": "send", "app": "webhook", "action": "send_webhook", "inputs": {"payload": "{{ trigger }}"}}
    definition = {"name": f"From {trigger['app']}", "type": "inbound", "trigger": trigger, "steps": [send]}
    flow = await it.hub.flows.create(definition, publish=True)
    return await it.hub.flow_connections.create(flow_id=flow.flow.id, name="Fuzzed", bindings=bindings)


def _answered(answer: Any, what: object) -> None:
    assert answer.status < 500, what
    said = answer.body + repr(answer.headers).encode()
    assert SECRET.encode() not in said, what
    assert b"Traceback" not in answer.body, what


def check_webhook(at: Target, body: bytes, sent: dict[str, str], app: str, *, is_signed: bool) -> None:
    kept = {name: value for name, value in sent.items() if name != "content-length" or value.isdigit()}
    hook = at.hooks[app]
    if is_signed:
        kept[hook.header] = hook.signature(body)
    _answered(at.run(at.callers.stranger().request("POST", hook.path, body, **kept)), (hook.path, body, kept))


def check_header(at: Target, sent: dict[str, str], path: str) -> None:
    _answered(at.run(at.callers.stranger().request("GET", path, b"", **sent)), (path, sent))


def check_expression(_: Target, source: str, data: Any) -> None:
    started = perf_counter()
    try:
        value = compile_expression(source).evaluate({"trigger": data, "steps": {}, "inputs": {}, "event": {}})
        dumps(value)
    except ExpressionError:
        pass  # refused in words
    assert perf_counter() - started < LONGEST_SECONDS, source


def check_yaml(_: Target, text: str) -> None:
    with suppress(ServiceError):  # refused in words
        read([("flows.yaml", text)])


def check_form(at: Target, path: str, form: dict[str, str], *, is_signed_in: bool, by_script: bool) -> None:
    who = (
        at.callers.people[Role.ADMINISTRATOR] if is_signed_in and path not in ENDS_THE_SEARCH else at.callers.stranger()
    )
    there = re.sub(r"\{(\w+)\}", lambda match: at.ids[match[1]], path)
    _answered(at.run(who.post(there, form, hx_request="true" if by_script else "")), (path, form))


KINDS: dict[str, tuple[Callable[..., None], dict[str, Any]]] = {
    "webhooks": (
        check_webhook,
        {
            "body": bodies | events,
            "sent": headers,
            "app": st.sampled_from(["webhook", "razorpay"]),
            "is_signed": mostly,
        },
    ),
    "headers": (
        check_header,
        {"sent": headers, "path": st.sampled_from(["/sign-in", "/", "/api/v1/runs", "/togai/customers"])},
    ),
    "expressions": (check_expression, {"source": expressions, "data": json}),
    "files of flows": (check_yaml, {"text": yaml_texts}),
    "forms": (
        check_form,
        {"path": st.sampled_from(FORMS), "form": forms, "is_signed_in": mostly, "by_script": st.booleans()},
    ),
}


def searched(at: Target, kind: str, count: int) -> int:
    """Try so many cases of a kind; how many there were."""
    check, strategies = KINDS[kind]
    tried = 0

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(**strategies)
    def one(**case: Any) -> None:
        nonlocal tried
        tried += 1
        check(at, **case)

    one()
    return tried


@pytest.mark.parametrize(
    ("kind", "few"), [("webhooks", 60), ("headers", 60), ("expressions", 300), ("files of flows", 300), ("forms", 120)]
)
def test_input_of_any_kind_is_answered_or_refused(at: Target, kind: str, few: int) -> None:
    assert searched(at, kind, few) >= few


@pytest.mark.fuzz
@pytest.mark.parametrize("kind", KINDS)
def test_a_great_deal_of_it_too(at: Target, kind: str, record_property: Callable[[str, object], None]) -> None:
    tried = searched(at, kind, MANY)
    record_property("line", f"Hostile {kind}: {tried:,} cases")
    record_property("cases", tried)
    assert tried >= MANY
