"""Activity, as a browser without script uses it: days, many runs at once, rights, and rows that nothing pushes off."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from affluent.services.operations.retention import forget
from affluent.store import run_texts
from affluent.store.retention import EVENTS, RUNS
from affluent.store.runs import RunFilter
from affluent.web.activity.filters import from_query
from affluent.web.formatting import times
from tests.integration.many_runs import add, fill, run
from tests.integration.web.browser import Browser


def listed(page: str) -> list[int]:
    """The numbers of the runs of a page, in order."""
    return [int(number) for number in re.findall(r'<tr id="run_(\d+)"', page)]


async def test_rows_of_a_full_page_stay_while_others_arrive(owner: Browser) -> None:
    await fill(owner.desk.database, [run(number) for number in range(1, 61)])
    page = (await owner.get("/activity")).text
    assert listed(page) == list(range(60, 10, -1))
    assert "oldest=run_0011" in page
    await add(owner.desk.database, [run(61), run(62)])
    grown = (await owner.get("/activity?oldest=run_0011")).text
    assert listed(grown) == list(range(62, 10, -1))
    assert "/activity?before=run_0011" in grown
    assert listed((await owner.get("/activity")).text) == list(range(62, 12, -1))


async def test_a_page_that_is_not_full_has_all_runs_and_needs_no_oldest(owner: Browser) -> None:
    await fill(owner.desk.database, [run(1), run(2)])
    page = (await owner.get("/activity")).text
    assert listed(page) == [2, 1]
    assert "oldest=" not in page
    assert "Older" not in page


async def test_a_text_is_looked_for_further_and_further_back(owner: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_texts, "STRETCH", 3)
    await fill(owner.desk.database, [run(n, title="Old & town" if n in (1, 8) else "Other") for n in range(1, 9)])
    page = await owner.get("/activity?q=old+%26+town")
    assert listed(page.text) == [8]
    assert "Read back to" in page.words
    assert 'href="/activity?q=old+%26+town&amp;before=run_0006~"' in page.text
    page = await owner.get("/activity?q=old+%26+town&before=run_0006~")
    assert listed(page.text) == []
    assert "do not hold “old & town”." in page.words
    assert 'href="/activity?q=old+%26+town&amp;before=run_0003~"' in page.text
    page = await owner.get("/activity?q=old+%26+town&before=run_0003~")
    assert listed(page.text) == [1]
    assert "Search older runs" not in page.words
    assert "Look through all runs" in (await owner.get("/search?q=old+%26+town")).words


async def test_a_day_begins_and_ends_in_the_zone_of_whoever_looks(owner: Browser) -> None:
    ist_midnight = datetime(2026, 3, 9, 18, 30, tzinfo=UTC)
    moments = (ist_midnight - timedelta(minutes=1), ist_midnight, ist_midnight + timedelta(hours=23, minutes=59))
    await fill(owner.desk.database, [run(number, created_at=at) for number, at in enumerate(moments, 1)])
    asked = "/activity?since=2026-03-10&until=2026-03-10"
    assert listed((await owner.get(asked)).text) == [3]
    owner.cookies["tz"] = "Asia/Kolkata"
    assert listed((await owner.get(asked)).text) == [3, 2]
    assert listed((await owner.get("/activity?until=2026-03-09")).text) == [1]
    assert listed((await owner.get("/activity?since=2026-03-11")).text) == []


@pytest.mark.parametrize("text", ["2026-02-30", "yesterday", "2026-3", "9999-99-99", "0001-01-01\x00"])
def test_a_day_that_is_none_is_left_out(text: str) -> None:
    token = times.zone_name.set("UTC")
    try:
        assert from_query({"since": text, "until": text}).is_empty
    finally:
        times.zone_name.reset(token)


async def test_many_are_cancelled_after_the_forecast_and_what_has_ended_stays(owner: Browser) -> None:
    runs = [run(1, "waiting"), run(2, "waiting"), run(3), run(4, "waiting", title="Other")]
    await fill(owner.desk.database, runs)
    dialog = (await owner.get("/activity?q=Northwind&dialog=cancel")).words
    assert "2 runs would stop; 1 of this filter have ended already." in dialog
    answer = await owner.post("/activity/bulk", {"action": "cancel", "q": "Northwind"})
    assert answer.status == 303
    found = {one.id[-1]: one.state for one in await owner.hub.runs.find(RunFilter())}
    assert found == {"1": "cancelled", "2": "cancelled", "3": "succeeded", "4": "waiting"}
    assert "2 runs are cancelled." in (await owner.get(answer.header("location"))).words


async def test_without_a_filter_or_with_another_word_nothing_is_done(owner: Browser) -> None:
    await fill(owner.desk.database, [run(1, "waiting")])
    for form in ({"action": "cancel"}, {"action": "forget", "q": "Northwind"}):
        assert (await owner.post("/activity/bulk", dict(form))).status == 422
    assert [one.state for one in await owner.hub.runs.find(RunFilter())] == ["waiting"]


async def test_an_analyst_reads_and_changes_nothing(owner: Browser) -> None:
    await fill(owner.desk.database, [run(1, "waiting")])
    await owner.desk.database.write(lambda connection: connection.exec_driver_sql("UPDATE people SET role = 'analyst'"))
    page = (await owner.get("/activity?q=Northwind&dialog=cancel")).text
    assert listed(page) == [1]
    assert "/activity/bulk" not in page
    forms = {"/activity/bulk": {"action": "cancel", "q": "Northwind"}, "/activity/run_0001/cancel": {}}
    for address, form in forms.items():
        assert (await owner.post(address, dict(form))).status == 403, address
    assert [one.state for one in await owner.hub.runs.find(RunFilter())] == ["waiting"]


async def test_a_run_whose_values_were_taken_says_so_and_offers_no_replay(owner: Browser) -> None:
    await fill(owner.desk.database, [run(1, "succeeded")])
    assert "Replay…" in (await owner.get("/activity/run_0001")).words
    for kind in (RUNS, EVENTS):
        assert await forget(owner.desk.database, kind, timedelta()) == 1
    page = (await owner.get("/activity/run_0001")).words
    assert "The values of its steps were kept until" in page
    assert "What the event carried was kept until" in (await owner.get("/activity/run_0001?step=0")).words
    assert "Replay…" not in page


async def test_an_account_of_another_server_has_its_timeline_and_ids(owner: Browser) -> None:
    await fill(owner.desk.database, [run(7)])
    assert (await owner.get("/accounts/ACC-7")).header("location") == "/accounts/ACC-7/timeline"
    page = (await owner.get("/accounts/ACC-7/timeline")).words
    assert "Kept elsewhere" in page
    assert "Price plans" not in page
    assert (await owner.get("/accounts/ACC-7/settings")).status == 200
    for address in ("/accounts/ACC-7/plans", "/accounts/ACC-7/invoices", "/accounts/ACC-nobody/timeline"):
        assert (await owner.get(address)).status == 404, address
