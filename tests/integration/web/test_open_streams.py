"""A page that is left open stops telling once its person may no longer look, whatever ended that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from affluent.kit import clock
from affluent.services.identity.people import SESSION_IDLE, SESSION_LIVES
from affluent.web import live
from tests.integration.web.browser import Browser

TO_SIGN_IN = 'hx-get="/"'


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs of life, and with them a look at the session, follow each other at once."""
    monkeypatch.setattr(live, "PING_SECONDS", 0.005)


class Stream:
    """What an open page hears."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.heard = asyncio.Event()
        self.ended = asyncio.Event()

    async def send(self, message: dict[str, Any]) -> None:
        self.said.append(message.get("body", b"").decode())
        if "data: " in self.said[-1]:
            self.heard.set()
        if message["type"] == "http.response.body" and not message["more_body"]:
            self.ended.set()


@asynccontextmanager
async def opened(browser: Browser, path: str = "/home/events") -> AsyncIterator[Stream]:
    """The stream, after its first message."""
    stream, never = Stream(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        await never.wait()
        return {"type": "http.disconnect"}

    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1), "server": ("hub", 80),
        "headers": [(b"host", b"hub.example"), (b"cookie", cookies.encode()), (b"hx-request", b"true")],
    }  # fmt: skip
    task = asyncio.create_task(browser.application(scope, receive, stream.send))
    try:
        await asyncio.wait_for(stream.heard.wait(), 5)
        yield stream
    finally:
        never.set()
        await asyncio.wait_for(task, 5)


@pytest.fixture
async def noor(owner: Browser) -> Browser:
    """Somebody else, a second administrator."""
    browser = owner.fresh()
    await browser.get(await owner.hub.people.signed_in_link(name="Noor", email="noor@example.com"))
    return browser


async def person_id(browser: Browser, email: str) -> str:
    return next(person.id for person in await browser.hub.users.list() if person.email == email)


async def sign_out(noor: Browser, _person: str) -> None:
    await noor.fresh().hub.people.sign_out(noor.cookies["affluent"])


async def revoke(noor: Browser, person: str) -> None:
    await noor.hub.users.revoke(person)


async def deactivate(noor: Browser, person: str) -> None:
    await noor.hub.users.deactivate(person)


@pytest.mark.parametrize("end", [sign_out, revoke, deactivate])
async def test_a_stream_ends_with_its_session(noor: Browser, end: Callable[[Browser, str], Awaitable[None]]) -> None:
    async with opened(noor) as stream:
        await end(noor, await person_id(noor, "noor@example.com"))
        await asyncio.wait_for(stream.ended.wait(), 5)
    assert TO_SIGN_IN in "".join(stream.said[-2:])


@pytest.mark.parametrize("by", [SESSION_IDLE, SESSION_LIVES])
async def test_a_stream_ends_when_its_session_grew_too_old(
    noor: Browser, monkeypatch: pytest.MonkeyPatch, by: timedelta
) -> None:
    async with opened(noor) as stream:
        now = clock.now
        monkeypatch.setattr(clock, "now", lambda: now() + by + timedelta(minutes=1))
        await asyncio.wait_for(stream.ended.wait(), 5)
    assert TO_SIGN_IN in "".join(stream.said[-2:])


async def test_an_open_page_is_no_use_of_its_session(noor: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    person, now = await person_id(noor, "noor@example.com"), clock.now
    before = (await noor.hub.users.sessions(person))[0].seen_at
    monkeypatch.setattr(clock, "now", lambda: now() + timedelta(hours=1))
    async with opened(noor) as stream:
        while not any(": ping" in said for said in stream.said):
            await asyncio.sleep(0)
        assert (await noor.hub.users.sessions(person))[0].seen_at == before
        await noor.get("/account")
        assert (await noor.hub.users.sessions(person))[0].seen_at > before
        await revoke(noor, person)


async def test_with_another_role_the_stream_is_asked_for_again(noor: Browser) -> None:
    async with opened(noor) as stream:
        await noor.hub.users.change_role(await person_id(noor, "noor@example.com"), "analyst")
        await asyncio.wait_for(stream.ended.wait(), 5)
    assert TO_SIGN_IN not in "".join(stream.said)


async def test_nobody_hears_a_change_that_came_after_their_session(
    noor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PING_SECONDS", 60.0)
    monkeypatch.setattr(live, "ASK_EVERY_SECONDS", 0.001)
    async with opened(noor) as stream:
        person, told = await person_id(noor, "noor@example.com"), len(stream.said)
        await revoke(noor, person)
        minute = clock.now
        monkeypatch.setattr(clock, "now", lambda: minute() + timedelta(minutes=2))  # the page tells of the minute
        await asyncio.wait_for(stream.ended.wait(), 5)
    last = "".join(stream.said[told:])
    assert TO_SIGN_IN in last
    assert last.count("<hx-partial") == 1
