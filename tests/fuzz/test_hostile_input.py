"""Whatever is sent, nothing answers 5xx, nothing hangs, and no secret comes back: 100,000 cases in `make fuzz`."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affluent.domain.expression import ExpressionError, compile_expression
from affluent.kit.jsons import dumps
from affluent.services.errors import ServiceError
from affluent.services.flow_files_text import read
from affluent.services.roles import Role
from tests.integration.security.callers import Callers, callers

FEW, MANY = 60, 20_000
"""Five kinds of input, 20,000 cases each."""
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
FORMS = (
    "/sign-in", "/sign-in/code", "/welcome/x", "/invitation/x", "/theme", "/account/name", "/account/second-factor",
    "/admin/tokens", "/admin/users", "/customers", "/flows/new", "/apps/firstpromoter/connections", "/apps/webhook/connections",
)  # fmt: skip
fields = st.sampled_from(
    ["name", "email", "password", "next", "role", "scope", "lives", "to", "code", "ticket", "secret", "id", "currency",
     "fields.api_key", "fields.account_id", "fields.base_url", "trigger", "type", "description", "a" * 300]
)  # fmt: skip
forms = st.dictionaries(
    fields, st.text(max_size=60) | st.sampled_from(["//evil.example", "=cmd()", "<script>", "\0"]), max_size=6
)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Callers, str, Callable[[Coroutine[Any, Any, Any]], Any]]]:
    """A server with a webhook that is waiting, its path, and how to run a call of it."""
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory() as folder:
        context = callers(Path(folder), requests_per_minute=0)
        it = loop.run_until_complete(context.__aenter__())
        path = loop.run_until_complete(_webhook(it))
        yield it, path, loop.run_until_complete
        loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()


async def _webhook(it: Callers) -> str:
    definition = {
        "name": "Orders", "type": "inbound", "trigger": {"app": "webhook", "trigger": "received"},
        "steps": [{"id": "send", "app": "webhook", "action": "send_webhook", "inputs": {"payload": "{{ trigger }}"}}],
    }  # fmt: skip
    hub = it.hub
    out = await hub.connections.create(
        app="webhook", name="Out", fields={"url": "https://example.com/in", "signing_secret": SECRET}, skip_test=True
    )
    flow = await hub.flows.create(definition, publish=True)
    made = await hub.flow_connections.create(flow_id=flow.flow.id, name="Fuzzed", bindings={"send": out.id})
    return made.flow_connection.webhook_url.removeprefix(hub.server_url)


def lots(check: Callable[..., None], count: int, **strategies: Any) -> Callable[..., None]:
    """The check with so many examples."""
    quiet = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    found: Callable[..., None] = settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=quiet
    )(given(**strategies)(check))
    return found


def _answered(answer: Any, what: object) -> None:
    assert answer.status < 500, what
    assert SECRET.encode() not in answer.body
    assert b"Traceback" not in answer.body


def check_webhook(served: Any, body: bytes, sent: dict[str, str]) -> None:
    it, path, run = served
    kept = {name: value for name, value in sent.items() if name != "content-length" or value.isdigit()}
    _answered(run(it.stranger().request("POST", path, body, **kept)), (body, kept))


def check_header(served: Any, sent: dict[str, str], path: str) -> None:
    it, _, run = served
    _answered(run(it.stranger().request("GET", path, b"", **sent)), (path, sent))


def check_expression(source: str, data: Any) -> None:
    started = perf_counter()
    try:
        value = compile_expression(source).evaluate({"trigger": data, "steps": {}, "inputs": {}, "event": {}})
        dumps(value)
    except ExpressionError:
        pass  # refused in words
    assert perf_counter() - started < LONGEST_SECONDS, source


def check_yaml(text: str) -> None:
    with suppress(ServiceError):  # refused in words
        read([("flows.yaml", text)])


def check_form(served: Any, path: str, form: dict[str, str]) -> None:
    it, _, run = served
    browser = it.people[Role.ADMINISTRATOR]
    for who in (it.stranger(), browser):
        _answered(run(who.post(path, form)), (path, form))


KINDS: dict[str, tuple[Callable[..., None], dict[str, Any]]] = {
    "webhook": (check_webhook, {"body": bodies, "sent": headers}),
    "header": (
        check_header,
        {"sent": headers, "path": st.sampled_from(["/sign-in", "/", "/api/v1/runs", "/togai/customers"])},
    ),
    "expression": (check_expression, {"source": expressions, "data": json}),
    "yaml": (check_yaml, {"text": yaml_texts}),
    "form": (check_form, {"path": st.sampled_from(FORMS), "form": forms}),
}

test_a_webhook_of_any_bytes_is_answered = lots(check_webhook, FEW, **KINDS["webhook"][1])
test_headers_of_any_kind_are_answered = lots(check_header, FEW, **KINDS["header"][1])
test_an_expression_neither_hangs_nor_breaks = lots(check_expression, FEW * 5, **KINDS["expression"][1])
test_a_file_of_flows_is_read_or_refused = lots(check_yaml, FEW * 5, **KINDS["yaml"][1])
test_a_form_of_any_fields_is_answered = lots(check_form, FEW, **KINDS["form"][1])

test_many_webhooks = pytest.mark.fuzz(lots(check_webhook, MANY, **KINDS["webhook"][1]))
test_many_headers = pytest.mark.fuzz(lots(check_header, MANY, **KINDS["header"][1]))
test_many_expressions = pytest.mark.fuzz(lots(check_expression, MANY, **KINDS["expression"][1]))
test_many_files_of_flows = pytest.mark.fuzz(lots(check_yaml, MANY, **KINDS["yaml"][1]))
test_many_forms = pytest.mark.fuzz(lots(check_form, MANY, **KINDS["form"][1]))
