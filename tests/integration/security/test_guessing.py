"""Guessing: tries are counted before they are judged, however many come at once, and nobody is kept out by them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

import pyotp
import pytest

from affluent.kit import clock
from affluent.services.identity import own_account as account
from affluent.services.identity import people
from affluent.services.identity import second_factor as totp
from affluent.services.identity.roles import Role
from affluent.services.identity.throttle import (
    FREE,
    FREE_AT_ADDRESS,
    UNKNOWN_PER_MINUTE,
    Attempt,
    Key,
    MustWait,
    Throttle,
)
from affluent.store.open import open_database
from affluent.store.schema import upgrade as schema
from tests.integration.security.callers import Callers, callers
from tests.integration.web.browser import PASSWORD, Browser

pytestmark = pytest.mark.timeout(180)  # hundreds of pages at once take long where others work too
EMAIL = "mira@example.com"
SIGN_IN = {"email": EMAIL, "password": PASSWORD}
AT_ONCE = 300
OFFICE = Key("address 192.0.2.7", is_shared=True)


@pytest.fixture
async def at(database_url: str, tmp_path: Path) -> AsyncIterator[Callers]:
    """The whole server on both stores; the owner and an analyst are signed in."""
    where = "" if database_url.startswith("sqlite") else database_url
    async with callers(tmp_path, roles=(Role.ADMINISTRATOR, Role.ANALYST), database_url=where) as it:
        yield it


@pytest.fixture
async def throttle(database_url: str, tmp_path: Path) -> AsyncIterator[Throttle]:
    """The counts alone, on both stores."""
    database = open_database(database_url, tmp_path / "unused.db")
    await schema.upgrade(database)
    await database.open()
    yield Throttle(database)
    await database.close()


@pytest.fixture
def owner(at: Callers) -> Browser:
    """The owner's browser."""
    return at.people[Role.ADMINISTRATOR]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch):
    """Moves the clock, and stops it there: a busy machine waits no time away."""
    now = clock.now

    def move(by: timedelta = timedelta()) -> None:
        moment = now() + by
        monkeypatch.setattr(clock, "now", lambda: moment)

    return move


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every password and code that is compared with the right one."""
    found: list[str] = []
    matches, step_of = people.matches, totp.step_of

    async def noting_password(password_hash: str, password: str) -> bool:
        found.append(password)
        return await matches(password_hash, password)

    def noting_code(secret: str, code: str, now: datetime) -> int | None:
        found.append(code)
        return step_of(secret, code, now)

    monkeypatch.setattr(people, "matches", noting_password)
    monkeypatch.setattr(account, "matches", noting_password)
    monkeypatch.setattr(totp, "step_of", noting_code)
    return found


async def second_factor(browser: Browser) -> tuple[str, list[str]]:
    """Set one up; its secret and the recovery codes."""
    secret = re.findall(r'name="secret" value="(\w+)"', (await browser.get("/account/second-factor")).text)[0]
    form = {"secret": secret, "code": pyotp.TOTP(secret).at(clock.now()), "password": PASSWORD}
    answer = await browser.post("/account/second-factor", form)
    return secret, re.findall(r"\b[2-9A-Z]{5}-[2-9A-Z]{5}\b", answer.text.split("<pre")[1].split("</pre>")[0])


async def ticket_of(browser: Browser) -> str:
    """The password is given; the ticket with which a code is."""
    return re.findall(r'name="ticket" value="([\w-]+)"', (await browser.post("/sign-in", SIGN_IN)).text)[0]


async def guess(browser: Browser, times: int, email: str = EMAIL) -> None:
    """Wrong passwords, one after another."""
    for number in range(times):
        await browser.post("/sign-in", {"email": email, "password": f"wrong {number}"})


def may_be_looked_up(began: float) -> float:
    """How many unknown secrets an address may have tried since a moment."""
    return UNKNOWN_PER_MINUTE * (1 + (monotonic() - began) / 60)


async def test_of_many_passwords_at_once_only_the_free_tries_are_judged(at: Callers, judged: list[str], later) -> None:
    later()
    guesses = (
        at.stranger().elsewhere(f"192.0.2.{number % 250}").post("/sign-in", {**SIGN_IN, "password": f"guess {number}"})
        for number in range(AT_ONCE)
    )
    answers = await asyncio.gather(*guesses)
    assert {answer.status for answer in answers} <= {
        422,
        503,
    }  # 503: the database of a busy machine had no connection left
    assert len(judged) == FREE


async def test_of_many_accounts_tried_at_once_from_an_address_few_are_judged(
    at: Callers, judged: list[str], later
) -> None:
    later()
    guesses = (
        at.stranger().post("/sign-in", {"email": f"person{number}@example.com", "password": "Summer 2026 !"})
        for number in range(2 * FREE_AT_ADDRESS)
    )
    await asyncio.gather(*guesses)
    assert len(judged) == FREE_AT_ADDRESS


async def test_of_many_codes_at_once_only_the_free_tries_are_judged(
    at: Callers, owner: Browser, judged: list[str], later
) -> None:
    await second_factor(owner)
    later(timedelta(minutes=2))
    stranger = at.stranger()
    ticket = await ticket_of(stranger)
    judged.clear()
    codes = (stranger.post("/sign-in/code", {"ticket": ticket, "code": f"{number:06}"}) for number in range(AT_ONCE))
    await asyncio.gather(*codes)
    assert len(judged) == FREE


async def test_recovery_codes_are_tries_too(at: Callers, owner: Browser, later) -> None:
    _, codes = await second_factor(owner)
    later(timedelta(minutes=2))
    stranger = at.stranger()
    ticket = await ticket_of(stranger)
    for number in range(FREE):
        await stranger.post("/sign-in/code", {"ticket": ticket, "code": f"AAAAA-AAAA{number + 2}"})
    answer = await stranger.post("/sign-in/code", {"ticket": ticket, "code": codes[0]})
    assert "Too many tries" in answer.words


async def test_of_many_confirmations_at_once_only_the_free_tries_are_judged(
    at: Callers, owner: Browser, judged: list[str], later
) -> None:
    later()
    forms = (
        owner.post("/account/password", {"current_password": f"guess {number}", "new_password": "another staple 17"})
        for number in range(50)
    )
    await asyncio.gather(*forms)
    assert len(judged) == FREE


@pytest.mark.parametrize("junk", ["é" * 5_000, "' OR 1=1 --", "\u202emira@example.com"])
async def test_what_is_no_address_is_refused_in_the_usual_words(at: Callers, junk: str) -> None:
    answer = await at.stranger().post("/sign-in", {"email": junk, "password": f"{junk} {junk}"})
    assert (answer.status, "do not belong together" in answer.words) == (422, True)


@pytest.mark.parametrize("form", [{"email": "a\0b@example.com", "password": "x"}, {"email": "x", "pass\0word": "x"}])
async def test_a_character_that_no_database_keeps_is_refused_by_name(at: Callers, form: dict[str, str]) -> None:
    answer = await at.stranger().post("/sign-in", dict(form))
    assert (answer.status, "must not contain the character U+0000" in answer.words) == (422, True)


@pytest.mark.parametrize("junk", ["", "..", "a.b.c", "x" * 5_000, "per_1.2.\xe9", "a" * 64])
async def test_a_cookie_that_makes_no_sense_is_no_known_browser(at: Callers, junk: str) -> None:
    assert at.hub.people.devices.known(junk) is None


async def test_strangers_who_guess_do_not_keep_a_known_browser_out(at: Callers, owner: Browser) -> None:
    await owner.post("/sign-out")
    elsewhere = [at.stranger().elsewhere(f"192.0.2.{number}") for number in range(20)]
    await asyncio.gather(*(guess(browser, 1) for browser in elsewhere))
    await asyncio.gather(
        *(guess(at.stranger(), 1, f"{number}@example.com") for number in range(20))
    )  # at the same address
    assert (await owner.post("/sign-in", SIGN_IN)).status == 303


async def test_wrong_codes_of_strangers_do_not_keep_a_known_browser_out(at: Callers, owner: Browser, later) -> None:
    secret, _ = await second_factor(owner)
    await owner.post("/sign-out")
    later(timedelta(minutes=2))
    stranger = at.stranger()
    ticket = await ticket_of(stranger)
    for _ in range(FREE + 1):
        await stranger.post("/sign-in/code", {"ticket": ticket, "code": "000000"})
    form = {"ticket": await ticket_of(owner), "code": pyotp.TOTP(secret).at(clock.now())}
    assert (await owner.post("/sign-in/code", form)).status == 303


async def test_a_known_browser_has_to_wait_after_its_own_wrong_passwords(at: Callers, owner: Browser) -> None:
    await owner.post("/sign-out")
    await guess(owner, FREE)
    assert "Too many tries" in (await owner.post("/sign-in", SIGN_IN)).words


async def test_a_browser_is_known_for_the_account_that_signed_in_only(at: Callers, judged: list[str]) -> None:
    analyst = at.people[Role.ANALYST]
    await analyst.post("/sign-out")
    await guess(analyst, FREE + 3)
    assert len(judged) == FREE


async def test_a_cookie_that_this_server_did_not_sign_makes_no_browser_known(at: Callers, owner: Browser) -> None:
    (name,) = (name for name in owner.cookies if name.endswith("-device"))
    forged = at.stranger()
    forged.cookies[name] = owner.cookies[name][:-4] + "AAAA"
    await guess(forged, FREE)
    assert "Too many tries" in (await at.stranger().post("/sign-in", SIGN_IN)).words


async def test_a_browser_stays_known_when_the_session_has_ended(at: Callers, owner: Browser) -> None:
    before = {name: value for name, value in owner.cookies.items() if name.endswith("-device")}
    await owner.post("/sign-out")
    await owner.post("/sign-in", SIGN_IN)
    assert before
    assert {name: owner.cookies[name] for name in before} == before


async def test_ones_own_success_does_not_clear_what_others_failed_at_the_address(throttle: Throttle) -> None:
    for number in range(FREE_AT_ADDRESS):
        await throttle.take(Key(f"email person{number}@example.com"), OFFICE)
        with suppress(MustWait):
            await throttle.give_back(await throttle.take(Key("email mira@example.com"), OFFICE))
    with pytest.raises(MustWait):
        await throttle.take(Key("email one.more@example.com"), OFFICE)


async def test_a_try_that_was_right_is_given_back(throttle: Throttle) -> None:
    for _ in range(3 * FREE_AT_ADDRESS):
        await throttle.give_back(await throttle.take(Key("email mira@example.com"), OFFICE))
    assert (await throttle.take(OFFICE)).keys == (OFFICE,)


async def test_a_success_after_waiting_lets_the_next_at_the_address_try_at_once(throttle: Throttle, later) -> None:
    for _ in range(FREE_AT_ADDRESS):
        await throttle.take(OFFICE)
    later(timedelta(minutes=1))
    await throttle.give_back(await throttle.take(OFFICE))
    assert (await throttle.take(OFFICE)).keys == (OFFICE,)


async def test_of_tries_that_share_keys_in_any_order_none_is_lost_or_double(throttle: Throttle, later) -> None:
    later()
    one, other = Key("one", is_shared=True), Key("other", is_shared=True)
    pairs = ((one, other) if number % 2 else (other, one) for number in range(AT_ONCE))
    taken = await asyncio.gather(*(throttle.take(*pair) for pair in pairs), return_exceptions=True)
    assert len([attempt for attempt in taken if isinstance(attempt, Attempt)]) == FREE_AT_ADDRESS
    assert all(isinstance(attempt, (Attempt, MustWait)) for attempt in taken)


async def test_a_try_that_is_refused_counts_for_no_key(throttle: Throttle) -> None:
    for _ in range(FREE):
        await throttle.take(Key("email mira@example.com"))
    for _ in range(2 * FREE_AT_ADDRESS):
        with pytest.raises(MustWait):
            await throttle.take(Key("email mira@example.com"), OFFICE)
    assert (await throttle.take(OFFICE)).keys == (OFFICE,)


async def test_of_many_unknown_tokens_at_once_few_are_looked_up(at: Callers) -> None:
    began = monotonic()
    answers = await asyncio.gather(*(at.call("GET /api/v1/runs", f"aff_{number:043}") for number in range(AT_ONCE)))
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {401, 429}
    assert statuses.count(401) <= may_be_looked_up(began)


async def test_a_token_that_was_good_before_is_heard_whatever_others_guess(at: Callers) -> None:
    secret = await at.token("runs:read")
    for number in range(UNKNOWN_PER_MINUTE + 5):
        await at.call("GET /api/v1/runs", f"aff_{number:043}")
    assert (await at.call("GET /api/v1/runs", secret)).status == 200


@pytest.mark.parametrize("address", ["/welcome/{}", "/enter/{}", "/invitation/{}"])
async def test_of_many_unknown_links_at_once_few_are_looked_up(at: Callers, address: str) -> None:
    began = monotonic()
    visits = (at.stranger().get(address.format(f"{number:043}")) for number in range(AT_ONCE))
    statuses = [answer.status for answer in await asyncio.gather(*visits)]
    assert set(statuses) == {404, 429}
    assert statuses.count(404) <= may_be_looked_up(began)


async def test_unknown_links_do_not_keep_a_known_browser_from_its_own(at: Callers, owner: Browser) -> None:
    await owner.post("/sign-out")
    for number in range(UNKNOWN_PER_MINUTE + 5):
        await at.stranger().get(f"/enter/{number:043}")
    link = await at.hub.people.signed_in_link(name="Mira Kapoor", email=EMAIL)
    assert (await owner.get(link)).status == 303
