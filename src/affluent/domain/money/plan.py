"""What the tracker should be told of one sale, after what it was told: the differences, in order, each with its key.

The walk goes through the facts that were told, then through the others in the order of time. After each of them the tracker should
hold the net of what is kept, in its own unit; what is told is the difference to what it holds by then. So parts add up to the
whole however they are rounded, and facts may come in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from affluent.domain.money.attribution import Attribution, Referral, outlook
from affluent.domain.money.effects import (
    ADDS,
    COUNTED,
    MAYBE_THERE,
    NEEDS_PERSON,
    TAKES,
    Effect,
    EffectKind,
    Planned,
    State,
)
from affluent.domain.money.policy import Counts, Policy
from affluent.domain.money.receipts import Receipt, Receipts, Reversal
from affluent.domain.money.rounding import from_units, in_units, nearest
from affluent.kit.money import Money


@dataclass(frozen=True, slots=True)
class _Amount:
    units: int = 0
    minor: int = 0


@dataclass(slots=True, kw_only=True)
class _Walk:
    """The plan while it is made."""

    sale: Receipts
    policy: Policy
    known: list[Effect]
    """What the tracker has or may have."""
    refused: dict[tuple[EffectKind, str], Effect]
    """What it certainly does not have, by kind and key."""
    payments: set[str] = field(default_factory=set)
    """The payments that are told by now."""
    reversals: set[str] = field(default_factory=set)
    holds: _Amount = _Amount()
    """What the tracker holds by now."""
    planned: list[Planned] = field(default_factory=list)
    first_key: str = ""
    """The key of the sale that refunds and corrections answer to."""

    def target(self) -> _Amount:
        """What the tracker should hold for the facts that are told by now."""
        base = self.sale.base(self.payments, self.reversals)
        return _Amount(in_units(base, self.sale.currency, self.policy.places), nearest(base))

    def add(self, kind: EffectKind, key: str, to: _Amount, sentence: str, *, answers_to: str = "") -> None:
        """Plan the step from what the tracker holds to `to`; steps in the other direction and tiny ones are left out."""
        sign = 1 if kind in ADDS else -1
        units, minor = sign * (to.units - self.holds.units), sign * (to.minor - self.holds.minor)
        if units < max(1, self.policy.smallest_units):
            return
        self.planned.append(
            Planned(
                kind=kind,
                key=key,
                state=State.DUE,
                units=units,
                amount=minor,
                currency=self.sale.currency,
                sentence=sentence,
                answers_to=answers_to,
            )
        )
        self.holds = to


def plan(
    sale: Receipts, referral: Attribution, effects: Sequence[Effect], *, now: datetime, policy: Policy
) -> list[Planned]:
    """All effects of one sale at the tracker, those known first, then those due, each with its state."""
    at_tracker = [item for item in effects if item.kind in ADDS | TAKES]
    known = [item for item in at_tracker if item.state in COUNTED]
    foreign = [item for item in known if item.currency and item.currency != sale.currency]
    walk = _Walk(
        sale=sale,
        policy=policy,
        known=known,
        refused={(item.kind, item.key): item for item in at_tracker if item.state not in COUNTED},
        holds=_held(known, sale.currency, policy),
    )
    walk.first_key = next((item.key for item in known if item.kind is EffectKind.SALE), "")
    steps = [_known(item) for item in known]
    if foreign:
        return steps  # sums of two currencies say nothing; the position shows the difference
    _begin(walk)
    _sales(walk)
    _too_much(walk)
    _refunds(walk)
    _too_little(walk)
    return steps + _unused(walk) + _with_states(walk, referral, now)


def _held(known: Sequence[Effect], currency: str, policy: Policy) -> _Amount:
    units = minor = 0
    for item in known:
        sign = 1 if item.kind in ADDS else -1
        units += sign * item.units
        minor += sign * (item.amount or from_units(item.units, currency, policy.places))
    return _Amount(units, minor)


def _known(item: Effect) -> Planned:
    sentence = {
        State.INTENDED: "It is on its way.",
        State.APPLIED: "The tracker took it.",
        State.ALREADY_THERE: "The tracker had it already.",
        State.UNKNOWN: "Its answer was lost: it is looked up before anything else is told.",
        State.MISSING: "The tracker took it and does not list it any more: a person decides.",
    }[item.state]
    return Planned(
        kind=item.kind,
        key=item.key,
        state=item.state,
        units=item.units,
        amount=item.amount,
        currency=item.currency,
        sentence=sentence,
        answers_to=item.answers_to or item.corrects,
    )


def sale_key(sale: Receipts, receipt: Receipt) -> str:
    """The key of the sale of one payment: the invoice's id where it pays the whole, else the invoice's and the payment's."""
    if receipt.brought >= sale.total or receipt.payment_id == sale.sale_id:
        return sale.sale_id
    return f"{sale.sale_id}:{receipt.payment_id}"


def _begin(walk: _Walk) -> None:
    """Note which payments and reversals were told."""
    sale, sales = walk.sale, {item.key for item in walk.known if item.kind is EffectKind.SALE}
    refunds = {item.key for item in walk.known if item.kind is EffectKind.REFUND}
    walk.reversals = {reversal.id for reversal in sale.reversals if reversal.id in refunds}
    as_a_whole = walk.policy.counts is Counts.WHEN_PAID_IN_FULL or sale.sale_id in sales
    for receipt in sale.receipts:
        keys = {sale_key(sale, receipt), f"{sale.sale_id}:{receipt.payment_id}", receipt.payment_id}
        if (as_a_whole and sales) or keys & sales:
            walk.payments.add(receipt.payment_id)


def _sales(walk: _Walk) -> None:
    """The sale, or with "as it is paid" the part of each payment."""
    sale = walk.sale
    if not walk.known and (not sale.base() or _is_nothing(walk)):
        return
    money = Money(sale.total, sale.currency)
    if walk.policy.counts is Counts.WHEN_PAID_IN_FULL:
        if not walk.payments and sale.is_full and sale.base():
            walk.payments = {receipt.payment_id for receipt in sale.receipts}
            walk.first_key = sale.sale_id
            walk.add(EffectKind.SALE, sale.sale_id, walk.target(), f"{sale.sale_id} over {money} is paid in full.")
        return
    for receipt in sorted(sale.receipts, key=lambda receipt: (receipt.at, receipt.payment_id)):
        back = sale.reversed_of(receipt, sale.reversals)
        if receipt.payment_id in walk.payments or not receipt.brought or back >= receipt.brought:
            continue
        walk.payments.add(receipt.payment_id)
        part = Money(receipt.brought, sale.currency)
        key = sale_key(sale, receipt)
        walk.first_key = walk.first_key or key
        walk.add(EffectKind.SALE, key, walk.target(), f"{part} of {sale.sale_id} over {money} are paid.")


def _is_nothing(walk: _Walk) -> bool:
    return walk.policy.counts is Counts.WHEN_PAID_IN_FULL and not walk.sale.is_full


def _too_much(walk: _Walk) -> None:
    """More was told than what was told justifies: by hand, or for an invoice that was changed since."""
    target = walk.target()
    if walk.known and walk.holds.units > target.units:
        holds, right = Money(walk.holds.minor, walk.sale.currency), Money(target.minor, walk.sale.currency)
        key = f"{walk.sale.sale_id}:back:{_number(walk, EffectKind.BACK)}"
        sentence = f"The tracker holds {holds} where the facts say {right}."
        walk.add(EffectKind.BACK, key, target, sentence, answers_to=walk.first_key)


def _refunds(walk: _Walk) -> None:
    """One refund for each reversal that was not told, in the order of time."""
    if not walk.known and not walk.planned:
        return
    for reversal in walk.sale.reversals:
        if reversal.id in walk.reversals:
            continue
        walk.reversals.add(reversal.id)
        walk.add(
            EffectKind.REFUND,
            reversal.id,
            walk.target(),
            _why(walk.sale, reversal),
            answers_to=_sale_of(walk, reversal),
        )


def _why(sale: Receipts, reversal: Reversal) -> str:
    if reversal.is_end:
        return f"{sale.sale_id} is {sale.state}: what it earned is taken back."
    money = Money(reversal.amount, sale.currency)
    what = f"payment {reversal.payment_id}" if reversal.payment_id else sale.sale_id
    return f"{money} of {what} went back ({reversal.id})."


def _sale_of(walk: _Walk, reversal: Reversal) -> str:
    """The key of the sale that a reversal takes back from: its payment's own part where there is one."""
    keys = [item.key for item in walk.known if item.kind is EffectKind.SALE]
    keys += [item.key for item in walk.planned if item.kind is EffectKind.SALE]
    own = (f"{walk.sale.sale_id}:{reversal.payment_id}", reversal.payment_id)
    return next((key for key in keys if key in own), walk.first_key)


def _too_little(walk: _Walk) -> None:
    """What went back is here again: a dispute was won late, a refund failed after it was told."""
    if not walk.known and not walk.planned:
        return
    target, holds = walk.target(), walk.holds
    if target.units <= holds.units:
        return
    again = Money(target.minor - holds.minor, walk.sale.currency)
    standing = {reversal.id for reversal in walk.sale.reversals}
    undone = [item.key for item in walk.known if item.kind is EffectKind.REFUND and item.key not in standing]
    key = f"{walk.sale.sale_id}:again:{_number(walk, EffectKind.AGAIN)}"
    sentence = f"{again} count again" + (f", for {undone[-1]} does not stand any more." if undone else ".")
    walk.add(EffectKind.AGAIN, key, target, sentence, answers_to=undone[-1] if undone else walk.first_key)


def _number(walk: _Walk, kind: EffectKind) -> int:
    taken = {item.key for item in walk.known if item.kind is kind}
    number = 1
    while f"{walk.sale.sale_id}:{kind}:{number}" in taken:
        number += 1
    return number


def _unused(walk: _Walk) -> list[Planned]:
    """What was refused before and is not due any more."""
    due = {(item.kind, item.key) for item in walk.planned}
    unused = [item for item in walk.refused.values() if (item.kind, item.key) not in due]
    return [
        Planned(
            kind=item.kind,
            key=item.key,
            state=State.DROPPED,
            units=0,
            amount=0,
            currency=walk.sale.currency,
            sentence="Not due any more: the tracker holds what the facts say, so there is nothing to add or to take back.",
            answers_to=item.answers_to,
        )
        for item in unused
    ]


def _with_states(walk: _Walk, referral: Attribution, now: datetime) -> list[Planned]:
    """Give each planned effect its state: the first may be due, each other one waits for the one before."""
    blocker = next((item for item in walk.known if item.state in MAYBE_THERE | {State.MISSING}), None)
    held_by = blocker.key if blocker is not None else ""
    why = "its outcome is not known yet" if blocker is not None else ""
    if not held_by and _waits_for_sign_up(referral):
        held_by, why = referral.account_id, "the sign-up goes before the sale"
    steps: list[Planned] = []
    for item in walk.planned:
        refused = walk.refused.get((item.kind, item.key))
        step = item
        if refused is not None:
            step = _refused(item, refused, walk, referral, now)
        elif item.kind in (EffectKind.AGAIN, EffectKind.BACK) and _was_changed(walk):
            steps.append(replace(item, state=State.PROPOSED, sentence=f"{item.sentence} A person decides."))
            continue
        if step.state is State.DUE and held_by:
            step = replace(
                step, state=State.HELD, held_by=held_by, sentence=f"{step.sentence} Held by {held_by}: {why}."
            )
        steps.append(step)
        if step.state is not State.DROPPED:
            held_by, why = step.key, _HOLDS.get(step.state, "it goes first")
    has_sale = any(item.kind is EffectKind.SALE for item in walk.known)
    if has_sale or any(item.kind is EffectKind.SALE and item.state is not State.DROPPED for item in steps):
        return steps
    return [item if item.kind is EffectKind.SALE else _dropped(item) for item in steps]


_HOLDS = {
    State.REJECTED: "it was refused and waits for a person",
    State.NOT_REFERRED: "nobody is credited for the sale so far",
}


def _was_changed(walk: _Walk) -> bool:
    return any(item.is_theirs for item in walk.known)


def _waits_for_sign_up(referral: Attribution) -> bool:
    return referral.referral is Referral.POSSIBLE and referral.sign_up is not None


def _refused(item: Planned, refused: Effect, walk: _Walk, referral: Attribution, now: datetime) -> Planned:
    if refused.is_dismissed:
        return replace(item, state=State.DROPPED, sentence=f"Dismissed by hand: {refused.reason}.")
    if refused.state in NEEDS_PERSON:
        reason = refused.reason or "it gave no reason"
        return replace(
            item, state=State.REJECTED, sentence=f"The tracker refused it: {reason.rstrip('.')}. A person decides."
        )
    if refused.state is not State.NOT_REFERRED or refused.answered_at is None:
        return item
    if item.kind is not EffectKind.SALE:
        return replace(
            item, state=State.REJECTED, sentence="The tracker has the sale and says that it does not know the customer."
        )
    sale_at = walk.sale.paid_at or walk.sale.issued_at or refused.answered_at
    what = outlook(referral, refused.answered_at, sale_at, now=now, policy=walk.policy)
    return replace(item, state=what.state, sentence=what.sentence, again_at=what.again_at, final_at=what.final_at)


def _dropped(item: Planned) -> Planned:
    return replace(item, state=State.DROPPED, sentence="The sale is not told, so there is nothing to take back.")
