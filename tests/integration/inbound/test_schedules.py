"""Schedules: every moment once over all workers, the last missed one made up for."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update

from affluent.kit import clock
from affluent.kit.jsons import loads
from affluent.store import tables
from affluent.store.tables.inbound import duties
from tests.integration.inbound.stand import stand

EVERY_MINUTE = {"cron": "* * * * *", "timezone": "Europe/Berlin"}


async def missed(it, link, ago):
    """Let the schedule have waited for a moment so long ago, as after an outage."""
    waited = (clock.now() - ago).replace(second=0, microsecond=0)
    mine = duties.c.flow_connection_id == link
    await it.execute(update(duties).where(mine).values(cursor=waited.isoformat(), due_at=waited))
    return waited


async def test_a_new_schedule_waits_for_its_first_moment(database_url):
    async with stand(database_url) as it:
        link = await it.connect("due", app="timer", **EVERY_MINUTE)
        await it.attend()
        duty = await it.duty(link, "schedule")
        assert await it.events() == []
        assert timedelta(0) < duty.due_at - clock.now() <= timedelta(minutes=1)
        assert duty.due_at.second == 0


async def test_a_moment_that_has_come_starts_one_run_with_the_time_of_its_zone(database_url):
    async with stand(database_url) as it:
        link = await it.connect("due", app="timer", **EVERY_MINUTE)
        await it.attend()
        await missed(it, link, timedelta(0))
        await it.attend()
        (event,) = await it.rows(select(tables.events))
        payload = loads(event.payload)
        moment = clock.now().replace(second=0, microsecond=0)
        assert abs(event.occurred_at - moment) <= timedelta(minutes=1)
        assert payload["scheduled_at"] == event.occurred_at.isoformat()
        assert payload["timezone"] == "Europe/Berlin"
        assert payload["local_time"][-6:] in {"+01:00", "+02:00"}
        assert len(await it.events()) == 1


async def test_of_many_missed_moments_only_the_last_is_made_up_for(database_url):
    async with stand(database_url) as it:
        link = await it.connect("due", app="timer", **EVERY_MINUTE)
        await it.attend()
        await missed(it, link, timedelta(days=2))
        await it.attend()
        (event,) = await it.rows(select(tables.events))
        assert clock.now() - event.occurred_at < timedelta(minutes=2)


async def test_two_workers_fire_a_moment_once(database_url):
    async with stand(database_url) as it:
        link = await it.connect("due", app="timer", cron="0 0 1 1 *")
        await it.attend()
        await missed(it, link, timedelta(0))
        (duty,) = await it.background_jobs.take(8)
        await it.background_jobs.perform(duty)
        await it.background_jobs.perform(duty)  # a worker that was believed dead comes back
        assert len(await it.events()) == 1


async def test_a_moment_is_fired_once_even_when_the_schedule_goes_back(database_url):
    async with stand(database_url) as it:
        link = await it.connect("due", app="timer", cron="0 0 1 1 *")
        await it.attend()
        for _ in range(2):
            await it.execute(update(duties).values(cursor="2026-01-01T00:00:00+00:00", due_at=clock.now()))
            await it.attend()
        assert len(await it.events()) == 1
        assert (await it.duty(link, "schedule")).items == 1


async def test_a_schedule_that_was_disabled_begins_with_the_next_moment(database_url):
    async with stand(database_url) as it:
        link = await it.connect("due", app="timer", **EVERY_MINUTE)
        await it.attend()
        await missed(it, link, timedelta(hours=1))
        await it.enable(link, enabled=False)
        await it.attend()
        await it.enable(link, enabled=True)
        await it.attend()
        assert await it.events() == []


async def test_a_line_that_names_no_moment_rests_and_says_so(database_url):
    async with stand(database_url) as it:
        link = await it.connect("due", app="timer", cron="0 0 31 2 *")
        await it.attend()
        duty = await it.duty(link, "schedule")
        assert duty.due_at is None
        assert "names no moment" in duty.sentence


async def test_a_time_zone_that_is_gone_is_said_and_tried_again(database_url):
    async with stand(database_url) as it:
        link = await it.connect("due", app="timer", cron="0 9 * * *", timezone="Mars/Olympus")
        await it.attend()
        duty = await it.duty(link, "schedule")
        assert "Mars/Olympus" in duty.sentence
        assert duty.failures == 1
