"""Which right a page needs, by its address: reading and changing, per part of the interface.

A page of a part that is not listed is the administrator's alone, so a new one is closed until somebody says what it needs.
"""

from __future__ import annotations

_OWN = frozenset({"", "home", "account", "search"})
"""Everybody's who is signed in."""
_SAFE = ("GET", "HEAD")
_RESOURCES = {
    "apps": "connections",
    "connections": "connections",
    "flows": "flows",
    "activity": "runs",
    "runs": "runs",
    "customers": "customers",
    "accounts": "accounts",
    "plans": "price_plans",
    "invoices": "invoices",
    "payments": "payments",
    "credits": "credits",
    "settings": "settings",
    "reconciliation": "reconciliation",
    "why": "reconciliation",
    "evidence": "reconciliation",
    "identities": "identities",
}
_NESTED = ("customers", "accounts")
"""Below these the part that is named last counts: /accounts/ACC-1/invoices is about invoices."""
_ADMINISTRATORS = "options"


def needed(method: str, path: str) -> str:
    """The scope that a person's role must allow, e.g. "flows:write"; empty: none."""
    first, *rest = path.strip("/").split("/")
    if first in _OWN:
        return ""
    resource = _RESOURCES.get(first, _ADMINISTRATORS)
    if first in _NESTED:
        # Every second part is an id, which may be called anything.
        resource = next((_RESOURCES[part] for part in reversed(rest[1::2]) if part in _RESOURCES), resource)
    return f"{resource}:{'read' if method in _SAFE else 'write'}"
