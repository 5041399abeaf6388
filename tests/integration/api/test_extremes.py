"""Dates, zones and numbers at the ends of what they can be: every operation answers, and a refusal names the field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from affluent.services.connections import credentials
from tests.integration.api.client import client
from tests.integration.api.test_bad_input import resolved

MOMENTS = (
    "0001-01-01T00:00:00+05:30", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z",
    "2026-02-30T00:00:00Z", "2026-01-01T00:00:00+23:59",
)  # fmt: skip
DAYS = ("0001-01-01", "9999-12-31", "1969-12-31", "2200-01-01", "2026-02-30", "-0001-01-01", "10000-01-01")
NUMBERS = (0, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**30, 1e308, 1.5)
ZONES = ("", "Mars/Olympus", "America", "../etc/passwd", "/etc/localtime", "utc\ud7ff", "X" * 64, "Etc/GMT-14")
TEXTS = ("0001-01-01T00:00:00+05:30", "9" * 40, "1e400")


def extremes(schema: dict[str, Any], name: str) -> tuple[Any, ...]:
    """Extreme values for a field, by its schema."""
    kinds = {(each.get("type"), each.get("format")) for each in schema.get("anyOf", [schema])}
    if ("string", "date-time") in kinds:
        return MOMENTS
    if ("string", "date") in kinds:
        return DAYS
    if kinds & {("integer", None), ("number", None)}:
        return NUMBERS
    if ("array", None) in kinds and "items" in schema:
        return tuple([value] for value in extremes(schema["items"], name))
    if ("string", None) in kinds:
        return ZONES if "zone" in name else TEXTS
    return ()


def calls(document: dict[str, Any], known: dict[str, str]) -> Iterator[tuple[str, str, Any]]:
    """Every operation, once per parameter or field and extreme value, the rest as in its example."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parameters = operation.get("parameters", ())
            target = path
            for each in parameters:
                target = target.replace(f"{{{each['name']}}}", known.get(each["name"], "x"))
            body = _example(operation, document)
            for each in parameters:
                for value in extremes(resolved(each["schema"], document), each["name"]):
                    text = quote(str(value[0] if isinstance(value, list) else value), safe="")
                    if each["in"] == "query":
                        yield method, f"{target}?{each['name']}={text}", body
                    elif text:
                        yield method, path.replace(f"{{{each['name']}}}", text).replace("{", "").replace("}", ""), body
            for field, value in _fields(operation, document):
                yield method, target, {**body, field: value} if isinstance(body, dict) else {field: value}


def _schema(operation: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return resolved(content.get("schema", {}), document)


def _example(operation: dict[str, Any], document: dict[str, Any]) -> Any:
    return next(iter(_schema(operation, document).get("examples", ())), None)


def _fields(operation: dict[str, Any], document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for field, schema in _schema(operation, document).get("properties", {}).items():
        inner = resolved(schema, document)
        for value in extremes(inner, field):
            yield field, value
        for name, part in inner.get("properties", {}).items():
            for value in extremes(resolved(part, document), name):
                yield field, {name: value}


async def test_no_extreme_date_zone_or_number_is_a_defect_of_ours(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "_LONGEST_TEST_SECONDS", 0.1)
    async with client(database_url) as call:
        document = (await call("GET", "/openapi.json")).json
        document["paths"].pop("/tokens/{token_id}")
        flow_id = await call.desk.flow()
        shop, billing = await call.desk.shop(), await call.desk.billing()
        link = await call.desk.flow_connections.create(
            flow_id=flow_id, name="Live", bindings={"trigger": billing, "order": shop, "attach": billing}
        )
        known = {
            "flow_id": flow_id,
            "connection_id": shop,
            "flow_connection_id": link.flow_connection.id,
            "number": "1",
            "key": "shop",
        }
        bad = [
            (method, target, body, answer.body[:200])
            for method, target, body in calls(document, known)
            if (answer := await call(method.upper(), target, body)).status >= 500
        ]
    assert bad == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"from": "0001-01-01"}, "from"),
        ({"from": "0001-01-01", "to": "0001-01-02", "zone": "Asia/Kolkata"}, "from"),
        ({"to": "9999-12-31"}, "to"),
        ({"from": "9999-12-31", "to": "9999-12-31", "zone": "America/New_York"}, "from"),
        ({"zone": "America"}, "zone"),
        ({"zone": "../etc/passwd"}, "zone"),
        ({"zone": ""}, "zone"),
    ],
)
async def test_a_period_outside_the_calendar_is_refused_by_the_name_of_its_field(
    database_url: str, change: dict[str, str], field: str
) -> None:
    async with client(database_url) as call:
        answer = await call(
            "POST", "/reconciliation", {"from": "2026-11-01", "to": "2026-11-30", "zone": "UTC", **change}
        )
        assert answer.status == 422
        assert field in answer.body.decode()
