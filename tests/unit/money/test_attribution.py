"""Who is credited, and when "nobody" is asked again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from affluent.domain.money.attribution import Referral, attribution, cancellation
from affluent.domain.money.effects import EffectKind, State
from affluent.domain.money.facts import Cancellation, CancellationState, LeadState
from affluent.domain.money.findings import Class
from affluent.domain.money.policy import DEFAULT
from affluent.domain.money.position import next_calls, position
from tests.unit.money.made import ACCOUNT, at, day, effect, invoice, lead, paid, visitor

PAID = [invoice(), paid(on=1)]
HOUR = timedelta(hours=1)


def asked(*, on, facts=(), effects=(), now=None):
    """The position after the tracker said on a day that it does not know the customer."""
    refused = effect(EffectKind.SALE, "INV-1", 100000, state=State.NOT_REFERRED, on=on)
    made = position("INV-1", [*PAID, *facts], [refused, *effects], now=day(on) if now is None else now)
    assert made is not None
    return made


def test_without_any_sign_of_a_referral_the_tracker_is_asked_once():
    made = position("INV-1", PAID, [], now=day(1))
    assert made is not None
    assert [step.key for step in next_calls(made)] == ["INV-1"]


def test_not_referred_is_asked_again_hourly_on_the_first_day_and_daily_after_that():
    assert asked(on=1.5).again_at == day(1.5) + HOUR
    assert asked(on=4).again_at == day(5)
    assert [step.key for step in next_calls(asked(on=4, now=day(5)))] == ["INV-1"]


def test_not_referred_is_provisional_and_says_until_when():
    made = asked(on=1.5)
    assert (made.name, made.is_open) == (Class.NOT_REFERRED_SO_FAR, False)
    assert "final on 2027-01-01" in made.sentence


def test_a_sale_older_than_the_limit_is_finally_not_referred():
    made = asked(on=60, now=day(62))
    assert (made.name, made.again_at, next_calls(made)) == (Class.NOT_REFERRED, None, [])


def test_a_visitor_id_saved_later_takes_the_sale_up_again():
    made = asked(on=1.1, facts=[visitor(on=1.2)], now=day(1.2))
    assert [(step.kind, step.state) for step in made.plan] == [
        (EffectKind.SIGN_UP, State.DUE),
        (EffectKind.SALE, State.HELD),
    ]
    assert [step.kind for step in next_calls(made)] == [EffectKind.SIGN_UP]


def test_a_sign_up_that_was_applied_takes_the_sale_up_again():
    sign_up = effect(EffectKind.SIGN_UP, ACCOUNT, 0, on=1.2)
    made = asked(on=1.1, facts=[visitor(on=1.2)], effects=[sign_up], now=day(1.2))
    assert [step.key for step in next_calls(made)] == ["INV-1"]


def test_a_lead_that_the_tracker_names_takes_the_sale_up_again():
    made = asked(on=1.1, facts=[lead(on=3)], now=day(3))
    assert [step.key for step in next_calls(made)] == ["INV-1"]


def test_a_customer_who_just_signed_up_is_not_visible_yet():
    sign_up = effect(EffectKind.SIGN_UP, ACCOUNT, 0, on=2)
    made = asked(on=2 + 1 / 1440, facts=[visitor()], effects=[sign_up])
    assert (made.name, made.is_open) == (Class.NOT_VISIBLE_YET, False)
    assert made.again_at == day(2) + timedelta(minutes=2)


def test_a_customer_who_is_not_visible_after_an_hour_is_a_difference():
    sign_up = effect(EffectKind.SIGN_UP, ACCOUNT, 0, on=2)
    made = asked(on=2.05, facts=[visitor()], effects=[sign_up])
    assert (made.name, made.is_open) == (Class.REFERRAL_DENIED, True)
    assert next_calls(made) == []


def test_a_lead_that_the_tracker_denies_later_is_a_difference():
    gone = replace(lead(on=9), state=LeadState.ABSENT)
    known = [effect(EffectKind.SALE, "INV-1", 100000), effect(EffectKind.SIGN_UP, ACCOUNT, 0)]
    made = position("INV-1", [*PAID, visitor(), gone], known, now=day(9))
    assert made is not None
    assert Class.REFERRAL_DENIED in [finding.name for finding in made.findings]


def test_a_refused_sign_up_holds_the_sale():
    refused = effect(EffectKind.SIGN_UP, ACCOUNT, 0, state=State.REJECTED, reason="Email and uid can not be blank")
    made = position("INV-1", [*PAID, visitor()], [refused], now=day(3))
    assert made is not None
    assert (made.name, next_calls(made)) == (Class.REFUSED, [])


def test_an_unknown_visitor_id_leaves_the_account_without_a_referral():
    failed = effect(EffectKind.SIGN_UP, ACCOUNT, 0, state=State.NOT_REFERRED)
    assert attribution(ACCOUNT, [visitor()], [failed], policy=DEFAULT).referral is Referral.NONE_SO_FAR


def test_another_visitor_id_is_told_although_the_first_was_unknown():
    failed = effect(EffectKind.SIGN_UP, ACCOUNT, 0, state=State.NOT_REFERRED)
    made = attribution(ACCOUNT, [visitor(on=5, value="tid_2")], [failed], policy=DEFAULT)
    assert made.referral is Referral.POSSIBLE
    assert made.sign_up is not None
    assert made.sign_up.state is State.DUE


def leaving(*, on=1, ends=30, state=CancellationState.ASKED):
    return Cancellation(source="billing", id="sub_1", account_id=ACCOUNT, ends_at=day(ends), state=state, **at(on))


def test_a_cancellation_for_the_end_of_the_period_waits_for_it():
    waiting = cancellation(ACCOUNT, [leaving()], [], now=day(10))
    assert waiting is not None
    assert (waiting.state, waiting.again_at) == (State.HELD, day(30))
    ended = cancellation(ACCOUNT, [leaving()], [], now=day(30))
    assert ended is not None
    assert ended.state is State.DUE


def test_a_cancellation_that_is_taken_back_is_not_told():
    step = cancellation(ACCOUNT, [leaving(), leaving(on=9, state=CancellationState.TAKEN_BACK)], [], now=day(40))
    assert step is not None
    assert step.state is State.DROPPED


def test_a_cancellation_is_told_once():
    gone = effect(EffectKind.CANCELLATION, "sub_1", 0)
    step = cancellation(ACCOUNT, [leaving(ends=1)], [gone], now=day(40))
    assert step is not None
    assert step.state is State.APPLIED
