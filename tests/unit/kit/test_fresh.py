"""Values that are read once and kept for a moment."""

from __future__ import annotations

import asyncio

import pytest

from affluent.kit.timed_cache import TimedCache


class Source:
    """Something slow to read, that counts."""

    def __init__(self, value: str | None = "a") -> None:
        self.value = value
        self.reads = 0
        self.open = asyncio.Event()

    async def read(self) -> str | None:
        self.reads += 1
        value = self.value
        await self.open.wait()
        return value


async def begin() -> None:
    """Let tasks begin, and the tasks that these begin."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_all_who_ask_at_the_same_time_share_one_reading() -> None:
    fresh, source = TimedCache[str, str | None](60), Source()
    waiting = [asyncio.create_task(fresh.get("key", source.read)) for _ in range(20)]
    await begin()
    source.open.set()
    assert await asyncio.gather(*waiting) == ["a"] * 20
    assert source.reads == 1


async def test_a_value_is_read_again_when_its_time_is_over() -> None:
    fresh, source = TimedCache[str, str | None](-1), Source()
    source.open.set()
    await fresh.get("key", source.read)
    source.value = "b"
    assert await fresh.get("key", source.read) == "b"


async def test_a_value_is_not_read_again_before_its_time_is_over() -> None:
    fresh, source = TimedCache[str, str | None](60), Source()
    source.open.set()
    await fresh.get("key", source.read)
    source.value = "b"
    assert await fresh.get("key", source.read) == "a"


async def test_what_was_being_read_when_it_was_forgotten_is_not_kept() -> None:
    fresh, source = TimedCache[str, str | None](60), Source()
    early = asyncio.create_task(fresh.get("key", source.read))
    await begin()
    fresh.forget()
    source.value = "b"
    late = asyncio.create_task(fresh.get("key", source.read))
    await begin()
    source.open.set()
    assert await asyncio.gather(early, late) == ["a", "b"]
    assert await fresh.get("key", source.read) == "b"


async def test_one_who_stops_waiting_does_not_stop_the_others() -> None:
    fresh, source = TimedCache[str, str | None](60), Source()
    first, second = (asyncio.create_task(fresh.get("key", source.read)) for _ in range(2))
    await begin()
    first.cancel()
    source.open.set()
    assert await second == "a"
    assert source.reads == 1


async def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    fresh, source = TimedCache[str, str | None](60), Source()
    source.open.set()

    async def fail() -> str | None:
        raise LookupError("key")

    results = await asyncio.gather(*(fresh.get("key", fail) for _ in range(2)), return_exceptions=True)
    assert [type(result) for result in results] == [LookupError, LookupError]
    assert await fresh.get("key", source.read) == "a"


async def test_nothing_is_kept_of_what_does_not_exist() -> None:
    fresh, source = TimedCache[str, str | None](60), Source(None)
    source.open.set()
    assert await fresh.get("key", source.read) is None
    source.value = "b"
    assert await fresh.get("key", source.read) == "b"


async def test_nobody_is_left_with_an_unseen_failure(caplog: pytest.LogCaptureFixture) -> None:
    fresh = TimedCache[str, str | None](60)
    source = Source()

    async def fail() -> str | None:
        await source.open.wait()
        raise LookupError("key")

    only = asyncio.create_task(fresh.get("key", fail))
    await begin()
    only.cancel()
    source.open.set()
    with pytest.raises(asyncio.CancelledError):
        await only
    await begin()
    assert caplog.records == []
