"""One case: its records sorted, its claims found, and what is common to all legs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from affluent.domain.reconciliation.reasons import ROUNDING, likely_reason
from affluent.domain.reconciliation.statement import EXPLAINED, Class, Kind, Leg, Line, Record, Rules, Said

REPAIR, REGAIN = ".repair.", ".regain."
"""Stands in the id of what corrects a tracked sale, or a tracked refund; before it stands what is corrected."""
_DAY = 86_400_000_000
_ZONES = _DAY + _DAY // 12
"""Two clocks are at most 26 hours apart."""


@dataclass(slots=True)
class Case:
    """The records about one billing invoice."""

    id: str
    invoice: Record | None = None
    refunds: list[Record] = field(default_factory=list)
    receipts: list[Record] = field(default_factory=list)
    payments: list[Record] = field(default_factory=list)
    payment_refunds: list[Record] = field(default_factory=list)
    sales: list[Record] = field(default_factory=list)
    """Sales and repairs of sales, each once; amount is what was tracked, negative where a repair took back."""
    sale_refunds: list[Record] = field(default_factory=list)
    """Refunds tracked for the sale; amounts are positive."""
    commissions: list[Record] = field(default_factory=list)
    claims: dict[str, Record] = field(default_factory=dict)
    """Of what → what our journal says."""


_WORST_FIRST = (Said.UNKNOWN, Said.FAILED, Said.WAITING, Said.APPLIED, Said.DECLINED)


def sorted_case(case_id: str, records: Iterable[Record]) -> Case:
    """A case of its records; one that came twice (two connections to one vendor's account) counts once."""
    case = Case(case_id)
    seen: set[tuple[Kind, str]] = set()
    for record in records:
        key = (record.kind, record.id)
        if key in seen:
            continue
        seen.add(key)
        match record.kind:
            case Kind.INVOICE:
                case.invoice = record
            case Kind.REFUND:
                case.refunds.append(record)
            case Kind.RECEIPT:
                case.receipts.append(record)
            case Kind.PAYMENT:
                case.payments.append(record)
            case Kind.PAYMENT_REFUND:
                case.payment_refunds.append(record)
            case Kind.COMMISSION:
                case.commissions.append(record)
            case Kind.CLAIM:
                _add_claim(case, record)
    _add_sales(case)
    if len(case.payments) > 1 and case.payment_refunds:
        _drop_returned(case)
    return case


def _drop_returned(case: Case) -> None:
    """A second payment that was given back whole, and never recorded here, is as if it had not been made."""
    recorded = {receipt.id.partition("/")[0] for receipt in case.receipts}
    for payment in list(case.payments):
        returned = [refund for refund in case.payment_refunds if refund.facts.get("payment") == payment.id]
        if payment.id not in recorded and returned and total(returned) == payment.amount and len(case.payments) > 1:
            case.payments.remove(payment)
            case.payment_refunds = [refund for refund in case.payment_refunds if refund not in returned]


def _add_claim(case: Case, claim: Record) -> None:
    """Of two claims of the same thing the one that is further from being done speaks, unless one was applied."""
    what = str(claim.facts.get("of", ""))
    held = case.claims.get(what)
    if held is None or (
        held.status != Said.APPLIED
        and (
            claim.status == Said.APPLIED
            or _WORST_FIRST.index(Said(claim.status)) < _WORST_FIRST.index(Said(held.status))
        )
    ):
        case.claims[what] = claim


def _add_sales(case: Case) -> None:
    """The sales behind the commissions: tiers and splits of one sale count once, the same part twice is two sales."""
    unnamed = case.invoice.currency if case.invoice else "XXX"  # some trackers name none: what we sent is assumed
    parts: dict[str, dict[str, int]] = {}
    firsts: dict[str, list[Record]] = {}
    for commission in case.commissions:
        facts = commission.facts
        if "basis" not in facts:  # a bonus, for no sale
            continue
        sale, part = str(facts.get("sale") or commission.id), str(facts.get("part", ""))
        counts = parts.setdefault(sale, {})
        counts[part] = counts.get(part, 0) + 1
        held = firsts.setdefault(sale, [])
        if counts[part] > len(held):
            held.append(commission)
    for sale, commissions in firsts.items():
        for number, commission in enumerate(commissions):
            basis, currency = int(commission.facts["basis"]), str(commission.facts.get("basis_currency") or unnamed)
            name = sale if number == 0 else f"{sale}#{number + 1}"
            found = commission._replace(id=name, amount=basis, currency=currency)
            if REGAIN in sale or (basis < 0 and REPAIR not in sale):
                case.sale_refunds.append(found._replace(amount=-basis))
            else:
                case.sales.append(found)
    case.sales = _netted(case.sales)


def corrected(sale: str) -> str:
    """What a correction corrects; anything else is itself."""
    return sale.partition(REPAIR)[0].partition(REGAIN)[0]


def _netted(sales: list[Record]) -> list[Record]:
    """Without what a repair has taken back whole, account by account and currency by currency."""
    if not any(REPAIR in sale.id for sale in sales):
        return sales
    sums: dict[tuple[str, str], int] = {}
    for sale in sales:
        sums[sale.account_id, sale.currency] = sums.get((sale.account_id, sale.currency), 0) + sale.amount
    return [sale for sale in sales if sums[sale.account_id, sale.currency]]


def total(records: Sequence[Record]) -> int:
    """The sum of their amounts."""
    return sum(record.amount for record in records)


def named(*groups: Iterable[Record]) -> tuple[tuple[str, str], ...]:
    """(kind, id) of records."""
    return tuple((record.kind.value, record.id) for group in groups for record in group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two sides of one leg, both there."""

    leg: Leg
    mine: Record
    """Whose currency, account and time ours is."""
    ours: int
    theirs: Sequence[Record]
    records: tuple[tuple[str, str], ...]
    tax: int = 0
    discount: int = 0


def compared(case: Case, pair: Pair, rules: Rules) -> Line | None:
    """The line of two sides that are both there; None when neither lies in the period."""
    mine, theirs = pair.mine, pair.theirs
    sum_theirs, currency = total(theirs), mine.currency
    at_theirs = min(record.at for record in theirs)
    has_ours, has_theirs = rules.period.holds(mine.at), rules.period.holds(at_theirs)
    if not has_ours and not has_theirs:
        return None
    if not has_ours:
        return _elsewhere(case, pair, ours=0, theirs=theirs, at=at_theirs)
    other = [record for record in theirs if record.currency != currency]
    if other:
        same_number = total(other) == pair.ours
        kind = "label" if same_number else "currency_conversion"
        in_mine = total([record for record in theirs if record.currency == currency])
        line = line_of(
            case, pair.leg, Class.WRONG_CURRENCY, mine, (pair.ours, in_mine), reason=kind, records=pair.records
        )
        return line._replace(open=abs(pair.ours), foreign=(other[0].currency, total(other)))
    stranger = next((item for item in theirs if _is_strange(mine, item, rules)), None)
    if stranger is not None:
        line = line_of(
            case,
            pair.leg,
            Class.WRONG_ACCOUNT,
            mine,
            (pair.ours, sum_theirs),
            reason=stranger.account_id,
            records=pair.records,
        )
        return line._replace(open=max(abs(pair.ours), abs(sum_theirs)))
    if sum_theirs == pair.ours:
        if not has_theirs:
            return _elsewhere(case, pair, ours=pair.ours, theirs=(), at=mine.at)
        return line_of(case, pair.leg, Class.MATCHED, mine, (pair.ours, sum_theirs), records=pair.records)
    if abs(sum_theirs - pair.ours) <= sum(int(record.facts.get("rounded_to", 1)) // 2 for record in theirs):
        # The vendor counts fewer decimal places than the currency has, and each record is off by half a unit at most.
        money = (pair.ours, sum_theirs)
        return line_of(case, pair.leg, Class.MATCHED, mine, money, reason=ROUNDING, records=pair.records)
    if sum_theirs > pair.ours and len(theirs) > 1 and any(record.amount == pair.ours for record in theirs):
        return line_of(case, pair.leg, Class.DOUBLED_THERE, mine, (pair.ours, sum_theirs), records=pair.records)
    was_converted = any(record.facts.get("was_converted") for record in theirs)
    reason = likely_reason(
        pair.ours, sum_theirs, currency, tax=pair.tax, discount=pair.discount, was_converted=was_converted
    )
    return line_of(
        case, pair.leg, Class.AMOUNT_DIFFERS, mine, (pair.ours, sum_theirs), reason=reason, records=pair.records
    )


def line_of(
    case: Case,
    leg: Leg,
    name: Class,
    mine: Record,
    money: tuple[int, int],
    *,
    reason: str = "",
    records: tuple[tuple[str, str], ...],
) -> Line:
    """A line in the currency, account and time of one record, of (ours, theirs).

    Open money is the difference, unless the class explains it.
    """
    ours, theirs = money
    open_money = 0 if name in EXPLAINED else abs(ours - theirs)
    return Line(leg, name, mine.currency, ours, theirs, open_money, reason, case.id, mine.account_id, mine.at, records)


def _elsewhere(case: Case, pair: Pair, *, ours: int, theirs: Sequence[Record], at: int) -> Line:
    gap = abs(pair.mine.at - min(record.at for record in pair.theirs))
    reason = "time_zone" if gap <= _ZONES else "later" if not theirs else "earlier"
    foreign = [record for record in theirs if record.currency != pair.mine.currency]
    sum_theirs = total([record for record in theirs if record.currency == pair.mine.currency])
    line = line_of(
        case, pair.leg, Class.OUTSIDE_PERIOD, pair.mine, (ours, sum_theirs), reason=reason, records=pair.records
    )
    return line._replace(at=at, foreign=(foreign[0].currency, total(foreign)) if foreign else None)


def _is_strange(mine: Record, theirs: Record, rules: Rules) -> bool:
    both = mine.account_id and theirs.account_id
    return bool(
        both and mine.account_id != theirs.account_id and not rules.same_account(mine.account_id, theirs.account_id)
    )
