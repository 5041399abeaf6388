"""Users, own account, second factors and sessions, as a browser without script uses them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from html import unescape
from pathlib import Path

import pyotp
import pytest

from affluent.kit import clock
from affluent.services.identity.roles import Role
from tests.integration.security.callers import Callers, callers
from tests.integration.web.browser import PASSWORD, Browser

NEW_PASSWORD = "a horse on a battery staple"
SIGN_IN = {"email": "mira@example.com", "password": PASSWORD}


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Callers]:
    async with callers(tmp_path) as it:
        yield it


@pytest.fixture
def owner(at: Callers) -> Browser:
    return at.people[Role.ADMINISTRATOR]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Moves the clock on."""
    now = clock.now
    moved = [timedelta()]

    def move(by: timedelta) -> None:
        moved[0] += by
        monkeypatch.setattr(clock, "now", lambda: now() + moved[0])

    return move


def person_in(text: str, name: str) -> str:
    return re.findall(rf'/admin/users/(per_\w+)">{name}<', text)[0]


async def invited(owner: Browser, **form: str) -> str:
    usual = {"name": "Noor Haddad", "email": "noor@example.com", "role": "analyst"}
    answer = await owner.post("/admin/users", {**usual, **form})
    return unescape(re.findall(r"<code>(http\S+/invitation/[\w-]+)</code>", answer.text)[0])


async def set_up(browser: Browser) -> tuple[str, list[str]]:
    """A second factor; its secret and the recovery codes."""
    secret = re.findall(r'name="secret" value="(\w+)"', (await browser.get("/account/second-factor")).text)[0]
    form = {"secret": secret, "code": pyotp.TOTP(secret).at(clock.now()), "password": PASSWORD}
    answer = await browser.post("/account/second-factor", form)
    return secret, re.findall(r"\b[2-9A-Z]{5}-[2-9A-Z]{5}\b", answer.text.split("<pre")[1].split("</pre>")[0])


async def ticket_of(browser: Browser) -> str:
    return re.findall(r'name="ticket" value="([\w-]+)"', (await browser.post("/sign-in", SIGN_IN)).text)[0]


async def test_somebody_invited_chooses_a_password_and_is_in(at: Callers, owner: Browser) -> None:
    link, browser = await invited(owner), at.stranger()
    assert "Hello Noor Haddad" in (await browser.get(link)).words
    assert (await browser.post(link, {"password": "short"})).status == 422
    assert "guessed first" in (await browser.post(link, {"password": "NoorHaddad2026!"})).words
    assert (await browser.post(link, {"password": NEW_PASSWORD})).status == 303
    assert "Noor Haddad" in (await browser.get("/")).words
    assert (await at.stranger().post(link, {"password": NEW_PASSWORD})).status == 404


async def test_a_link_is_shown_once_and_not_compressed(owner: Browser) -> None:
    answer = await owner.post("/admin/users", {"name": "Noor", "email": "n@example.com", "role": "analyst"})
    assert answer.header("content-encoding") == "identity"
    assert "/invitation/" not in (await owner.get("/admin/users")).text


async def test_somebody_who_did_not_accept_cannot_sign_in(at: Callers, owner: Browser) -> None:
    await invited(owner)
    answer = await at.stranger().post("/sign-in", {"email": "noor@example.com", "password": ""})
    assert answer.status == 422


@pytest.mark.parametrize(
    ("form", "said"),
    [({"email": "mira@example.com"}, "There is a person with this e-mail"), ({"role": "king"}, "Choose a role"),
     ({"email": "noor"}, "not an e-mail address"), ({"name": " "}, "Give your name")],
)  # fmt: skip
async def test_an_invitation_that_makes_no_sense_is_refused_at_the_field(
    owner: Browser, form: dict[str, str], said: str
) -> None:
    usual = {"name": "Noor", "email": "noor@example.com", "role": "analyst"}
    answer = await owner.post("/admin/users", {**usual, **form})
    assert answer.status == 422
    assert said in answer.words


async def test_a_role_counts_from_the_next_request_on(at: Callers, owner: Browser) -> None:
    analyst = at.people[Role.ANALYST]
    assert (await analyst.get("/admin/tokens")).status == 403
    person = person_in((await owner.get("/admin/users")).text, "Analyst")
    assert (await owner.post(f"/admin/users/{person}/role", {"role": "administrator"})).status == 303
    assert (await analyst.get("/admin/tokens")).status == 200


async def test_the_last_administrator_stays_one(owner: Browser) -> None:
    person = person_in((await owner.get("/admin/users")).text, "Mira Kapoor")
    answer = await owner.post(f"/admin/users/{person}/role", {"role": "analyst"})
    assert answer.status == 422
    assert "only administrator" in answer.words
    assert (await owner.post(f"/admin/users/{person}/deactivate")).status == 409


async def test_somebody_deactivated_is_out_at_once_and_comes_back_when_let_in(at: Callers, owner: Browser) -> None:
    developer = at.people[Role.DEVELOPER]
    person = person_in((await owner.get("/admin/users")).text, "Developer")
    await owner.post(f"/admin/users/{person}/deactivate")
    assert (await developer.get("/")).status == 303
    form = {"email": "developer@example.com", "password": PASSWORD}
    assert (await at.stranger().post("/sign-in", form)).status == 422
    await owner.post(f"/admin/users/{person}/activate")
    assert (await at.stranger().post("/sign-in", form)).status == 303


async def test_a_password_link_ends_the_sessions_and_the_links_before(at: Callers, owner: Browser) -> None:
    developer = at.people[Role.DEVELOPER]
    person = person_in((await owner.get("/admin/users")).text, "Developer")
    links = [
        re.findall(r"<code>(http\S+)</code>", (await owner.post(f"/admin/users/{person}/link")).text)[0]
        for _ in range(2)
    ]
    assert (await at.stranger().post(links[0], {"password": NEW_PASSWORD})).status == 404
    assert (await at.stranger().post(links[1], {"password": NEW_PASSWORD})).status == 303
    assert (await developer.get("/")).status == 303


async def test_another_password_signs_other_browsers_out(at: Callers, owner: Browser) -> None:
    other = at.stranger()
    await other.post("/sign-in", SIGN_IN)
    form = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert (await owner.post("/account/password", form)).status == 303
    assert (await other.get("/")).status == 303
    assert (await owner.get("/")).status == 200
    assert (await at.stranger().post("/sign-in", SIGN_IN)).status == 422


async def test_another_password_asks_for_the_one_there_is(owner: Browser) -> None:
    answer = await owner.post("/account/password", {"current_password": "wrong", "new_password": NEW_PASSWORD})
    assert answer.status == 422
    assert "This is not your password" in answer.words
    answer = await owner.post("/account/password", {"current_password": PASSWORD, "new_password": "MiraMira2026!"})
    assert answer.status == 422
    assert "guessed first" in answer.words


async def test_with_a_second_factor_the_password_alone_lets_nobody_in(at: Callers, owner: Browser, later) -> None:
    secret, _ = await set_up(owner)
    later(timedelta(minutes=2))
    browser = at.stranger()
    ticket = await ticket_of(browser)
    assert (await browser.get("/")).status == 303
    assert (await browser.post("/sign-in/code", {"ticket": ticket, "code": "000000"})).status == 422
    code = pyotp.TOTP(secret).at(clock.now())
    assert (await browser.post("/sign-in/code", {"ticket": ticket, "code": code})).status == 303
    assert (await browser.get("/")).status == 200


async def test_a_code_is_good_once(at: Callers, owner: Browser, later) -> None:
    secret, _ = await set_up(owner)
    later(timedelta(minutes=2))
    code = pyotp.TOTP(secret).at(clock.now())
    first, second = at.stranger(), at.stranger()
    tickets = [await ticket_of(first), await ticket_of(second)]
    assert (await first.post("/sign-in/code", {"ticket": tickets[0], "code": code})).status == 303
    assert (await second.post("/sign-in/code", {"ticket": tickets[1], "code": code})).status == 422


async def test_a_recovery_code_is_good_once(at: Callers, owner: Browser) -> None:
    _, codes = await set_up(owner)
    assert len(codes) == 10
    for expected in (303, 422):
        browser = at.stranger()
        form = {"ticket": await ticket_of(browser), "code": codes[0].lower()}
        assert (await browser.post("/sign-in/code", form)).status == expected
    assert "Recovery codes left: 9" in (await owner.get("/account")).words


async def test_a_ticket_is_good_for_five_minutes(at: Callers, owner: Browser, later) -> None:
    secret, _ = await set_up(owner)
    ticket = await ticket_of(at.stranger())
    later(timedelta(minutes=6))
    form = {"ticket": ticket, "code": pyotp.TOTP(secret).at(clock.now())}
    answer = await at.stranger().post("/sign-in/code", form)
    assert answer.status == 422
    assert "took too long" in answer.words


async def test_a_second_factor_needs_the_right_code_and_password_to_begin(owner: Browser) -> None:
    secret = pyotp.random_base32()
    right = {"secret": secret, "code": pyotp.TOTP(secret).at(clock.now()), "password": PASSWORD}
    for wrong in ({"code": "123"}, {"password": "wrong"}, {"secret": "x"}):
        assert (await owner.post("/account/second-factor", {**right, **wrong})).status == 422
    assert "Set it up" in (await owner.get("/account")).words


async def test_turning_it_off_asks_for_the_password(at: Callers, owner: Browser) -> None:
    await set_up(owner)
    assert (await owner.post("/account/second-factor/remove", {"password": "wrong"})).status == 422
    assert (await owner.post("/account/second-factor/remove", {"password": PASSWORD})).status == 303
    assert (await at.stranger().post("/sign-in", SIGN_IN)).status == 303


async def test_sessions_are_listed_and_ended(at: Callers, owner: Browser) -> None:
    other = at.stranger()
    await other.post("/sign-in", SIGN_IN, user_agent="Netscape 4")
    page = await owner.get("/account")
    assert "Netscape 4" in page.words
    assert "127.0.0.1" in page.words
    session = re.findall(r'name="session" value="(ses_\w+)"', page.text)[0]
    await owner.post("/account/sessions/end", {"session": session})
    assert (await other.get("/")).status == 303
    assert (await owner.get("/")).status == 200


async def test_nobody_ends_a_session_of_somebody_else(at: Callers, owner: Browser) -> None:
    theirs = (await at.hub.users.sessions((await at.hub.users.list())[1].id))[0]
    analyst = at.people[Role.ANALYST]
    await analyst.post("/account/sessions/end", {"session": theirs.id})
    assert (await owner.get("/")).status == 200
    assert [(await browser.get("/")).status for browser in at.people.values()] == [200] * len(at.people)


async def test_guessing_has_to_wait_also_after_a_restart(at: Callers, tmp_path: Path, later) -> None:
    for _ in range(5):
        await at.stranger().post("/sign-in", {**SIGN_IN, "password": "wrong"})
    refused = await at.stranger().post("/sign-in", SIGN_IN)
    assert "Too many tries" in refused.words
    again = Callers(at.hub)  # another process has nothing in memory
    assert "Too many tries" in (await again.stranger().post("/sign-in", SIGN_IN)).words
    later(timedelta(minutes=16))
    assert (await again.stranger().post("/sign-in", SIGN_IN)).status == 303


async def test_the_log_tells_who_did_what_from_where(at: Callers, owner: Browser) -> None:
    await invited(owner)
    await owner.post("/admin/tokens", {"name": "Nightly export", "scope": "runs:read", "lives": ""})
    page = await owner.get("/admin/audit")
    for words in ("Mira Kapoor", "Created person", "noor@example.com", "Created token", "Nightly export", "127.0.0.1"):
        assert words in page.words
    only = await owner.get("/admin/audit?noun=token")
    assert "Nightly export" in only.words
    assert "noor@example.com" not in only.words


async def test_the_log_is_exported_as_csv_and_json(owner: Browser) -> None:
    csv = await owner.get("/admin/audit/export")
    assert csv.text.startswith("number,at,actor_kind")
    assert "attachment" in csv.header("content-disposition")
    lines = (await owner.get("/admin/audit/export?form=json")).text.splitlines()
    assert len(lines) == len(csv.text.splitlines())
    assert '"noun":"person"' in "".join(lines)


async def test_a_wrong_password_is_in_the_log_but_not_what_was_typed(at: Callers, owner: Browser) -> None:
    await at.stranger().post("/sign-in", {"email": "hunter2@example.com", "password": "hunter2"})
    page = await owner.get("/admin/audit?noun=sign-in")
    assert "Refused sign-in" in page.words
    assert "hunter2" not in page.words


async def test_the_settings_page_shows_no_secret(tmp_path: Path) -> None:
    async with callers(tmp_path, master_key="ab" * 32) as it:
        page = await it.people[Role.ADMINISTRATOR].get("/admin/settings")
    assert "AFFLUENT_MASTER_KEY" in page.words
    assert "ab" * 32 not in page.text
