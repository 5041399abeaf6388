"""What the tracker states of a sale's commissions, compared with what it promised and with the campaign's terms.

Amounts and currencies are the tracker's own. What is expected is compared with them and never put in their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from affluent.domain.money.facts import Commission, CommissionState, Fact
from affluent.domain.money.findings import AccountKind, Class, Finding
from affluent.domain.money.rounding import nearest
from affluent.kit.money import Money

GONE = frozenset({CommissionState.DENIED, CommissionState.DELETED})
"""Nothing is owed for these."""


def commission_findings(facts: Sequence[Fact]) -> list[Finding]:
    """What is to be said of each commission in money."""
    return [finding for fact in facts if isinstance(fact, Commission) and fact.is_cash for finding in _findings(fact)]


def _findings(fact: Commission) -> Iterator[Finding]:
    money = (
        str(Money(abs(fact.amount), fact.currency)) if fact.currency else f"{abs(fact.amount)} of an unnamed currency"
    )
    who = f"Commission {fact.id} of promoter {fact.promoter_id}"

    def finding(name: Class, amount: int, text: str) -> Finding:
        return Finding(
            name=name,
            kind=AccountKind.PAYABLE,
            amount=abs(amount),
            currency=fact.currency,
            sentence=text,
            about=fact.id,
        )

    if fact.state is CommissionState.DENIED and fact.was_paid:
        yield finding(Class.DENIED_AFTER_PAYOUT, fact.amount, f"{who} over {money} was paid out and denied afterwards.")
        return
    if fact.state is CommissionState.DENIED:
        yield finding(Class.COMMISSION_DENIED, 0, f"{who} over {money} was denied.")
        return
    if fact.state is CommissionState.DELETED:
        yield finding(Class.COMMISSION_DELETED, fact.amount, f"{who} over {money} was deleted at the tracker.")
        return
    if not fact.currency:
        yield finding(Class.CURRENCY_UNKNOWN, fact.amount, f"{who}: the tracker states {money}.")
        return
    if fact.is_self_referral:
        yield finding(Class.SELF_REFERRAL, fact.amount, f"{who} over {money}: the customer is the promoter.")
    expected = expected_amount(fact)
    if fact.promised is not None and fact.promised != fact.amount:
        promised = Money(abs(fact.promised), fact.currency)
        text = f"{who} is {money} now; the tracker's first answer was {promised}."
        yield finding(Class.COMMISSION_CHANGED, fact.amount - fact.promised, text)
    elif expected is not None and abs(expected - fact.amount) > 1:
        text = f"{who} is {money}; the campaign's terms make {Money(abs(expected), fact.currency)}."
        yield finding(Class.OTHER_RATE, fact.amount - expected, text)
    if fact.state is not CommissionState.PAID:
        yield finding(Class.PAYABLE_OPEN, 0, f"{who} over {money} is {fact.state} and not paid out.")


def expected_amount(fact: Commission) -> int | None:
    """What the campaign's terms make of the sale as the tracker states it; None where they cannot be compared.

    Splits and upper tiers have terms of their own.
    """
    if fact.rate is None or fact.base_currency != fact.currency or fact.is_split or fact.tier > 1:
        return None
    return nearest(fact.base * Fraction(*fact.rate))


def why_commission(fact: Commission, net: int, currency: str, sale_name: str) -> str:
    """One sentence on an amount.

    For example: "JPY 64,000 = 20 % of JPY 320,000 net of INV-1012, for pro_1, campaign Partners." The rate is given only
    where the tracker states it; otherwise what the tracker states is said to be that.
    """
    if not fact.is_cash:
        return f"{abs(fact.amount)} units that are no money, for {sale_name}, for {fact.promoter_id}."
    if not fact.currency:
        return f"The tracker states no currency for commission {fact.id} of {sale_name}, so its amount is not known."
    money, whole = Money(abs(fact.amount), fact.currency), Money(net, currency)
    whom = f"for {fact.promoter_id}" + (f", campaign {fact.campaign}" if fact.campaign else "")
    if fact.amount < 0:
        return f"{money} are taken back for what went back of {sale_name} ({whole} net), {whom}."
    if fact.rate is not None and expected_amount(fact) == fact.amount:
        whole_percent, hundredths = divmod(nearest(Fraction(*fact.rate) * 10_000), 100)
        rate = f"{whole_percent}.{hundredths:02}".rstrip("0").rstrip(".")
        base = whole if fact.base_currency == currency else Money(fact.base, fact.base_currency)
        of = (
            f"{base} net of {sale_name}"
            if base == whole
            else f"{base}, to which the tracker converted {whole} net of {sale_name}"
        )
        return f"{money} = {rate} % of {of}, {whom}."
    return f"{money} is what the tracker states for {whole} net of {sale_name}, {whom}."
