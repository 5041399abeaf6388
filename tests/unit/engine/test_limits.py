"""The limiter, on a clock of its own."""

from __future__ import annotations

import asyncio
import selectors

import pytest

from affluent.engine.limits import Limiter, NoSlotSoon
from affluent.sdk import Limit
from affluent.store.database import StoreUnavailable


class _ForwardSelector(selectors.DefaultSelector):
    """Jumps over every wait, so that minutes pass in no time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


def in_virtual_time(coroutine):
    selector = _ForwardSelector()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


async def _times(limiter, limit, count, priority=0):
    loop = asyncio.get_running_loop()
    times = []

    async def call():
        await limiter.acquire("con_1", limit, priority)
        times.append(loop.time())

    await asyncio.gather(*(call() for _ in range(count)))
    return times


@pytest.mark.enable_socket
def test_a_backlog_uses_the_limit_to_the_edge_and_never_crosses_it():
    limit = Limit(requests=400, per_seconds=60)
    times = in_virtual_time(_times(Limiter(), limit, 2000))
    busiest = max(sum(start <= other < start + 60 for other in times) for start in times)
    assert busiest <= 400
    assert 2000 / (times[-1] - times[0]) * 60 >= 0.97 * 400


@pytest.mark.enable_socket
def test_a_tight_limit_of_ten_a_second_is_kept():
    times = in_virtual_time(_times(Limiter(), Limit(requests=10, per_seconds=1), 100))
    busiest = max(sum(start <= other < start + 1 for other in times) for start in times)
    assert busiest <= 10


@pytest.mark.enable_socket
def test_live_calls_overtake_backfill():
    async def scenario():
        limiter, limit = Limiter(), Limit(requests=60, per_seconds=60)
        backfill = asyncio.ensure_future(_times(limiter, limit, 50, priority=10))
        await asyncio.sleep(5)
        (live,) = await _times(limiter, limit, 1, priority=0)
        waited = live - 5
        await backfill
        return waited

    assert in_virtual_time(scenario()) <= 1.1


@pytest.mark.enable_socket
def test_a_long_line_sends_calls_away_to_come_back_in_turn_and_never_runs_dry():
    async def scenario():
        limiter, limit = Limiter(), Limit(requests=400, per_seconds=60)
        loop, times, away = asyncio.get_running_loop(), [], []

        async def call():
            while True:
                try:
                    await limiter.acquire("con_1", limit, 0, may_come_back=True)
                    break
                except NoSlotSoon as held:
                    away.append(held)
                    await asyncio.sleep(held.seconds)
            times.append(loop.time())

        calls = [asyncio.ensure_future(call()) for _ in range(1_000)]
        await asyncio.sleep(0.01)
        longest_line = len(calls) - len(away)
        await asyncio.gather(*calls)
        return longest_line, times, away

    longest_line, times, away = in_virtual_time(scenario())
    assert longest_line <= 14
    assert not any(held.by_vendor for held in away)
    assert len(away) < 1.5 * len(times)
    assert times[-1] <= 1_000 / 400 * 60 * 1.03
    assert max(sum(start <= other < start + 60 for other in times) for start in times) <= 400


@pytest.mark.enable_socket
def test_a_live_call_is_not_sent_away_behind_a_backlog():
    async def scenario():
        limiter, limit = Limiter(), Limit(requests=60, per_seconds=60)
        backlog = [asyncio.ensure_future(limiter.acquire("con_1", limit, 10)) for _ in range(5)]
        await asyncio.sleep(0.1)
        with pytest.raises(NoSlotSoon):
            await limiter.acquire("con_1", limit, 10, may_come_back=True)
        await limiter.acquire("con_1", limit, 0, may_come_back=True)
        await asyncio.gather(*backlog)

    in_virtual_time(scenario())


@pytest.mark.enable_socket
def test_a_vendor_that_says_slow_down_is_left_alone():
    async def scenario():
        limiter, limit = Limiter(), Limit(requests=600, per_seconds=60)
        await limiter.acquire("con_1", limit, 0)
        limiter.hold("con_1", limit, 3)
        await limiter.acquire("con_1", limit, 0)
        return asyncio.get_running_loop().time()

    assert in_virtual_time(scenario()) >= 3


@pytest.mark.enable_socket
def test_a_vendor_that_wants_a_long_rest_keeps_no_call_waiting_here():
    async def scenario():
        limiter, limit = Limiter(), Limit(requests=1, per_seconds=60)
        await limiter.acquire("con_1", limit, 0)
        waiting = asyncio.ensure_future(limiter.acquire("con_1", limit, 0))
        await asyncio.sleep(0)
        limiter.hold("con_1", limit, 3_600)
        with pytest.raises(NoSlotSoon) as first:
            await waiting
        await asyncio.sleep(600)
        with pytest.raises(NoSlotSoon) as second:
            await limiter.acquire("con_1", limit, 0)
        return first.value.seconds, second.value.seconds

    assert in_virtual_time(scenario()) == (3_600, 3_000)


@pytest.mark.enable_socket
def test_slots_that_passed_while_the_process_stood_still_are_not_made_up_for_in_a_burst():
    async def reserve(_connection_id, _limit, _wanted):
        return asyncio.get_running_loop().time() - 1, 20, 0.1  # a second late

    async def scenario():
        await asyncio.sleep(5)
        return await _times(Limiter(reserve), Limit(requests=100, per_seconds=10), 10)

    times = in_virtual_time(scenario())
    assert sum(at < 5.05 for at in times) <= 2
    assert len(times) == 10


@pytest.mark.enable_socket
def test_calls_wait_for_a_database_that_is_away_and_then_go():
    async def reserve(_connection_id, _limit, _wanted):
        if away:
            away.pop()
            raise StoreUnavailable("Away.")
        return asyncio.get_running_loop().time(), 1, 1.0

    away = ["away"] * 3
    assert len(in_virtual_time(_times(Limiter(reserve), Limit(requests=60, per_seconds=60), 2))) == 2


@pytest.mark.enable_socket
def test_a_cancelled_call_gives_its_turn_to_the_next():
    async def scenario():
        limiter, limit = Limiter(), Limit(requests=60, per_seconds=60)
        await limiter.acquire("con_1", limit, 0)
        first = asyncio.ensure_future(limiter.acquire("con_1", limit, 0))
        second = asyncio.ensure_future(limiter.acquire("con_1", limit, 0))
        await asyncio.sleep(0.1)
        first.cancel()
        await second
        return asyncio.get_running_loop().time()

    assert in_virtual_time(scenario()) <= 1.5
