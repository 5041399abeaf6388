"""Which right a page needs, by its address: reading and changing, per part of the interface.

A page of a part that is not listed is the administrator's alone, so a new one is closed until somebody says what it needs.
"""

from __future__ import annotations

OWN = ""
"""Everybody who is signed in: one's own account, search, the theme, the first page."""
_SAFE = ("GET", "HEAD")
_RESOURCES = {
    "": OWN,
    "account": OWN,
    "search": OWN,
    "theme": OWN,
    "apps": "connections",
    "connections": "connections",
    "flows": "flows",
    "flow-connections": "flows",
    "editor": "flows",
    "activity": "runs",
    "runs": "runs",
    "customers": "customers",
    "accounts": "accounts",
    "price-plans": "price_plans",
    "invoices": "invoices",
    "reconciliation": "reconciliation",
}


def needed(method: str, path: str) -> str:
    """The scope that a person's role must allow, e.g. "flows:write"; empty: none."""
    resource = _RESOURCES.get(path.split("/", 2)[1], "options")
    return f"{resource}:{'read' if method in _SAFE else 'write'}" if resource else ""
