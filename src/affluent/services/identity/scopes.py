"""Scopes of API tokens: a resource and read or write. Write includes read; `*` stands for every resource."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from affluent.services.errors import Invalid

BILLING_RESOURCES = ("customers", "accounts", "settings", "price_plans", "invoices", "payments", "credits")
HUB_RESOURCES = (
    "apps", "connections", "flows", "events", "runs", "identities", "reconciliation", "tokens", "users", "audit",
    "options",
)  # fmt: skip
RESOURCES = (*BILLING_RESOURCES, *HUB_RESOURCES)

SCOPES: tuple[str, ...] = tuple(
    f"{resource}:{access}" for resource in (*RESOURCES, "*") for access in ("read", "write")
)

ALL_SCOPES = ("*:read", "*:write")
"""What allows everything."""


def grants(held: Iterable[str], scope: str) -> bool:
    """Whether the scopes held allow what is wanted: invoices:write allows invoices:read, *:read allows every read."""
    resource, _, access = scope.partition(":")
    enough = {f"{resource}:write", "*:write"}
    if access == "read":
        enough |= {scope, "*:read"}
    return not enough.isdisjoint(held)


def checked(scopes: Sequence[str]) -> tuple[str, ...]:
    """The scopes, each once and in the order of SCOPES; raises Invalid naming one that does not exist."""
    if not scopes:
        raise Invalid("Choose at least one scope, e.g. invoices:read.", field="scopes")
    for scope in scopes:
        if scope not in SCOPES:
            raise Invalid(
                f"There is no scope {scope!r}. A scope is a resource and read or write, e.g. invoices:read; "
                f"resources are {', '.join(RESOURCES)} and *.",
                field="scopes",
            )
    return tuple(scope for scope in SCOPES if scope in scopes)
