"""Who gets in, for how long, and who does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import unquote

import pytest
from sqlalchemy import func, select

from affluent.kit import clock
from affluent.services.identity.people import LINK_LIVES, SESSION_IDLE, SESSION_LIVES
from affluent.store.tables import people as tables_people
from tests.integration.web.browser import PASSWORD, Browser, browser

SIGN_IN = {"email": "Mira@Example.com ", "password": PASSWORD}


@pytest.fixture
async def visitor(database_url: str) -> AsyncIterator[Browser]:
    """On both stores."""
    async with browser(database_url) as it:
        yield it


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch):
    """Moves the clock."""
    now = clock.now
    return lambda by: monkeypatch.setattr(clock, "now", lambda: now() + by)


async def test_a_page_sends_strangers_to_the_sign_in_and_back(visitor: Browser) -> None:
    answer = await visitor.get("/admin/tokens?after=tok_1")
    assert (answer.status, answer.header("location")) == (303, "/sign-in?next=/admin/tokens%3Fafter%3Dtok_1")


async def test_the_first_link_creates_the_owner_who_is_signed_in(visitor: Browser) -> None:
    await visitor.sign_in_as_owner()
    page = await visitor.get("/")
    assert page.status == 200
    assert "Mira Kapoor" in page.words


async def test_the_first_link_works_once(owner: Browser) -> None:
    assert await owner.hub.people.first_link() == ""


async def test_a_link_that_was_used_is_explained(visitor: Browser) -> None:
    link = await visitor.hub.people.first_link()
    form = {"name": "Mira", "email": "mira@example.com", "password": PASSWORD}
    await visitor.post(link, form)
    again = await visitor.fresh().post(link, {**form, "email": "eve@example.com"})
    assert again.status == 404
    assert "used already" in again.words


async def test_two_links_create_one_owner(visitor: Browser) -> None:
    links = [await visitor.hub.people.first_link() for _ in range(2)]
    form = {"name": "Mira", "email": "mira@example.com", "password": PASSWORD}
    answers = [await visitor.fresh().post(link, form) for link in links]
    assert [answer.status for answer in answers] == [303, 404]


async def test_a_link_is_too_old_after_a_day(visitor: Browser, later) -> None:
    link = await visitor.hub.people.first_link()
    later(LINK_LIVES + timedelta(seconds=1))
    assert (await visitor.get(link)).status == 404


async def test_the_owners_form_keeps_what_was_typed_and_names_every_wrong_field(visitor: Browser) -> None:
    link = await visitor.hub.people.first_link()
    answer = await visitor.post(link, {"name": "Mira", "email": "mira", "password": "short"})
    assert answer.status == 422
    assert 'value="Mira"' in answer.text
    assert "not an e-mail address" in answer.words
    assert "at least 12 characters; this one has 5" in answer.words
    assert "short" not in answer.text.replace("shorter", "")


async def test_the_owner_signs_in_with_the_password(owner: Browser) -> None:
    other = owner.fresh()
    answer = await other.post("/sign-in", {**SIGN_IN, "next": "/admin/tokens"})
    assert (answer.status, answer.header("location")) == (303, "/admin/tokens")
    assert (await other.get("/admin/tokens")).status == 200


@pytest.mark.parametrize(
    "address", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_signing_in_never_leads_to_another_site(owner: Browser, address: str) -> None:
    answer = await owner.fresh().post("/sign-in", {**SIGN_IN, "next": address})
    assert answer.header("location") == "/"


@pytest.mark.parametrize("email", ["mira@example.com", "nobody@example.com"])
async def test_a_wrong_password_and_an_unknown_address_are_refused_in_the_same_words(
    owner: Browser, email: str
) -> None:
    answer = await owner.fresh().post("/sign-in", {"email": email, "password": "not the password"})
    assert answer.status == 422
    assert "do not belong together" in answer.words
    assert f'value="{email}"' in answer.text


async def test_guessing_is_slowed_down(owner: Browser) -> None:
    other = owner.fresh()
    answers = [await other.post("/sign-in", {**SIGN_IN, "password": f"guess {n}"}) for n in range(6)]
    assert "Too many tries" in answers[-1].words
    assert "Too many tries" in (await other.post("/sign-in", SIGN_IN)).words


async def test_signing_out_ends_the_session_in_the_store_too(owner: Browser) -> None:
    kept = dict(owner.cookies)
    assert (await owner.post("/sign-out")).status == 303
    owner.cookies = kept
    assert (await owner.get("/")).status == 303


async def test_an_idle_session_ends(owner: Browser, later) -> None:
    later(SESSION_IDLE + timedelta(minutes=1))
    assert (await owner.get("/")).status == 303


async def test_a_session_in_use_ends_all_the_same_after_its_longest_time(owner: Browser, later) -> None:
    statuses = []
    for day in (2, 4, 6):
        later(timedelta(days=day))
        statuses.append((await owner.get("/")).status)
    later(SESSION_LIVES)
    assert [*statuses, (await owner.get("/")).status] == [200, 200, 200, 303]


async def test_the_demo_link_signs_in_once_and_needs_no_password(visitor: Browser) -> None:
    link = await visitor.hub.people.signed_in_link()
    first, second = await visitor.get(link), await visitor.fresh().get(link)
    assert (first.status, second.status) == (303, 404)
    assert "Demo owner" in (await visitor.get("/")).words


async def test_a_person_without_a_password_cannot_sign_in_with_an_empty_one(visitor: Browser) -> None:
    await visitor.hub.people.signed_in_link()
    answer = await visitor.post("/sign-in", {"email": "demo@affluent.example", "password": ""})
    assert answer.status == 422


async def test_the_store_holds_no_session_and_no_link_that_could_be_used(owner: Browser) -> None:
    rows = [*await owner.desk.rows(tables_people.sessions), *await owner.desk.rows(tables_people.one_time_links)]
    assert owner.cookies["affluent"] not in str(rows)
    number = await owner.desk.database.read(
        lambda c: c.execute(select(func.count()).select_from(tables_people.sessions)).scalar_one()
    )
    assert number == 1


@pytest.mark.parametrize("address", ["/activity?q=é", "/activity?q=→", "/activity?q=a b"])
async def test_the_script_is_led_to_any_address_of_ours(owner: Browser, address: str) -> None:
    answer = await owner.fresh().post("/sign-in", {**SIGN_IN, "next": address}, hx_request="true")
    assert answer.status == 200
    assert unquote(answer.header("hx-redirect")) == address


async def test_signing_in_gives_a_new_session_whatever_the_browser_brought(owner: Browser) -> None:
    other = owner.fresh()
    other.cookies["affluent"] = "chosen by somebody else"
    await other.post("/sign-in", SIGN_IN)
    assert other.cookies["affluent"] not in ("chosen by somebody else", owner.cookies["affluent"])
    assert (await other.get("/account")).status == 200
