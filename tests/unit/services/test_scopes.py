"""Scopes of API tokens."""

from __future__ import annotations

import pytest

from affluent.services.identity.scopes import ALL_SCOPES, SCOPES, checked, grants


@pytest.mark.parametrize(
    ("held", "wanted", "allowed"),
    [
        (["invoices:write"], "invoices:read", True),
        (["invoices:read"], "invoices:write", False),
        (["invoices:write"], "payments:read", False),
        (["*:read"], "payments:read", True),
        (["*:read"], "payments:write", False),
        (["*:write"], "payments:read", True),
        ([], "payments:read", False),
        (["*:read"], "*:read", True),
        (["payments:write"], "*:read", False),
    ],
)
def test_write_includes_read_and_a_star_every_resource(held, wanted, allowed) -> None:
    assert grants(held, wanted) is allowed


def test_all_scopes_allow_every_scope() -> None:
    assert all(grants(ALL_SCOPES, scope) for scope in SCOPES)


def test_scopes_are_kept_once_and_in_order() -> None:
    assert checked(["runs:read", "customers:write", "runs:read"]) == ("customers:write", "runs:read")
