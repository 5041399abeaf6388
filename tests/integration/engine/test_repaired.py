"""A connection is repaired at the very moment at which a run is paused because of it."""

from __future__ import annotations

import asyncio

import asyncpg

from affluent.sdk.errors import AuthFailed
from tests.support.engine import Vendor, engine

STATUS = "UPDATE connections SET status = $1"


async def test_a_run_is_not_left_behind_by_a_repair_that_commits_beside_its_pause(postgresql_url: str) -> None:
    repair = await asyncpg.connect(postgresql_url)

    async def refuse_once(_action: str, _id: str) -> None:
        if vendor.calls[1:]:
            return
        await repair.execute(STATUS, "needs_attention")  # another run was refused before
        await repair.execute("BEGIN")
        await repair.execute(STATUS, "active")  # the repair looks for paused runs now, and this one is not paused yet
        asyncio.get_running_loop().call_later(
            0.5, lambda: committing.append(asyncio.create_task(repair.execute("COMMIT")))
        )
        raise AuthFailed("The key was refused.")

    committing: list[asyncio.Task[str]] = []
    vendor = Vendor(behave=refuse_once)
    try:
        async with engine(postgresql_url, vendor) as made:
            await made.flow({"id": "one", "app": "shop", "action": "put", "inputs": {"id": "{{ trigger.id }}"}})
            [run_id] = await made.accept("s1")
            await made.settle_all()
            assert (await made.run(run_id)).state == "succeeded"
            assert vendor.books == {"put:s1": 1}
    finally:
        await repair.close()
