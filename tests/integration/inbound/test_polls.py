"""Polls and backfills: no item lost, none doubled, on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from affluent.domain.event import WORKSPACE, Priority
from affluent.kit import clock
from affluent.sdk import AuthFailed, Unavailable
from affluent.services.errors import Conflict, Invalid
from affluent.store import tables
from tests.integration.inbound.stand import stand

SOON = timedelta(minutes=10)


async def test_a_poll_from_now_starts_nothing_for_what_is_there_already(database_url):
    async with stand(database_url) as it:
        it.vendor.items = [f"old-{n}" for n in range(7)]
        link = await it.connect("made")
        await it.attend()
        assert await it.events() == []
        it.vendor.items.append("new-1")
        await it.attend(later=SOON)
        assert await it.events() == ["new-1"]
        assert (await it.duty(link, "poll")).items == 1


async def test_an_item_made_while_the_first_walk_goes_on_is_not_taken_for_an_old_one(database_url):
    async with stand(database_url) as it:
        it.vendor.items = ["a", "b", "c"]
        it.vendor.between = [lambda: None, lambda: (it.vendor.items.append("d"), it.vendor.times.update(d=clock.now()))]
        await it.connect("made")
        await it.attend()
        assert await it.events() == ["d"]


async def test_a_poll_of_everything_goes_behind_live_traffic_and_then_lives(database_url):
    async with stand(database_url) as it:
        it.vendor.items = ["a", "b", "c", "d"]
        await it.connect("made", start="everything")
        await it.attend()
        it.vendor.items.append("e")
        await it.attend(later=SOON)
        assert await it.events() == ["a", "b", "c", "d", "e"]
        assert await it.priorities() == [Priority.BACKFILL] * 4 + [Priority.LIVE]


async def test_an_item_that_a_shifting_page_hid_comes_with_the_next_walk(database_url):
    async with stand(database_url) as it:
        it.vendor.items = ["a", "b", "c", "d", "e"]
        it.vendor.between = [lambda: None, lambda: it.vendor.items.remove("a")]  # "d" moves to the page that was read
        await it.connect("made", start="everything")
        await it.attend()
        assert await it.events() == ["a", "b", "c", "e"]
        await it.attend(later=SOON)
        assert await it.events() == ["a", "b", "c", "e", "d"]


async def test_an_item_that_shifts_into_the_next_page_comes_once(database_url):
    async with stand(database_url) as it:
        it.vendor.items = ["a", "b", "c", "d"]
        it.vendor.between = [lambda: None, lambda: it.vendor.items.insert(0, "z")]
        await it.connect("made", start="everything")
        await it.attend()
        await it.attend(later=SOON)
        assert sorted(await it.events()) == ["a", "b", "c", "d", "z"]


async def test_an_outage_in_the_middle_of_a_walk_is_gone_on_from_where_it_was(database_url):
    async with stand(database_url) as it:
        it.vendor.items = ["a", "b", "c", "d"]
        it.vendor.between = [lambda: None, lambda: it.vendor.errors.append(Unavailable("Feed is down."))]
        link = await it.connect("made", start="everything")
        await it.attend()
        duty = await it.duty(link, "poll")
        assert (duty.sentence, duty.failures, duty.cursor) == ("Feed is down.", 1, 1)
        await it.attend(later=SOON)
        assert await it.events() == ["a", "b", "c", "d"]
        assert it.vendor.asked == [None, 1, 1]
        assert (await it.duty(link, "poll")).failures == 0


async def test_a_poll_that_goes_on_failing_says_so_on_the_connection_and_takes_it_back(database_url):
    async with stand(database_url) as it:
        it.vendor.errors = [Unavailable("Feed is down.")] * 3
        link = await it.connect("made")
        for _ in range(3):
            await it.attend(later=timedelta(hours=1))
        connection = await it.the_connection(link)
        assert (connection.status, connection.status_reason) == ("active", "Polling fails: Feed is down.")
        await it.attend(later=timedelta(hours=1))
        assert (await it.the_connection(link)).status_reason == ""


async def test_refused_credentials_pause_the_poll_until_the_connection_is_repaired(database_url):
    async with stand(database_url) as it:
        it.vendor.items = ["a"]
        it.vendor.errors = [AuthFailed("Feed refused the key.")]
        link = await it.connect("made", start="everything")
        await it.attend()
        connection = await it.the_connection(link)
        assert (connection.status, connection.status_reason) == ("needs_attention", "Feed refused the key.")
        await it.attend(later=SOON)
        assert (await it.duty(link, "poll")).sentence.startswith("Waits for the connection")
        assert it.vendor.asked == [None]
        await it.execute(_repair(connection.id))
        await it.attend(later=SOON)
        assert await it.events() == ["a"]


async def test_a_worker_that_lost_its_lease_commits_nothing(database_url):
    async with stand(database_url) as it:
        it.vendor.items = ["a"]
        link = await it.connect("made", start="everything")
        duty = await it.take()
        await it.background_jobs.perform(replace(duty, lease=duty.lease - 1))
        assert await it.events() == []
        await it.background_jobs.perform(duty)
        assert await it.events() == ["a"]
        assert (await it.duty(link, "poll")).phase == "live"


async def test_what_a_killed_process_had_taken_goes_on_at_its_next_start(tmp_path):
    url = f"sqlite:///{tmp_path / 'affluent.db'}"
    async with stand(url) as killed:
        killed.vendor.items = ["a"]
        await killed.connect("made", start="everything")
        lost = await killed.take()
    async with stand(url, killed.vendor, fresh=False) as again:
        assert await again.attend() == 0
        await again.background_jobs.take_over()
        await again.attend()
        await again.background_jobs.perform(lost)  # what the killed process might still have committed
        assert await again.events() == ["a"]


async def test_a_duty_is_had_by_one_worker_at_a_time(postgresql_url):
    async with stand(postgresql_url) as one, stand(postgresql_url, one.vendor, fresh=False) as two:
        await one.connect("made")
        await one.background_jobs.find()
        await two.background_jobs.find()
        assert [len(await worker.background_jobs.take(8)) for worker in (one, two)] == [1, 0]


async def test_publishing_a_new_version_keeps_the_cursor(database_url):
    async with stand(database_url) as it:
        it.vendor.items = ["a"]
        link = await it.connect("made", start="everything")
        await it.attend()
        it.vendor.items.append("b")
        await it.publish(link, "made", start="everything", every_seconds=60)
        await it.attend(later=SOON)
        assert await it.events() == ["a", "b"]


async def test_a_restart_goes_on_where_it_was(database_url):
    async with stand(database_url) as before:
        before.vendor.items = ["a", "b"]
        await before.connect("made")
        await before.attend()
        before.vendor.items.append("c")
    async with stand(database_url, before.vendor, fresh=False) as after:
        await after.attend(later=SOON)
        assert await after.events() == ["c"]


async def test_what_came_while_a_flow_connection_was_disabled_is_fetched_when_it_is_enabled(database_url):
    async with stand(database_url) as it:
        link = await it.connect("made")
        await it.attend()
        await it.enable(link, enabled=False)
        await it.attend(later=SOON)
        it.vendor.items = ["a"]
        assert await it.attend(later=SOON) == 0
        await it.enable(link, enabled=True)
        await it.attend()
        assert await it.events() == ["a"]


async def test_another_beginning_chosen_later_begins_anew_without_doubling_what_started_runs(database_url):
    async with stand(database_url) as it:
        it.vendor.items = ["a", "b"]
        link = await it.connect("made")
        await it.attend()
        it.vendor.items.append("c")
        await it.attend(later=SOON)
        await it.polls.choose(link, start="everything")
        await it.attend()
        assert await it.events() == ["c", "a", "b"]


async def test_the_interval_can_be_chosen(database_url):
    async with stand(database_url) as it:
        link = await it.connect("made")
        await it.polls.choose(link, every_seconds=3600)
        await it.attend()
        duty = await it.duty(link, "poll")
        assert timedelta(minutes=59) < duty.due_at - clock.now() <= timedelta(hours=1)
        with pytest.raises(Invalid) as caught:
            await it.polls.choose(link, every_seconds=1)
        assert caught.value.field == "every_seconds"


async def test_a_backfill_walks_once_behind_live_traffic_and_a_second_one_finds_only_what_is_new(database_url):
    async with stand(database_url) as it:
        it.vendor.items = ["a", "b", "c", "d"]
        link = await it.connect("all")
        assert await it.attend() == 0
        await it.polls.backfill(link)
        await it.attend()
        duty = await it.duty(link, "backfill")
        assert (duty.phase, duty.items, duty.due_at) == ("done", 4, None)
        assert await it.priorities() == [Priority.BACKFILL] * 4
        it.vendor.items.append("e")
        await it.polls.backfill(link)
        await it.attend()
        assert await it.events() == ["a", "b", "c", "d", "e"]


async def test_a_backfill_rests_while_its_flow_connection_is_disabled_and_goes_on_from_its_page(database_url):
    async with stand(database_url) as it:
        it.vendor.items = ["a", "b", "c", "d"]
        it.vendor.between = [lambda: None, lambda: it.vendor.errors.append(Unavailable("Feed is down."))]
        link = await it.connect("all")
        await it.polls.backfill(link)
        await it.attend()
        await it.enable(link, enabled=False)
        assert await it.attend(later=SOON) == 0
        await it.enable(link, enabled=True)
        await it.attend()
        assert it.vendor.asked == [None, 1, 1]
        assert await it.events() == ["a", "b", "c", "d"]


async def test_trigger_now_without_a_payload_begins_the_backfill_of_a_trigger_that_lists(database_url):
    async with stand(database_url) as it:
        it.vendor.items = ["a", "b"]
        link = await it.connect("all")
        accepted = await it.flow_connections.trigger_now(link, {})
        assert accepted.run_ids == ()
        await it.attend()
        assert await it.events() == ["a", "b"]
        one = await it.flow_connections.trigger_now(link, {"id": "by hand"})
        assert len(one.run_ids) == 1


async def test_a_change_of_another_server_is_polled_and_one_of_this_server_is_not(database_url):
    async with stand(database_url) as it:
        await it.connect("change", source=WORKSPACE)
        assert await it.attend() == 0
        await it.connect("change")
        await it.attend()
        it.vendor.items = ["a"]
        await it.attend(later=SOON)
        assert await it.events() == ["a"]


async def test_only_new_items_are_asked_for_in_whole(database_url):
    async with stand(database_url) as it:
        it.vendor.items = ["a", "b"]
        await it.connect("change")
        await it.attend()
        it.vendor.items.append("c")
        await it.attend(later=SOON)
        await it.attend(later=SOON)
        assert it.vendor.detailed == ["c"]
        accounts = [row[0] for row in await it.rows(select(tables.events.c.account_id))]
        assert accounts == ["ACC-c"]


async def test_a_backfill_beside_a_poll_doubles_nothing(database_url):
    async with stand(database_url) as it:
        it.vendor.items = ["a", "b"]
        link = await it.connect("change")
        await it.attend()
        it.vendor.items.append("c")
        await it.attend(later=SOON)
        await it.polls.backfill(link)
        await it.attend()
        assert await it.events() == ["c", "a", "b"]


async def test_what_cannot_be_listed_cannot_be_backfilled(database_url):
    async with stand(database_url) as it:
        plain, polled = await it.connect("plain"), await it.connect("made")
        for link in (plain, polled):
            with pytest.raises(Conflict):
                await it.polls.backfill(link)


def _repair(connection_id):
    table = tables.connections
    return table.update().where(table.c.id == connection_id).values(status="active", status_reason="")
