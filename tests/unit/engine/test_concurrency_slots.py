"""Places: at most so many at a time, the most urgent first."""

from __future__ import annotations

import asyncio

import pytest

from affluent.engine.dispatch.concurrency_slots import ConcurrencySlots


class Crowd:
    """People who want a place and stay until they are told to go."""

    def __init__(self, count: int) -> None:
        self.slots = ConcurrencySlots(count)
        self.inside: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, urgency: int = 0) -> None:
        self.gates[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._stay(name, urgency))
        await asyncio.sleep(0)

    async def go(self, *names: str) -> None:
        for name in names:
            self.gates[name].set()
            await self.tasks[name]
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def _stay(self, name: str, urgency: int) -> None:
        async with self.slots.slot(urgency):
            self.inside.append(name)
            await self.gates[name].wait()


async def test_no_more_than_the_places_are_inside() -> None:
    crowd = Crowd(2)
    for name in "abc":
        await crowd.come(name)
    assert crowd.inside == ["a", "b"]
    assert crowd.slots.taken == 2
    await crowd.go("a")
    assert crowd.inside == ["a", "b", "c"]
    await crowd.go("b", "c")
    assert crowd.slots.taken == 0


async def test_the_most_urgent_goes_first_and_equals_in_their_order() -> None:
    crowd = Crowd(1)
    await crowd.come("first")
    await crowd.come("later")
    await crowd.come("latest")
    await crowd.come("urgent", urgency=1)
    await crowd.go("first", "urgent", "later", "latest")
    assert crowd.inside == ["first", "urgent", "later", "latest"]


async def test_one_who_gives_up_leaves_no_place_behind() -> None:
    crowd = Crowd(1)
    await crowd.come("first")
    await crowd.come("impatient")
    await crowd.come("patient")
    crowd.tasks["impatient"].cancel()
    await crowd.go("first")
    assert crowd.inside == ["first", "patient"]


async def test_one_who_gives_up_when_let_in_hands_the_place_on() -> None:
    crowd = Crowd(1)
    await crowd.come("first")
    await crowd.come("impatient")
    await crowd.come("patient")
    crowd.gates["first"].set()
    crowd.tasks["first"].add_done_callback(lambda _: crowd.tasks["impatient"].cancel())
    await crowd.tasks["first"]
    with pytest.raises(asyncio.CancelledError):
        await crowd.tasks["impatient"]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert crowd.inside[-1] == "patient"
    await crowd.go("patient")
    await crowd.come("next")
    assert crowd.inside[-1] == "next"


async def test_all_who_wait_may_be_let_in_and_the_places_are_fewer_again_afterwards() -> None:
    crowd = Crowd(1)
    for name in "abc":
        await crowd.come(name)
    crowd.slots.admit_all()
    await asyncio.sleep(0)
    assert crowd.inside == ["a", "b", "c"]
    await crowd.go("a", "b")
    await crowd.come("d")
    assert crowd.inside == ["a", "b", "c"]
    await crowd.go("c")
    assert crowd.inside == ["a", "b", "c", "d"]
