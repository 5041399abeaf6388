"""FirstPromoter's published descriptions, with their known defects mended in memory: each mend names its defect."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from affluent.kit.jsons import JSONObject, loads
from tests.contract.firstpromoter.record import Sent, openapi

if TYPE_CHECKING:
    from openapi_core import OpenAPI

FOLDER = Path(__file__).parents[4] / "shared" / "contracts" / "firstpromoter"
PREFIXES = {
    "/api/v2/track": ["v2/openapi-v2-tracking.json"],
    "/api/v2/company": [
        "v2/openapi-v2-referrals.json",
        "v2/openapi-v2-promoters.json",
        "v2/openapi-v2-commissions.json",
        "v2/openapi-v2-promocodes.json",
        "v2/openapi-v2-promoter-campaigns.json",
        "v2/openapi-v2-campaigns.json",
        "v2/openapi-v2-batches.json",
    ],
    "/api/v1/track": ["v1/openapi-tracking.json"],
    "/api/v1/leads": ["v1/openapi-leads.json"],
    "/api/v1/promoters": ["v1/openapi-promoters.json"],
    "/api/v1/rewards": ["v1/openapi-rewards.json"],
}
UNDOCUMENTED = {
    ("/api/v2/track/cancellation", 404): "what a cancellation of nobody answers is not documented",
    ("/api/v2/track/cancellation", 204): "same",
    ("/api/v1/track/cancellation", 204): "same",
    ("/api/v2/company/promo_codes/{id}", 404): "no 404 is documented for promo codes",
}
"""Answers that the twin gives without a published text, and why."""


def needed() -> None:
    """Skip where the descriptions are not beside the checkout."""
    if not FOLDER.is_dir():
        pytest.skip("FirstPromoter's descriptions are not here: ../shared/contracts/firstpromoter is missing")


@dataclass(frozen=True)
class Operation:
    """One described operation."""

    pattern: str
    parameters: list[JSONObject]
    api: OpenAPI


def found(sent: Sent) -> Operation:
    """The operation that a request means; fails when none is described."""
    prefix = next(item for item in PREFIXES if sent.path.startswith(item))
    for document, api in _described(prefix):
        host, _, base = document["servers"][0]["url"].partition("/api/")
        for pattern in sorted(document["paths"], key=lambda item: item.count("{")):
            whole = f"/api/{base}{pattern}"
            matches = re.fullmatch(re.sub(r"\{[^}]+\}", ".+", whole), sent.path)
            if matches and sent.method in document["paths"][pattern]:
                sent.host_url = host
                operation = document["paths"][pattern][sent.method]
                parameters = [resolved(document, item) for item in operation.get("parameters", [])]
                return Operation(whole, parameters, api)
    raise AssertionError(f"{sent.method} {sent.path} is described nowhere")


@cache
def _described(prefix: str) -> tuple[tuple[JSONObject, OpenAPI], ...]:
    """The descriptions that speak for addresses below a prefix, mended. Unknown fields are problems, both ways."""
    loaded = []
    for name in PREFIXES[prefix]:
        document: JSONObject = loads((FOLDER / name).read_bytes())
        mend(name, document)
        config = openapi.Config(additional_properties_default_policy="forbid")
        loaded.append((document, openapi.OpenAPI.from_dict(document, config=config)))
    return tuple(loaded)


def mend(name: str, document: JSONObject) -> None:
    """Mend the listed defects."""
    _no_required_without_property(document)
    if name.endswith("v2-tracking.json"):
        _both_email_and_uid(document)
    if name.endswith("v2-promoters.json"):
        document["paths"]["/promoters/assign_parent"]["post"]["operationId"] = "assignParent"  # `acceptPromoters` twice
        _items_of_arrays(document)
    if name.endswith("v2-commissions.json"):
        _items_of_arrays(document)
    _filters_in_brackets(document)
    _pages(document)
    _open_where_nothing_is_said(document)


def operations(document: JSONObject) -> Iterator[JSONObject]:
    """Every operation of a description."""
    for path in document["paths"].values():
        yield from (operation for method, operation in path.items() if method in ("get", "post", "put", "delete"))


def resolved(document: JSONObject, value: Any) -> Any:
    """A value, or what its reference points at."""
    while isinstance(value, dict) and "$ref" in value:
        target: Any = document
        for part in value["$ref"].split("/")[1:]:
            target = target[part]
        value = target
    return value


def _schemas(value: Any) -> Iterator[JSONObject]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _schemas(item)
    elif isinstance(value, list):
        for item in value:
            yield from _schemas(item)


def _no_required_without_property(document: JSONObject) -> None:
    """v2 promoters and referrals require `selection`, v1 promoters `message`: properties that do not exist."""
    for schema in _schemas(document):
        properties = schema.get("properties")
        if isinstance(properties, dict) and isinstance(schema.get("required"), list):
            schema["required"] = [name for name in schema["required"] if name in properties]
            if not schema["required"]:
                del schema["required"]


def _both_email_and_uid(document: JSONObject) -> None:
    """v2 tracking's `oneOf` forbids to send both e-mail and uid, which the official guides do."""
    for operation in operations(document):
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        schema["anyOf"] = schema.pop("oneOf")


def _items_of_arrays(document: JSONObject) -> None:
    """v2 promoters: `custom_fields`, v2 commissions: `processing_errors`: arrays without items."""
    for schema in _schemas(document):
        if schema.get("type") == "array" and "items" not in schema:
            schema["items"] = {}


def _filters_in_brackets(document: JSONObject) -> None:
    """v2 commissions and promoters: `filters` and `sorting` are objects without style deepObject, and nested.

    What is sent is what v2 referrals describes one by one: filters[state], filters[created_at][from].
    """
    for operation in operations(document):
        parameters = [resolved(document, item) for item in operation.get("parameters", [])]
        operation["parameters"] = [part for item in parameters for part in _parts(document, item)]


def _parts(document: JSONObject, parameter: JSONObject) -> Iterator[JSONObject]:
    schema = resolved(document, parameter.get("schema", {}))
    if parameter.get("in") != "query" or "properties" not in schema:
        yield parameter
        return
    for name, inner in schema["properties"].items():
        whole = {"name": f"{parameter['name']}[{name}]", "in": "query", "schema": resolved(document, inner)}
        yield from _parts(document, whole)


def _pages(document: JSONObject) -> None:
    """v2: `page` and `per_page` are missing on most lists."""
    for path in document["paths"].values():
        operation = path.get("get")
        if operation is not None:
            names = [resolved(document, item).get("name") for item in operation.setdefault("parameters", [])]
            operation["parameters"] += [
                {"name": name, "in": "query", "schema": {"type": "integer"}}
                for name in ("page", "per_page")
                if name not in names
            ]


def _open_where_nothing_is_said(document: JSONObject) -> None:
    """No defect: unknown fields are problems to us, but not in objects without described fields, nor in parts of an allOf."""
    for schema in _schemas(document):
        if schema.get("type") == "object" and "properties" not in schema:
            schema.setdefault("additionalProperties", True)
        for part in schema.get("allOf", []) if isinstance(schema.get("allOf"), list) else []:
            resolved(document, part)["additionalProperties"] = True
