"""What FirstPromoter's events and answers say about money."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar

import pytest

from affluent.apps.firstpromoter.app import app
from affluent.apps.firstpromoter.tests.support import Bench
from affluent.apps.firstpromoter.webhooks import as_v2
from affluent.kit.jsons import JSONObject
from affluent.sdk import NotReferred
from affluent.sdk.facts import Commission, CommissionState, Entry, Fact, Lead, LeadState, Origin

AT = datetime(2026, 2, 5, tzinfo=UTC)
ORIGIN = Origin(source="conn_1", happened_at=AT, learned_at=AT)
F = TypeVar("F", bound=Fact)


def of(trigger: str, kind: type[F], **changes: object) -> list[F]:
    """The facts of a kind in the sample of a trigger, with some fields of its record changed."""
    sample = app.sample(f"{trigger}.json")
    facts = app.triggers[trigger].facts
    assert facts is not None
    stated = facts({**sample, "data": {**sample["data"], **changes}}, ORIGIN)
    return [fact for fact in stated if isinstance(fact, kind)]


def answered(action: str) -> list[Fact]:
    """What the sample answer of an action says."""
    declared, sample = app.actions[action], app.sample(f"{action}.json")
    assert declared.facts is not None
    return list(declared.facts(declared.input.model_validate(sample["input"]), sample["output"], ORIGIN))


def test_a_commission_is_what_the_tracker_states_in_a_currency_that_it_does_not_name() -> None:
    (commission,) = of("commission_created", Commission)
    assert (commission.id, commission.amount, commission.currency) == ("29203702", 49980, "")
    assert (commission.entry_id, commission.promoter_id) == ("inv.21zj07QHwEg.xOpqD", "4101")
    assert (commission.base, commission.campaign, commission.state) == (249900, "Partner program", "pending")


@pytest.mark.parametrize(
    ("trigger", "changes", "state"),
    [
        ("commission_approved", {}, CommissionState.APPROVED),
        ("commission_approved", {"is_paid": True}, CommissionState.PAID),
        ("commission_pending", {}, CommissionState.PENDING),
        ("commission_denied", {}, CommissionState.DENIED),
        ("commission_denied", {"is_paid": True}, CommissionState.DENIED),
        ("commission_deleted", {}, CommissionState.DELETED),
    ],
)
def test_the_state_follows_the_event_and_what_was_paid(trigger: str, changes: JSONObject, state: object) -> None:
    (commission,) = of(trigger, Commission, **changes)
    assert commission.state is state
    assert commission.was_paid is bool(changes)


def test_what_is_not_money_or_no_plain_commission_is_said() -> None:
    (commission,) = of("commission_created", Commission, unit="points", tier=2, is_split=True, is_self_referral=True)
    assert not commission.is_cash
    assert (commission.tier, commission.is_split, commission.is_self_referral) == (2, True, True)


def test_the_sale_is_listed_in_the_currency_that_it_was_told_in() -> None:
    converted = {"sale_amount": 290000, "original_sale_amount": 74126, "original_sale_currency": "kwd"}
    (entry,) = of("commission_created", Entry, **converted)
    assert (entry.id, entry.sale_id, entry.units, entry.currency) == (
        "inv.21zj07QHwEg.xOpqD",
        "inv.21zj07QHwEg.xOpqD",
        74126,
        "KWD",
    )


def test_a_refund_names_its_own_id_and_no_sale() -> None:
    refunded = {"event_id": "ref.1", "amount": -49980, "sale_amount": -249900, "original_sale_amount": -249900}
    (entry,) = of("commission_created", Entry, **refunded)
    assert (entry.id, entry.sale_id, entry.units, entry.is_refund) == ("ref.1", "", 249900, True)


def test_a_bonus_is_of_no_sale() -> None:
    assert of("commission_created", Entry, commission_type="custom") == []
    (commission,) = of("commission_created", Commission, commission_type="custom")
    assert (commission.entry_id, commission.sale_id) == ("", "")


def test_a_deleted_commission_says_nothing_of_its_sale() -> None:
    assert of("commission_deleted", Entry) == []


def test_a_reward_of_the_old_version_is_a_commission_and_no_entry() -> None:
    reward: JSONObject = {
        "id": 7, "status": "approved", "amount": 200, "conversion_amount": 1000, "event_id": "inv.1", "tier_level": 2,
        "lead": {"uid": "ACC-1"}, "promoter": {"id": 4101},
    }  # fmt: skip
    facts = app.triggers["commission_created"].facts
    assert facts is not None
    (commission,) = facts({"event_type": "commission.created", "data": as_v2("commission", reward)}, ORIGIN)
    assert isinstance(commission, Commission)
    assert (commission.base, commission.tier, commission.promoter_id) == (1000, 2, "4101")


def test_a_commission_is_dated_as_its_record_says() -> None:
    (commission,) = of("commission_approved", Commission, status_updated_at="2026-02-04T10:00:00Z")
    assert commission.happened_at == datetime(2026, 2, 4, 10, tzinfo=UTC)


def test_a_referral_is_known_with_its_promoter() -> None:
    (lead,) = of("referral_created", Lead)
    assert (lead.id, lead.account_id, lead.promoter_id, lead.state) == ("29203686", "ACC-1001", "4101", LeadState.KNOWN)


def test_a_moved_referral_is_the_same_with_another_promoter() -> None:
    (moved,), (created,) = of("referral_moved", Lead), of("referral_created", Lead)
    assert moved.thing == created.thing
    assert moved.promoter_id == "4102"


def test_a_referral_that_was_deleted_or_denied_is_absent() -> None:
    (deleted,), (denied,) = of("referral_deleted", Lead), of("referral_updated", Lead, state="denied")
    assert (deleted.state, denied.state) == (LeadState.ABSENT, LeadState.ABSENT)


def test_a_referral_without_our_id_is_nobody_we_know() -> None:
    assert of("referral_created", Lead, uid=None) == []


def test_a_tracked_sale_says_what_was_promised_first() -> None:
    commissions = [fact for fact in answered("track_sale") if isinstance(fact, Commission)]
    assert [(fact.promised, fact.entry_id, fact.sale_id) for fact in commissions] == [(49980, "inv.1", "inv.1")]
    assert commissions[0].thing == ("Commission", "conn_1", "29203702")


def test_a_tracked_refund_says_of_which_sale_it_takes_back() -> None:
    (commission,) = answered("track_refund")
    assert isinstance(commission, Commission)
    assert (commission.promised, commission.entry_id, commission.sale_id) == (-49980, "refund.1", "inv.1")


@pytest.mark.parametrize("action", ["track_signup", "find_referral", "track_sale"])
def test_an_answer_that_names_the_referral_says_that_the_customer_is_known(action: str) -> None:
    (lead,) = [fact for fact in answered(action) if isinstance(fact, Lead)]
    assert (lead.state, lead.promoter_id) == (LeadState.KNOWN, "4101")


async def test_what_the_twin_answers_and_lists_is_the_same_commission(vendor_v2: Bench) -> None:
    person = {"uid": "ACC-1", "email": "a@b.example"}
    await vendor_v2.run("track_signup", **person, tid="tid_0")
    sale = {**person, "event_id": "inv.1", "amount": 74125, "currency": "JPY"}
    output = await vendor_v2.run("track_sale", **sale)
    declared = app.actions["track_sale"]
    assert declared.facts is not None
    stated = declared.facts(declared.input.model_validate(sale), output.model_dump(mode="json"), ORIGIN)
    (item,) = (await vendor_v2.context().http.request("GET", "/company/commissions")).json()
    facts = app.triggers["commission_created"].facts
    assert facts is not None
    listed = facts({"event_type": "commission.created", "data": item}, ORIGIN)
    assert [fact.thing for fact in stated if isinstance(fact, Commission)] == [
        fact.thing for fact in listed if isinstance(fact, Commission)
    ]


async def test_what_the_position_says_is_sent_instead_of_a_conversion(vendor_v2: Bench) -> None:
    person = {"uid": "ACC-1", "email": "a@b.example"}
    await vendor_v2.run("track_signup", **person, tid="tid_0")
    declared = app.actions["track_sale"]
    sale = declared.input.model_validate({**person, "event_id": "inv.1", "amount": 741255, "currency": "KWD"})
    context = vendor_v2.context("track_sale", units=74125)
    await declared.run(context, sale)
    assert vendor_v2.books["sales"][0]["amount"] == 74125
    assert context.notes == [
        "FirstPromoter counts KWD in two decimal places: KWD 741.255 was sent as 741.25, which are 74125 of its units."
    ]


async def test_nobody_so_far_is_told_apart_from_nothing_to_do(vendor: Bench) -> None:
    with pytest.raises(NotReferred):
        await vendor.run("track_signup", uid="ACC-1", email="a@b.example")
    with pytest.raises(NotReferred):
        await vendor.run("track_sale", uid="ACC-1", event_id="inv.1", amount=100, currency="USD")
    with pytest.raises(NotReferred):
        await vendor.run("track_cancellation", uid="ACC-1", event_id="ACC-1/1")
