"""Roles and what each may do, in the words of the scopes that tokens have too.

| Role | reads | writes |
|---|---|---|
| Administrator | everything, the Admin Center too | everything |
| Developer | everything but the Admin Center | apps, connections, flows, runs, reconciliation, customers, accounts, settings |
| Product Manager | everything but the Admin Center | price plans, invoices, payments, credits, runs, reconciliation |
| Analyst | everything but the Admin Center | nothing |
"""

from __future__ import annotations

from enum import StrEnum

from affluent.services.errors import Forbidden
from affluent.services.identity.scopes import grants

ADMIN_RESOURCES = frozenset({"tokens", "users", "audit", "options"})
"""The Admin Center: nobody but administrators reads it."""


class Role(StrEnum):
    """What a person may do."""

    ADMINISTRATOR = "administrator"
    DEVELOPER = "developer"
    PRODUCT_MANAGER = "product_manager"
    ANALYST = "analyst"

    @property
    def label(self) -> str:
        """As it is shown."""
        return self.value.replace("_", " ").capitalize()


def _writes(text: str) -> tuple[str, ...]:
    return tuple(f"{resource}:write" for resource in text.split())


RIGHTS: dict[Role, tuple[str, ...]] = {
    Role.ADMINISTRATOR: ("*:write",),
    Role.DEVELOPER: (
        "*:read",
        *_writes("apps connections flows events runs identities reconciliation customers accounts settings"),
    ),
    Role.PRODUCT_MANAGER: ("*:read", *_writes("price_plans invoices payments credits runs reconciliation")),
    Role.ANALYST: ("*:read",),
}


def may(role: Role, scope: str) -> bool:
    """Whether a role allows what a scope names, e.g. runs:read."""
    if scope.partition(":")[0] in ADMIN_RESOURCES:
        return role is Role.ADMINISTRATOR
    return grants(RIGHTS[role], scope)


def require_right(role: Role, scope: str) -> None:
    """Raise Forbidden naming who may do it, unless the role allows it; an empty scope is everybody's."""
    if scope and not may(role, scope):
        able = [allowed.label for allowed in Role if may(allowed, scope)]
        raise Forbidden(f"Your role is {role.label}. This needs the role {' or '.join(able)}; ask an administrator.")
