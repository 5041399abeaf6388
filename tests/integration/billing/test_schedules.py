"""Attaching and detaching: one plan at a time, days up to today stay, every loss and gain is told."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from affluent.billing.calendar import Calendar, Span, forbidden
from affluent.kit import clock
from affluent.kit.jsons import loads

FOREVER = "9999-01-01"


def _day(days: int) -> str:
    return (clock.now().date() + timedelta(days=days)).isoformat()


def _attach(plan: str, start: int, until: str = FOREVER) -> dict[str, str]:
    return {"mode": "ASSOCIATE", "pricePlanId": plan, "effectiveFrom": _day(start), "effectiveUntil": until}


def _detach(start: int, until: str = FOREVER) -> dict[str, str]:
    return {"mode": "DISASSOCIATE", "effectiveFrom": _day(start), "effectiveUntil": until}


async def _told(desk):
    rows = await desk.events("price_plan.attached", "price_plan.detached")
    facts = [(row.type.partition(".")[2], loads(row.payload)) for row in rows]
    return sorted((kind, told["price_plan"]["name"], told["remaining_plans"]) for kind, told in facts)


async def test_a_plan_attached_again_is_left_as_it_is(desk):
    await desk.customer()
    plan = await desk.plan()
    first = await desk.done("POST", "/accounts/ACC-1/price_plans", _attach(plan, 0))
    again = await desk.done("POST", "/accounts/ACC-1/price_plans", _attach(plan, 0))
    later = await desk.done("POST", "/accounts/ACC-1/price_plans", _attach(plan, 5))
    assert first == again == later
    assert await _told(desk) == [("attached", "Growth", 1)]
    assert (await desk.done("GET", "/accounts/ACC-1/pricing_schedules"))["nextToken"] is None


async def test_another_plan_takes_the_place_of_the_first_from_its_day_on(desk):
    await desk.customer()
    growth, partner = await desk.plan("Growth"), await desk.plan("Partner")
    await desk.done("POST", "/accounts/ACC-1/price_plans", _attach(growth, 0))
    done = await desk.done("POST", "/accounts/ACC-1/price_plans", _attach(partner, 1))
    spans = [(one["pricePlanName"], one["startDate"][:10], one["endDate"][:10]) for one in done["pricingSchedules"]]
    assert spans == [("Growth", _day(0), _day(0)), ("Partner", _day(1), FOREVER)]
    assert await _told(desk) == [("attached", "Growth", 1), ("attached", "Partner", 1), ("detached", "Growth", 1)]


async def test_days_up_to_today_are_changed_only_under_deferred_revenue(desk):
    await desk.customer()
    growth, partner = await desk.plan("Growth"), await desk.plan("Partner", deferredRevenue=True)
    await desk.done("POST", "/accounts/ACC-1/price_plans", _attach(growth, 0))
    status, message = await desk.refused("POST", "/accounts/ACC-1/price_plans", _attach(partner, 0))
    assert (status, "from tomorrow on" in message) == (400, True)
    await desk.done("POST", "/accounts/ACC-1/price_plans", _attach(partner, 1))
    await desk.done("POST", "/accounts", {"id": "ACC-2", "name": "Second", "customerId": "CUS-1"})
    await desk.done("POST", "/accounts/ACC-2/price_plans", _attach(partner, 0))
    assert (await desk.done("POST", "/accounts/ACC-2/price_plans", _detach(0)))["pricingSchedules"] == []


async def test_detaching_the_last_plan_leaves_none(desk):
    await desk.customer()
    await desk.done("POST", "/accounts/ACC-1/price_plans", _attach(await desk.plan(), 0))
    await desk.done("POST", "/accounts/ACC-1/price_plans", _detach(1))
    await desk.done("POST", "/accounts/ACC-1/price_plans", _detach(1))
    assert await _told(desk) == [("attached", "Growth", 1), ("detached", "Growth", 0)]
    (event,) = await desk.events("price_plan.detached")
    assert loads(event.payload)["schedule"]["effective_from"] == _day(1)
    assert loads(event.payload)["account"]["price_plan_name"] == "Growth"


async def test_edits_are_all_made_or_none(desk):
    await desk.customer()
    plan = await desk.plan()
    edits = {"edits": [_attach(plan, 1), _attach("pp.none", 2)]}
    assert (await desk.refused("POST", "/accounts/ACC-1/edit_schedules", edits))[0] == 404
    assert (await desk.done("GET", "/accounts/ACC-1/pricing_schedules"))["data"] == []
    edits = {"edits": [_attach(plan, 1, _day(30)), _detach(10, _day(20))]}
    planned = await desk.done("POST", "/accounts/ACC-1/edit_schedules?dry_run=true", edits)
    assert await _told(desk) == []
    done = await desk.done("POST", "/accounts/ACC-1/edit_schedules", edits)
    spans = [[(one["startDate"][:10], one["endDate"][:10]) for one in x["pricingSchedules"]] for x in (planned, done)]
    assert spans[0] == spans[1] == [(_day(1), _day(9)), (_day(21), _day(30))]
    listed = await desk.done("GET", f"/accounts/ACC-1/pricing_schedules?start_date={_day(15)}")
    assert [one["startDate"][:10] for one in listed["data"]] == [_day(21)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pricePlanId": "pp.none"}, "pricePlanId: There is no price plan 'pp.none'"),
        ({"pricePlanId": None}, "pricePlanId: Say which plan"),
        ({"effectiveUntil": "2020-01-01"}, "effectiveUntil: Must not lie before effectiveFrom"),
        ({"effectiveFrom": "soon"}, "effectiveFrom: "),
        ({"effectiveFrom": 20260101}, "effectiveFrom: Must be a date as text"),
        ({"mode": "REPLACE"}, "mode: Must be one of"),
    ],
)
async def test_an_edit_that_cannot_be_is_refused_in_words(desk, change, said):
    await desk.customer()
    body = {**_attach(await desk.plan(), 0), **change}
    assert said in (await desk.refused("POST", "/accounts/ACC-1/price_plans", body))[1]


async def test_only_an_active_recurring_plan_of_the_accounts_currency_is_attached(desk):
    await desk.customer()
    details = {"supportedCurrencies": ["USD"]}
    draft = await desk.done("POST", "/price_plans", {"name": "Draft", "pricePlanDetails": details})
    once = await desk.done("POST", "/price_plans", {"name": "Once", "type": "PURCHASE", "pricePlanDetails": details})
    await desk.done("POST", f"/price_plans/{once['id']}/activate", {})
    euro, gone = await desk.plan("Euro", "EUR"), await desk.plan("Gone")
    await desk.done("DELETE", f"/price_plans/{gone}")
    for plan, said in (
        (draft["id"], "is DRAFT"),
        (once["id"], "is bought"),
        (euro, "not active in USD"),
        (gone, "is ARCHIVED"),
    ):
        assert said in (await desk.refused("POST", "/accounts/ACC-1/price_plans", _attach(plan, 0)))[1]


async def test_the_second_version_copies_the_plan_of_a_schedule(desk):
    await desk.customer()
    plan = await desk.plan()
    done = await desk.done("POST", "/accounts/ACC-1/price_plans", _attach(plan, 0, _day(10)))
    config = {"scheduleId": done["pricingSchedules"][0]["id"]}
    edit = {"mode": "ASSOCIATE", "effectiveFrom": _day(20), "effectiveUntil": FOREVER, "associationConfig": config}
    planned = await desk.done("POST", "/v2/accounts/ACC-1/edit_schedules?discard=true", {"edits": [edit]})
    assert len(planned["pricingSchedules"]) == 2
    done = await desk.done("POST", "/v2/accounts/ACC-1/edit_schedules", {"edits": [edit]})
    assert [one["pricePlanId"] for one in done["pricingSchedules"]] == [plan, plan]


async def test_a_purchase_key_used_for_another_plan_is_refused(desk):
    await desk.customer()
    body = {"type": "ASSOCIATION", "idempotencyKey": "k"}
    await desk.done("POST", "/accounts/ACC-1/purchases", {**body, "pricePlanId": await desk.plan("Growth")})
    other = {**body, "pricePlanId": await desk.plan("Other")}
    assert "idempotencyKey" in (await desk.refused("POST", "/accounts/ACC-1/purchases", other))[1]
    assert "type: " in (await desk.refused("POST", "/accounts/ACC-1/purchases", {**other, "type": "PREPAID"}))[1]


async def test_an_active_currency_of_a_plan_cannot_be_taken_away(desk):
    plan = await desk.plan("Growth", "USD", "EUR")
    change = {"pricePlanDetails": {"supportedCurrencies": ["EUR"]}}
    assert "USD is active" in (await desk.refused("PATCH", f"/price_plans/{plan}", change))[1]
    request = {"currencies": ["JPY"]}
    assert "does not support JPY" in (await desk.refused("POST", f"/price_plans/{plan}/activate", request))[1]
    assert "has no version 7" in (await desk.refused("GET", f"/price_plans/{plan}?version=7"))[1]


def _span(plan: str, start: int, end: int, span_id: str = "") -> Span:
    return Span(id=span_id, plan_id=plan, version=1, start=date(2026, 1, start), end=date(2026, 1, end))


def test_a_plan_put_in_the_middle_splits_the_one_that_was_there():
    calendar = Calendar([_span("a", 1, 30, "s1")])
    calendar.attach(_span("b", 10, 20))
    assert [(s.plan_id, s.start.day, s.end.day, s.id) for s in calendar.spans] == [
        ("a", 1, 9, "s1"),
        ("b", 10, 20, ""),
        ("a", 21, 30, ""),
    ]
    assert [(s.plan_id, s.start.day, s.end.day) for s in calendar.lost] == [("a", 10, 20)]


def test_the_same_plan_made_longer_is_no_loss():
    calendar = Calendar([_span("a", 1, 10, "s1")])
    calendar.attach(_span("a", 5, 20))
    assert [(s.start.day, s.end.day, s.is_new) for s in calendar.spans] == [(1, 4, False), (5, 20, True)]
    assert calendar.lost == []


def test_days_of_the_past_are_never_free():
    spans = [_span("a", 1, 10, "s1"), _span("b", 11, 30, "s2")]
    day = {"today": date(2026, 1, 15), "free": frozenset({"a", "b"})}
    assert forbidden(spans, date(2026, 1, 11), date(2026, 1, 30), **day) is None
    assert forbidden(spans, date(2026, 1, 10), date(2026, 1, 30), **day) == spans[0]
    bound = {"today": date(2026, 1, 15), "free": frozenset()}
    assert forbidden(spans, date(2026, 1, 16), date(2026, 1, 30), **bound) is None
    assert forbidden(spans, date(2026, 1, 15), date(2026, 1, 30), **bound) == spans[1]
