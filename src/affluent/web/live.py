"""Live updates by server-sent events. Nothing runs without somebody who looks, and a hundred who look cost as much as one.

A topic asks a cheap question (the probe) twice a second while it has subscribers, and renders when the answer changes.
Every (re)connect gets the full current state first, so nothing ever needs to be replayed. A stream ends soon after its
person may no longer look.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from affluent.kit.logs import logger

PING_SECONDS = 15.0
ASK_EVERY_SECONDS = 0.5
MOST_PER_SESSION = 40
MOST_PER_ADDRESS = 400
"""Open streams: a page has one, and a person many pages; a proxy stands for many people."""
_log = logger("live")

Holder = tuple[str, str]
"""session or address, and which."""
Probe = Callable[[], Awaitable[Hashable]]
Render = Callable[[], Awaitable[str]]
Farewell = Callable[[], Awaitable[str | None]]
"""None while the person may look; else what the stream says last, which may be nothing."""


@dataclass(slots=True, eq=False)
class _Topic:
    probe: Probe
    render: Render
    latest: str = ""
    number: int = 0
    bells: set[asyncio.Event] = field(default_factory=set)
    task: asyncio.Task[None] | None = None

    async def watch(self) -> None:
        answer: Hashable = None
        while True:
            try:
                now = await self.probe()
                if now != answer or not self.number:
                    self.latest, answer = await self.render(), now
                    self.number += 1
                    for bell in self.bells:
                        bell.set()
            except Exception:  # noqa: BLE001 - a store that is away for a moment must not end everybody's stream
                _log.warning("a live view could not be refreshed", exc_info=True)
            await asyncio.sleep(ASK_EVERY_SECONDS)


class Live:
    """All topics of this process that somebody looks at."""

    def __init__(self) -> None:
        self._topics: dict[Hashable, _Topic] = {}
        self._held: Counter[Holder] = Counter()

    @property
    def subscribers(self) -> int:
        """How many streams are open."""
        return sum(len(topic.bells) for topic in self._topics.values())

    @property
    def topics(self) -> int:
        """How many questions are being asked."""
        return len(self._topics)

    def stream(
        self, key: Hashable, *, probe: Probe, render: Render, farewell: Farewell, session: str, address: str
    ) -> Response:
        """The answer to an EventSource. Streams of one key share the probe and what is rendered.

        A session and an address may hold only so many; 429 when there are more.
        """
        headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
        holders: tuple[Holder, ...] = (("session", session), ("address", address))
        if self._held[holders[0]] >= MOST_PER_SESSION or self._held[holders[1]] >= MOST_PER_ADDRESS:
            sentence = "Too many live pages are open. Close some; this one is not kept up to date."
            return PlainTextResponse(sentence, 429, headers={**headers, "Retry-After": "30"})
        messages = self._counted(holders, self.messages(key, probe=probe, render=render, farewell=farewell))
        return StreamingResponse(messages, media_type="text/event-stream", headers=headers)

    async def _counted(
        self, holders: Sequence[Holder], messages: AsyncGenerator[str, None]
    ) -> AsyncGenerator[str, None]:
        self._held.update(holders)
        try:
            async with aclosing(messages):
                async for text in messages:
                    yield text
        finally:
            self._held.subtract(holders)
            for holder in holders:
                if self._held[holder] <= 0:
                    del self._held[holder]

    async def messages(
        self, key: Hashable, *, probe: Probe, render: Render, farewell: Farewell
    ) -> AsyncGenerator[str, None]:
        """The messages of a stream, until its person may no longer look."""
        topic = self._topics.get(key)
        if topic is None:
            topic = self._topics[key] = _Topic(probe, render)
            topic.task = asyncio.create_task(topic.watch(), name=f"live {key}")
        bell = asyncio.Event()
        topic.bells.add(bell)
        if topic.number:
            bell.set()
        try:
            yield "retry: 1000\n\n"
            while True:
                has_rung = await _rings(bell)
                last = await farewell()  # before anything new is told, so that nobody hears it after their session
                if last is not None:
                    yield message(last, topic.number)
                    return
                if has_rung:
                    bell.clear()
                    yield message(topic.latest, topic.number)
                else:
                    yield ": ping\n\n"
        finally:
            topic.bells.discard(bell)
            if not topic.bells and topic.task is not None:
                topic.task.cancel()
                self._topics.pop(key, None)


async def _rings(bell: asyncio.Event) -> bool:
    """Whether there is something new, before it is time for a sign of life."""
    try:
        await asyncio.wait_for(bell.wait(), PING_SECONDS)
    except TimeoutError:
        return False
    return True


def message(html: str, number: int) -> str:
    """A server-sent event without a name; `number` is its id."""
    return f"id: {number}\n" + "".join(f"data: {line}\n" for line in html.splitlines()) + "\n"
