"""The pages of money: who may see and change them, and what they say before there is anything."""

from __future__ import annotations

import pytest

from affluent.services.identity.roles import Role, may
from affluent.web.rights import needed
from tests.integration.web.browser import Browser


@pytest.mark.parametrize(
    ("method", "path", "role", "allowed"),
    [
        ("GET", "/reconciliation/stm_1", Role.ANALYST, True),
        ("POST", "/reconciliation", Role.ANALYST, False),
        ("POST", "/reconciliation/stm_1/repair", Role.PRODUCT_MANAGER, True),
        ("GET", "/why/INV-1", Role.ANALYST, True),
        ("GET", "/evidence/INV-1", Role.ANALYST, True),
        ("GET", "/identities", Role.ANALYST, True),
        ("POST", "/identities/merge", Role.PRODUCT_MANAGER, False),
        ("POST", "/identities/import", Role.DEVELOPER, True),
    ],
)
def test_a_role_may_do_what_its_rights_say(method: str, path: str, role: Role, *, allowed: bool) -> None:
    assert may(role, needed(method, path)) is allowed


async def test_home_compares_nothing_before_the_first_statement(owner: Browser) -> None:
    words = (await owner.get("/")).words
    assert "Unreconciled — compare the books" in words


async def test_a_wrong_csv_is_told_line_by_line_and_stays_typed(owner: Browser) -> None:
    sent = "account_id,app,kind,external_id\n=ACC,nothing,customer,x"
    answer = await owner.post("/identities/import", {"csv": sent})
    assert answer.status == 422
    assert "Line 2: Name a connection_id that exists" in answer.words
    assert "=ACC,nothing,customer,x" in answer.text


async def test_a_period_that_ends_before_it_begins_is_refused_at_its_field(owner: Browser) -> None:
    for given, words in (
        ({"from": "2026-11-02", "to": "2026-11-01", "zone": "UTC"}, "Must not lie before the first day."),
        ({"from": "soon", "to": "2026-11-01", "zone": "UTC"}, "Choose a day."),
        ({"from": "2026-11-01", "to": "2026-11-01", "zone": "Mars"}, "is not a time zone"),
    ):
        answer = await owner.post("/reconciliation", given)
        assert (answer.status, words in answer.words) == (422, True)


async def test_nothing_is_known_of_a_strange_id(owner: Browser) -> None:
    answer = await owner.get("/why/strange-1")
    assert answer.status == 404
    assert "Nothing here is known as 'strange-1'" in answer.words
