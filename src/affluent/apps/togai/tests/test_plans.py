"""Price plans: the schedule is read first, and a running one is edited from tomorrow on. Today is 3 February 2026."""

from __future__ import annotations

from datetime import timedelta

import pytest

from affluent.apps.togai.tests.small_togai import FOREVER, GROWTH, REFERRAL, SmallTogai, entry_of
from affluent.sdk import AlreadyApplied, Rejected
from tests.support.apps import Bench, LocalVendor

TODAY, TOMORROW = "2026-02-03", "2026-02-04"


def attached(togai: SmallTogai) -> list[tuple[str, str, str]]:
    """The schedule as plan, first and last day."""
    return [(item["pricePlanName"], item["startDate"][:10], item["endDate"][:10]) for item in togai.schedules]


@pytest.mark.parametrize("plan", [REFERRAL["id"], REFERRAL["name"]])
async def test_a_first_plan_is_attached_from_today_on_by_id_or_name(
    desk: Bench, togai: SmallTogai, vendor: LocalVendor, plan: str
) -> None:
    made = await desk.run("attach_price_plan", {"account_id": "ACC/1", "price_plan": plan})
    assert attached(togai) == [("Referral Growth", TODAY, FOREVER)]
    assert (made.price_plan_id, made.price_plan_name) == (REFERRAL["id"], "Referral Growth")
    assert (made.effective_from, made.effective_until) == (TODAY, FOREVER)
    assert made.schedule_id
    assert vendor.calls[-1].body == {
        "mode": "ASSOCIATE", "pricePlanId": REFERRAL["id"], "effectiveFrom": TODAY, "effectiveUntil": FOREVER,
    }  # fmt: skip


@pytest.mark.parametrize("given", [{}, {"effective_from": TODAY}, {"effective_from": "2025-12-31"}])
async def test_an_account_with_a_plan_gets_the_new_one_tomorrow(
    desk: Bench, togai: SmallTogai, given: dict[str, str]
) -> None:
    togai.schedules = [entry_of(GROWTH, "2026-01-01")]
    await desk.run("attach_price_plan", {"account_id": "ACC-1", "price_plan": "Referral Growth", **given})
    assert attached(togai) == [("Growth", "2026-01-01", TODAY), ("Referral Growth", TOMORROW, FOREVER)]


async def test_a_later_day_is_kept(desk: Bench, togai: SmallTogai) -> None:
    togai.schedules = [entry_of(GROWTH, "2026-01-01")]
    wanted = {"account_id": "ACC-1", "price_plan": "Referral Growth", "effective_from": "2026-03-01"}
    await desk.run("attach_price_plan", wanted)
    assert attached(togai)[-1] == ("Referral Growth", "2026-03-01", FOREVER)


@pytest.mark.parametrize("plan", [REFERRAL["id"], REFERRAL["name"]])
@pytest.mark.parametrize("days", [0, 1, 40])
async def test_a_repeat_finds_the_plan_attached_and_writes_nothing(
    desk: Bench, togai: SmallTogai, vendor: LocalVendor, plan: str, days: int
) -> None:
    togai.schedules = [entry_of(GROWTH, "2026-01-01")]
    await desk.run("attach_price_plan", {"account_id": "ACC-1", "price_plan": plan})
    before = attached(togai)
    vendor.calls.clear()
    desk.now += timedelta(days=days)
    with pytest.raises(AlreadyApplied, match="Referral Growth is attached already") as done:
        await desk.run("attach_price_plan", {"account_id": "ACC-1", "price_plan": plan})
    assert done.value.output.effective_from == TOMORROW
    assert attached(togai) == before
    assert {call.method for call in vendor.calls} == {"GET"}


async def test_a_plan_that_runs_out_earlier_is_attached_anew(desk: Bench, togai: SmallTogai) -> None:
    togai.schedules = [entry_of(REFERRAL, "2026-01-01", "2026-02-28")]
    await desk.run("attach_price_plan", {"account_id": "ACC-1", "price_plan": "Referral Growth"})
    assert attached(togai)[-1] == ("Referral Growth", TOMORROW, FOREVER)


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        ("Nothing like it", "no price plan with the id or name 'Nothing like it'"),
        ("Next year", "Next year is DRAFT; only an active plan"),
        ("Set-up", "bought once and cannot be attached"),
    ],
)
async def test_a_plan_that_cannot_be_attached_is_refused_in_words(desk: Bench, plan: str, reason: str) -> None:
    with pytest.raises(Rejected, match=reason) as refused:
        await desk.run("attach_price_plan", {"account_id": "ACC-1", "price_plan": plan})
    assert refused.value.field == "price_plan"


async def test_an_end_before_the_beginning_is_refused(desk: Bench) -> None:
    wanted = {"account_id": "ACC-1", "price_plan": "Growth", "effective_until": "2026-02-01"}
    with pytest.raises(Rejected, match="before it begins"):
        await desk.run("attach_price_plan", wanted)


@pytest.mark.parametrize("plan", ["", GROWTH["id"], GROWTH["name"]])
async def test_a_plan_is_detached_from_tomorrow_on(desk: Bench, togai: SmallTogai, plan: str) -> None:
    togai.schedules = [entry_of(GROWTH, "2026-01-01")]
    gone = await desk.run("detach_price_plan", {"account_id": "ACC-1", "price_plan": plan, "effective_from": TODAY})
    assert attached(togai) == [("Growth", "2026-01-01", TODAY)]
    assert (gone.price_plan_ids, gone.effective_from) == ([GROWTH["id"]], TOMORROW)


@pytest.mark.parametrize("plan", ["", "Growth"])
async def test_a_second_detach_finds_nothing_and_writes_nothing(
    desk: Bench, togai: SmallTogai, vendor: LocalVendor, plan: str
) -> None:
    togai.schedules = [entry_of(GROWTH, "2026-01-01")]
    await desk.run("detach_price_plan", {"account_id": "ACC-1", "price_plan": plan})
    vendor.calls.clear()
    with pytest.raises(AlreadyApplied):
        await desk.run("detach_price_plan", {"account_id": "ACC-1", "price_plan": plan})
    assert {call.method for call in vendor.calls} == {"GET"}


async def test_another_plan_stays_attached(desk: Bench, togai: SmallTogai) -> None:
    togai.schedules = [entry_of(REFERRAL, "2026-01-01")]
    with pytest.raises(AlreadyApplied):
        await desk.run("detach_price_plan", {"account_id": "ACC-1", "price_plan": "Growth"})
    assert attached(togai) == [("Referral Growth", "2026-01-01", FOREVER)]
