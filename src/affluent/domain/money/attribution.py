"""Who is credited: whether an account is referred, its sign-up and its cancellation, and when "nobody" is asked again.

"Nobody so far" is provisional. It is taken up again when a fact about the account's referral comes, by a sweep that runs hourly for
the first day and daily after that, until the sale is older than the policy's limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from affluent.domain.money.effects import COUNTED, THERE, Effect, EffectKind, Planned, State
from affluent.domain.money.facts import Cancellation, CancellationState, Fact, Lead, LeadState, VisitorId, current
from affluent.domain.money.policy import Policy

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(minutes=15)


class Referral(StrEnum):
    """What is known of who referred an account."""

    KNOWN = "known"
    """The tracker names it, or took our sign-up."""
    POSSIBLE = "possible"
    """A visitor id or referral id is there and was not told yet."""
    NONE_SO_FAR = "none so far"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """An account's referral."""

    referral: Referral
    account_id: str
    promoter_id: str = ""
    visitor_id: str = ""
    known_since: datetime | None = None
    news_at: datetime | None = None
    """When the last fact about it was learned."""
    is_denied: bool = False
    """We made or saw the referral, and the tracker says since that it is not there."""
    sign_up: Planned | None = None


def attribution(account_id: str, states: Sequence[Fact], effects: Sequence[Effect], *, policy: Policy) -> Attribution:
    """What is known of an account's referral, and its sign-up if there is anything to tell. `states` are current."""
    leads = [fact for fact in states if isinstance(fact, Lead) and fact.account_id == account_id]
    visitors = [fact for fact in states if isinstance(fact, VisitorId) and fact.account_id == account_id]
    visitor = visitors[-1] if visitors else None
    sent = next((item for item in effects if item.kind is EffectKind.SIGN_UP and item.about == account_id), None)
    known = [lead for lead in leads if lead.state is LeadState.KNOWN]
    has_signed_up = sent is not None and sent.state in THERE
    since = [lead.learned_at for lead in known]
    since += [sent.answered_at] if sent is not None and has_signed_up and sent.answered_at else []
    news = [*since, *(lead.learned_at for lead in leads), *([visitor.learned_at] if visitor else [])]
    absent = [lead for lead in leads if lead.state is LeadState.ABSENT]
    last_known = max(since, default=None)
    denied = [
        lead for lead in absent if last_known is not None and lead.learned_at >= last_known + policy.visible_within
    ]
    sign_up = None if known or visitor is None else _sign_up(account_id, visitor, sent)
    if known or has_signed_up:
        referral = Referral.KNOWN
    elif sign_up is not None and sign_up.state is not State.DROPPED and sign_up.state is not State.NOT_REFERRED:
        referral = Referral.POSSIBLE
    else:
        referral = Referral.NONE_SO_FAR
    return Attribution(
        referral=referral,
        account_id=account_id,
        promoter_id=known[-1].promoter_id if known else "",
        visitor_id=visitor.value if visitor else "",
        known_since=min(since, default=None),
        news_at=max(news, default=None),
        is_denied=bool(denied),
        sign_up=sign_up,
    )


def _sign_up(account_id: str, visitor: VisitorId, sent: Effect | None) -> Planned:
    state, sentence = State.DUE, f"The visitor id {visitor.value} of account {account_id} has not been told yet."
    if sent is not None:
        state = sent.state
        sentence = {
            State.APPLIED: "The sign-up was told.",
            State.ALREADY_THERE: "The tracker had the sign-up already.",
            State.INTENDED: "The sign-up is being told.",
            State.UNKNOWN: "The answer to the sign-up was lost; it is looked up before anything else.",
            State.REJECTED: f"The tracker refused the sign-up: {sent.reason or 'it gave no reason'}.",
        }.get(state, f"The tracker does not know the visitor id {visitor.value}.")
        if state is State.NOT_REFERRED and sent.answered_at is not None and visitor.learned_at > sent.answered_at:
            state, sentence = State.DUE, f"Another visitor id, {visitor.value}, was saved after the last one failed."
        if sent.is_dismissed:
            state, sentence = State.DROPPED, f"The sign-up was dismissed by hand: {sent.reason}."
    return Planned(
        kind=EffectKind.SIGN_UP, key=account_id, state=state, units=0, amount=0, currency="", sentence=sentence
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What becomes of an answer "no such customer"."""

    state: State
    """DUE (ask again now), NOT_REFERRED (provisional), DROPPED (final), REJECTED (a difference for a person)."""
    sentence: str
    again_at: datetime | None = None
    final_at: datetime | None = None


def outlook(
    referral: Attribution, answered_at: datetime, sale_at: datetime, *, now: datetime, policy: Policy
) -> Outlook:
    """Whether "no such customer" is asked again, when, and when it is final."""
    if referral.referral is Referral.KNOWN and referral.known_since is not None:
        return _not_visible(referral.known_since, answered_at, now, policy)
    final_at = sale_at + policy.looked_for
    if now >= final_at:
        days = policy.looked_for.days
        return Outlook(
            state=State.DROPPED,
            sentence=f"Not referred: for {days} days nobody was named who referred the customer. This is final.",
            final_at=final_at,
        )
    if referral.news_at is not None and referral.news_at > answered_at:
        return Outlook(
            state=State.DUE,
            sentence="Something was learned about the customer's referral since the tracker did not know them.",
            final_at=final_at,
        )
    again_at = min(final_at, answered_at + (_HOUR if answered_at - sale_at < _DAY else _DAY))
    if now >= again_at:
        return Outlook(
            state=State.DUE,
            sentence="The tracker is asked again whether it knows the customer by now.",
            final_at=final_at,
        )
    return Outlook(
        state=State.NOT_REFERRED,
        sentence=(
            "Not referred so far: the tracker does not know the customer. Asked again by itself at "
            f"{again_at:%Y-%m-%d %H:%M} UTC, or as soon as a visitor id is saved; final on {final_at:%Y-%m-%d}."
        ),
        again_at=again_at,
        final_at=final_at,
    )


def _not_visible(since: datetime, answered_at: datetime, now: datetime, policy: Policy) -> Outlook:
    """The tracker does not know a customer whose referral we know."""
    last = since + policy.visible_within
    if answered_at < since:
        return Outlook(state=State.DUE, sentence="The customer's referral became known after the tracker was asked.")
    if answered_at >= last:
        return Outlook(
            state=State.REJECTED,
            sentence="The tracker says that it does not know a customer whose referral it took: a difference.",
        )
    wait = min(_LONGEST, max(_SHORTEST, answered_at - since))
    again_at = min(answered_at + wait, last)
    if now >= again_at:
        return Outlook(state=State.DUE, sentence="Asked again: the tracker may show the new customer by now.")
    return Outlook(
        state=State.NOT_REFERRED,
        sentence=f"Not visible yet: the tracker took the sign-up and does not show it. Asked again at {again_at:%H:%M} UTC.",
        again_at=again_at,
    )


def cancellation(account_id: str, facts: Sequence[Fact], effects: Sequence[Effect], *, now: datetime) -> Planned | None:
    """The cancellation to tell for an account; None when nobody leaves. It is due at the end of the paid period."""
    asked = [fact for fact in current(facts) if isinstance(fact, Cancellation) and fact.account_id == account_id]
    if not asked:
        return None
    last = asked[-1]
    sent = next((item for item in effects if item.kind is EffectKind.CANCELLATION and item.key == last.id), None)
    state, again_at = State.DUE, None
    sentence = "The customer has left."
    if sent is not None and sent.state in COUNTED | {State.REJECTED, State.NOT_REFERRED}:
        state, sentence = sent.state, sent.reason or f"The cancellation is {sent.state} at the tracker."
    elif last.state is CancellationState.TAKEN_BACK:
        state, sentence = State.DROPPED, "The cancellation was taken back before its time, so it is not told."
    elif now < last.ends_at:
        state, again_at = State.HELD, last.ends_at
        sentence = f"The customer leaves at the end of the period, on {last.ends_at:%Y-%m-%d}; it is told then."
    return Planned(
        kind=EffectKind.CANCELLATION,
        key=last.id,
        state=state,
        units=0,
        amount=0,
        currency="",
        sentence=sentence,
        again_at=again_at,
    )
