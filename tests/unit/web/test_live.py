"""Live topics: shared, silent without change, gone without somebody who looks."""

from __future__ import annotations

import asyncio

import pytest

from affluent.web import live as module
from affluent.web.live import Live


class Page:
    """Something to look at."""

    def __init__(self) -> None:
        self.state = "one"
        self.asked = 0
        self.rendered = 0

    async def probe(self) -> str:
        """What is asked."""
        self.asked += 1
        return self.state

    async def render(self) -> str:
        """What is shown."""
        self.rendered += 1
        return f"<p>{self.state}</p>\n<p>end</p>"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask often."""
    monkeypatch.setattr(module, "ASK_EVERY_SECONDS", 0.001)


async def stays() -> None:
    """Says that the person may look."""


def look(live: Live, page: Page):
    """A stream that has been opened."""
    return live.messages("page", probe=page.probe, render=page.render, farewell=stays)


async def test_a_stream_begins_with_the_full_state() -> None:
    stream = look(Live(), Page())
    assert await anext(stream) == "retry: 1000\n\n"
    assert await anext(stream) == "id: 1\ndata: <p>one</p>\ndata: <p>end</p>\n\n"
    await stream.aclose()


async def test_a_change_is_sent_and_sameness_is_not() -> None:
    page = Page()
    stream = look(Live(), page)
    await anext(stream)
    await anext(stream)
    while page.asked < 5:
        await asyncio.sleep(0)
    assert page.rendered == 1
    page.state = "two"
    assert "two" in await anext(stream)
    await stream.aclose()


async def test_everybody_shares_one_question_and_latecomers_get_the_state_at_once() -> None:
    live, page = Live(), Page()
    first = look(live, page)
    await anext(first)
    await anext(first)
    second = look(live, page)
    await anext(second)
    assert "one" in await anext(second)
    assert (live.subscribers, live.topics, page.rendered) == (2, 1, 1)
    await first.aclose()
    await second.aclose()


async def test_nothing_runs_without_somebody_who_looks() -> None:
    live, page = Live(), Page()
    stream = look(live, page)
    await anext(stream)
    await anext(stream)
    await stream.aclose()
    asked = page.asked
    for _ in range(20):
        await asyncio.sleep(0)
    assert (live.subscribers, live.topics, page.asked) == (0, 0, asked)


async def test_a_store_that_is_away_does_not_end_the_stream() -> None:
    page, fail = Page(), [True]
    healthy = page.probe

    async def probe() -> str:
        if fail.pop() if fail else False:
            raise OSError("away")
        return await healthy()

    page.probe = probe  # type: ignore[method-assign]  # fails once
    stream = look(Live(), page)
    await anext(stream)
    assert "one" in await anext(stream)
    await stream.aclose()


async def test_quiet_streams_are_kept_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PING_SECONDS", 0.001)
    stream = look(Live(), Page())
    heard = [await anext(stream) for _ in range(4)]
    assert ": ping\n\n" in heard
    await stream.aclose()
