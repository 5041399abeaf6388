"""What there is to say about a sale: findings of its money, of the tracker, and of its commissions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from affluent.domain.money.attribution import Attribution, Referral
from affluent.domain.money.commissions import commission_findings
from affluent.domain.money.effects import ADDS, COUNTED, Effect, EffectKind, Planned, State
from affluent.domain.money.facts import (
    Dispute,
    DisputeState,
    Entry,
    EntryState,
    Fact,
    Means,
    Payment,
    Refund,
    RefundState,
    Resolution,
)
from affluent.domain.money.findings import AccountKind, Class, Finding
from affluent.domain.money.policy import Counts, Policy
from affluent.domain.money.receipts import BILLING, Receipt, Receipts
from affluent.domain.money.rounding import in_units, nearest
from affluent.kit.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that findings are made of."""

    sale: Receipts
    referral: Attribution
    plan: Sequence[Planned]
    known: Sequence[Effect]
    states: Sequence[Fact]
    now: datetime
    policy: Policy

    def finding(self, name: Class, kind: AccountKind, amount: int, sentence: str, *, about: str = "") -> Finding:
        """A finding in the sale's currency."""
        return Finding(name=name, kind=kind, amount=amount, currency=self.sale.currency, sentence=sentence, about=about)

    def money(self, amount: int) -> str:
        """An amount of the sale's currency, for people."""
        return str(Money(amount, self.sale.currency))


def judge(case: Case) -> list[Finding]:
    """The findings of a sale, at least one."""
    states = case.states
    findings = [*_cash(case), *_foreign(case), *_reversals(case, states), *_tracker(case, states), *_steps(case)]
    findings += commission_findings(states)
    settled = [_resolved(finding, case, states) for finding in findings]
    return settled if any(finding.kind is AccountKind.BASE for finding in settled) else [*settled, _as_a_whole(case)]


def _cash(case: Case) -> Iterator[Finding]:
    for receipt in case.sale.receipts:
        owed = case.sale.owed_back(receipt)
        if owed:
            yield _owed(case, receipt, owed)
        if receipt.payment_id == BILLING and case.policy.billing_tells_receipts:
            text = f"Billing says that {case.sale.sale_id} is paid; no payment is known for {case.money(receipt.brought)} of it."
            yield case.finding(Class.PAID_WITHOUT_RECEIPT, AccountKind.RECEIVABLE, receipt.brought, text)
        elif receipt.means is Means.WITHHELD_TAX:
            text = f"The customer withheld {case.money(receipt.brought)} as tax; proof of it is due."
            yield case.finding(
                Class.TAX_WITHHELD, AccountKind.RECEIVABLE, receipt.brought, text, about=receipt.payment_id
            )
        elif receipt.means is Means.CREDIT:
            text = f"{case.money(receipt.brought)} were settled with credit {receipt.payment_id}."
            yield case.finding(Class.PAID_BY_CREDIT, AccountKind.RECEIVABLE, 0, text, about=receipt.payment_id)
        if receipt.is_applied and receipt.named_invoice not in ("", case.sale.sale_id):
            text = (
                f"Payment {receipt.payment_id} names {receipt.named_invoice}, "
                f"and {case.money(receipt.brought)} of it are recorded on {case.sale.sale_id}."
            )
            yield case.finding(
                Class.CASH_ON_WRONG_INVOICE, AccountKind.RECEIVABLE, receipt.brought, text, about=receipt.payment_id
            )


def _foreign(case: Case) -> Iterator[Finding]:
    """Money of another currency than the sale's."""
    for fact in case.states:
        if isinstance(fact, Payment) and fact.currency != case.sale.currency:
            money = Money(fact.amount, fact.currency)
            text = f"Payment {fact.id} brought {money}, and {case.sale.sale_id} is in {case.sale.currency}: it settles nothing."
            yield Finding(
                name=Class.OTHER_CURRENCY,
                kind=AccountKind.CLEARING,
                amount=fact.amount,
                currency=fact.currency,
                sentence=text,
                about=fact.id,
            )


def _owed(case: Case, receipt: Receipt, owed: int) -> Finding:
    where = f" at {receipt.channel}" if receipt.channel else ""
    name, why = Class.OVERPAID, f"more than {case.sale.sale_id} asked for"
    if case.sale.has_ended:
        name, why = Class.PAID_AFTER_VOID, f"and {case.sale.sale_id} is {case.sale.state}"
    elif not receipt.brought and case.sale.received >= case.sale.total:
        name, why = Class.PAID_TWICE, f"and {case.sale.sale_id} was paid already"
    text = f"Payment {receipt.payment_id}{where} brought {case.money(owed)}, {why}: it is owed back."
    return case.finding(name, AccountKind.CLEARING, owed, text, about=receipt.payment_id)


def _reversals(case: Case, states: Sequence[Fact]) -> Iterator[Finding]:
    for receipt in case.sale.receipts:
        back = sum(item.amount for item in case.sale.reversals if item.payment_id == receipt.payment_id)
        whole = next(
            (fact.amount for fact in states if isinstance(fact, Payment) and fact.id == receipt.payment_id),
            receipt.offered + receipt.offered_elsewhere,
        )
        if receipt.payment_id != BILLING and back > whole:
            text = (
                f"{case.money(back)} went back of payment {receipt.payment_id}, which had brought {case.money(whole)}."
            )
            yield case.finding(
                Class.REFUND_TOO_LARGE, AccountKind.CLEARING, back - whole, text, about=receipt.payment_id
            )
    for fact in states:
        if isinstance(fact, Dispute) and fact.state is DisputeState.OPENED:
            text = (
                f"{case.money(fact.amount)} of payment {fact.payment_id} are disputed ({fact.id}); "
                "nothing changes until that is decided."
            )
            yield case.finding(Class.DISPUTE_OPEN, AccountKind.CLEARING, 0, text, about=fact.id)
        elif isinstance(fact, Refund) and fact.state is RefundState.PENDING:
            text = f"A refund of {case.money(fact.amount)} is on its way ({fact.id}); no other one is tried."
            yield case.finding(Class.REFUND_PENDING, AccountKind.CLEARING, 0, text, about=fact.id)


def _tracker(case: Case, states: Sequence[Fact]) -> Iterator[Finding]:
    sale = case.sale
    for item in case.known:
        if item.state in COUNTED and item.currency and item.currency != sale.currency:
            text = f"The tracker holds {item.key} in {item.currency}, and {sale.sale_id} is in {sale.currency}."
            yield case.finding(Class.OTHER_CURRENCY, AccountKind.BASE, nearest(sale.base()), text, about=item.key)
    for fact in states:
        if isinstance(fact, Entry) and fact.state is EntryState.HELD and fact.account_id not in ("", sale.account_id):
            text = f"The tracker holds {fact.id} for {fact.account_id}, and {sale.sale_id} is of {sale.account_id}."
            yield case.finding(Class.WRONG_CUSTOMER, AccountKind.BASE, nearest(sale.base()), text, about=fact.id)
    if case.referral.is_denied:
        text = f"The tracker does not know {sale.account_id} any more, whose referral it took."
        yield case.finding(Class.REFERRAL_DENIED, AccountKind.BASE, nearest(sale.base()), text)
    if sale.sale_id and not case.policy.payments_are_sales and _names_no_invoice(case, states):
        text = f"Payment {sale.sale_id} over {case.money(sale.total)} names no invoice that billing knows."
        amount = nearest(sale.kept())
        yield case.finding(Class.NAMES_NO_INVOICE, AccountKind.CLEARING, amount, text, about=sale.sale_id)


def _names_no_invoice(case: Case, states: Sequence[Fact]) -> bool:
    return any(isinstance(fact, Payment) and fact.id == case.sale.sale_id for fact in states)


def _steps(case: Case) -> Iterator[Finding]:
    last_news = max((fact.learned_at for fact in case.states), default=case.now)
    is_late = case.now - last_news > case.policy.told_within
    for step in case.plan:
        name = _class_of(step, case, is_late=is_late)
        if name is not None:
            amount = step.amount if step.kind is not EffectKind.SIGN_UP else nearest(case.sale.base())
            yield case.finding(
                name, AccountKind.BASE, amount, f"{step.kind} {step.key}: {step.sentence}", about=step.key
            )


def _class_of(step: Planned, case: Case, *, is_late: bool) -> Class | None:
    match step.state:
        case State.DUE:
            return Class.NOT_TOLD if is_late else Class.WAITING
        case State.HELD | State.INTENDED:
            return Class.WAITING
        case State.UNKNOWN:
            return Class.OUTCOME_UNKNOWN
        case State.MISSING:
            return Class.MISSING_THERE
        case State.NOT_REFERRED:
            is_known = case.referral.referral is Referral.KNOWN
            return Class.NOT_VISIBLE_YET if is_known else Class.NOT_REFERRED_SO_FAR
        case State.PROPOSED:
            others = [item for item in case.known if item.is_theirs]
            return Class.EXTRA_THERE if others and step.kind not in ADDS else Class.AMOUNT_DIFFERS
        case State.REJECTED:
            was_denied = _effect_of(step, case, State.NOT_REFERRED)
            return Class.REFERRAL_DENIED if was_denied else Class.REFUSED
        case State.DROPPED:
            if _effect_of(step, case, State.NOT_REFERRED) and step.kind is EffectKind.SALE and step.units:
                return Class.NOT_REFERRED
            return Class.DISMISSED if step.units else None
        case _:
            return None


def _effect_of(step: Planned, case: Case, state: State) -> bool:
    return any((item.kind, item.key, item.state) == (step.kind, step.key, state) for item in case.known)


def _as_a_whole(case: Case) -> Finding:
    """What is said when the tracker needs nothing and money does not speak for itself."""
    sale = case.sale
    if any(item.state in COUNTED for item in case.known):
        text = f"{sale.sale_id} is told: the tracker holds {case.money(nearest(sale.base()))}."
        return case.finding(Class.SETTLED, AccountKind.BASE, 0, text)
    must_be_full = case.policy.counts is Counts.WHEN_PAID_IN_FULL
    if not sale.received or (must_be_full and not sale.is_full):
        text = f"{case.money(sale.received)} of {case.money(sale.total)} are paid for {sale.sale_id}."
        name = Class.NOTHING_DUE if sale.has_ended else Class.UNPAID
        return case.finding(name, AccountKind.BASE, 0, text + (f" It is {sale.state}." if sale.has_ended else ""))
    if sale.base() and in_units(sale.base(), sale.currency, case.policy.places) < case.policy.smallest_units:
        text = f"{case.money(nearest(sale.base()))} are less than the smallest amount that the tracker counts."
        return case.finding(Class.BELOW_SMALLEST, AccountKind.BASE, 0, text)
    text = f"All money of {sale.sale_id} went back before anything was told, so nothing is due."
    return case.finding(Class.NOTHING_DUE, AccountKind.BASE, 0, text)


def _resolved(finding: Finding, case: Case, states: Sequence[Fact]) -> Finding:
    """A finding that a person settled by hand: with their name and their reason."""
    if not finding.is_open:
        return finding
    names = {f"{finding.name}:{case.sale.sale_id}", f"{finding.name}:{case.sale.sale_id}:{finding.about}"}
    for fact in states:
        if isinstance(fact, Resolution) and fact.corrects in names and fact.amount >= finding.amount:
            sentence = f"{finding.sentence} Settled by {fact.approver}: {fact.note}."
            return replace(finding, name=Class.RESOLVED, sentence=sentence)
    return finding
