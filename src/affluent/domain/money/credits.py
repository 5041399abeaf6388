"""Credit at billing for a promoter's commissions: it follows the commission, up and down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from affluent.domain.money.commissions import GONE
from affluent.domain.money.effects import COUNTED, Effect, EffectKind, Planned, State
from affluent.domain.money.facts import Commission, CommissionState, CreditGrant, Fact, GrantState, current
from affluent.domain.money.findings import AccountKind, Class, Finding
from affluent.kit.money import Money

_EARNED = frozenset({CommissionState.APPROVED, CommissionState.PAID})


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one unit of commission is worth as credit."""

    currency: str
    minor_units: int
    is_cash: bool = False
    """Whether commissions in money count; otherwise only credits and points do."""
    can_take_back: bool = True
    """Whether billing can void a credit; otherwise a person is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditPosition:
    """A promoter's credit: what is due, what was granted, and the calls between the two."""

    promoter_id: str
    due: int
    """Approved less reversed, never below 0."""
    granted: int
    plan: tuple[Planned, ...]
    findings: tuple[Finding, ...]


def credit_position(promoter_id: str, facts: Sequence[Fact], effects: Sequence[Effect], terms: Terms) -> CreditPosition:
    """What a promoter should have as credit for these commissions, and what has to be granted or taken back."""
    states = current(facts)
    commissions = [fact for fact in states if isinstance(fact, Commission) and _counts(fact, promoter_id, terms)]
    worth = {fact.id: fact.amount * terms.minor_units for fact in commissions if fact.state in _EARNED}
    due = max(0, sum(worth.values()))
    grants = {fact.commission_id: fact for fact in states if isinstance(fact, CreditGrant)}
    known = {(item.kind, item.key): item for item in effects}
    granted = _granted(commissions, grants, known)
    missing = due - sum(granted.values())
    plan: list[Planned] = []
    for fact in commissions:
        rest = min(missing, worth.get(fact.id, 0) - granted.get(fact.id, 0))
        if rest > 0:
            plan.append(_step(EffectKind.CREDIT, fact.id, rest, known, terms, f"Commission {fact.id} is {fact.state}."))
            missing -= rest
    findings: list[Finding] = []
    for fact in sorted(commissions, key=lambda fact: fact.state not in GONE):
        back = min(-missing, granted.get(fact.id, 0))
        if back > 0:
            missing += back
            plan.append(_back(fact, back, grants.get(fact.id), known, terms))
            findings.append(_finding(fact, back, terms, promoter_id))
    return CreditPosition(
        promoter_id=promoter_id,
        due=due,
        granted=sum(granted.values()),
        plan=tuple(plan),
        findings=tuple(findings),
    )


def _counts(commission: Commission, promoter_id: str, terms: Terms) -> bool:
    return commission.promoter_id == promoter_id and commission.is_cash is terms.is_cash


def _granted(
    commissions: Sequence[Commission], grants: dict[str, CreditGrant], known: dict[tuple[EffectKind, str], Effect]
) -> dict[str, int]:
    """Commission id → the credit that stands for it, as billing says, or as it was told where billing says nothing yet."""
    granted: dict[str, int] = {}
    for fact in commissions:
        grant, effect = grants.get(fact.id), known.get((EffectKind.CREDIT, fact.id))
        back = known.get((EffectKind.CREDIT_BACK, fact.id))
        if grant is not None:
            granted[fact.id] = 0 if grant.state is GrantState.VOID else grant.amount
        elif effect is not None and effect.state in COUNTED:
            granted[fact.id] = effect.amount
        if back is not None and back.state in COUNTED and (grant is None or grant.state is not GrantState.VOID):
            granted[fact.id] = max(0, granted.get(fact.id, 0) - back.amount)
    return granted


def _step(
    kind: EffectKind, key: str, amount: int, known: dict[tuple[EffectKind, str], Effect], terms: Terms, sentence: str
) -> Planned:
    sent = known.get((kind, key))
    state = sent.state if sent is not None and sent.state not in COUNTED else State.DUE
    return Planned(
        kind=kind, key=key, state=state, units=amount, amount=amount, currency=terms.currency, sentence=sentence
    )


def _back(
    fact: Commission,
    amount: int,
    grant: CreditGrant | None,
    known: dict[tuple[EffectKind, str], Effect],
    terms: Terms,
) -> Planned:
    credit = known.get((EffectKind.CREDIT, fact.id))
    sentence = f"The credit for commission {fact.id} is taken back."
    step = _step(EffectKind.CREDIT_BACK, fact.id, amount, known, terms, sentence)
    is_whole = grant is None or (not grant.used and grant.amount == amount)
    if credit is not None and credit.state in (State.INTENDED, State.UNKNOWN):
        state, held_by = State.HELD, credit.key
    elif not terms.can_take_back or not is_whole:
        state, held_by = State.PROPOSED, ""
    else:
        state, held_by = step.state, ""
    return Planned(
        kind=step.kind,
        key=step.key,
        state=state,
        units=amount,
        amount=amount,
        currency=terms.currency,
        sentence=sentence
        if state is not State.PROPOSED
        else f"{sentence} Billing cannot do it by itself: a person decides.",
        answers_to=fact.id,
        held_by=held_by,
    )


def _finding(fact: Commission, amount: int, terms: Terms, promoter_id: str) -> Finding:
    money = Money(amount, terms.currency)
    return Finding(
        name=Class.CREDIT_NOT_TAKEN_BACK,
        kind=AccountKind.CREDIT,
        amount=amount,
        currency=terms.currency,
        sentence=f"{money} of credit stand for commission {fact.id} of {promoter_id}, which was taken back.",
        about=fact.id,
    )
