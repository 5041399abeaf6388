"""The comparison itself: a case becomes its lines, leg by leg. Pure, and the same every time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from affluent.domain.reconciliation.cases import Case, Pair, compared, line_of, named, sorted_case, total
from affluent.domain.reconciliation.statement import Class, Kind, Leg, Line, Record, Rules, Said

_SAID = {
    Said.DECLINED: Class.NOT_REFERRED,
    Said.WAITING: Class.WAITING,
    Said.FAILED: Class.FAILED,
    Said.UNKNOWN: Class.UNKNOWN,
}
_STATUS = {"denied": Class.COMMISSION_DENIED, "pending": Class.COMMISSION_PENDING, "paid": Class.COMMISSION_PAID}


def lines(records: Iterable[Record], rules: Rules) -> Iterator[Line]:
    """The lines of records that come case by case."""
    case_id, held = "", list[Record]()
    for record in records:
        if record.case_id != case_id and held:
            yield from lines_of(case_id, held, rules)
            held = []
        case_id = record.case_id
        held.append(record)
    if held:
        yield from lines_of(case_id, held, rules)


def lines_of(case_id: str, records: Iterable[Record], rules: Rules) -> Iterator[Line]:
    """The lines of one case."""
    case = sorted_case(case_id, records)
    for line in (_sale(case, rules), _refund(case, rules), _payment(case, rules), _payment_refund(case, rules)):
        if line is not None:
            yield line
    yield from _commissions(case, rules)


def _sale(case: Case, rules: Rules) -> Line | None:
    invoice, sales = case.invoice, case.sales
    if invoice is None:
        return _orphans(case, Leg.SALE, sales, rules, Class.EXTRA_THERE) if sales else None
    if sales:
        return compared(
            case,
            Pair(
                leg=Leg.SALE,
                mine=invoice,
                ours=invoice.amount,
                theirs=sales,
                records=named([invoice], sales),
                tax=int(invoice.facts.get("tax", 0)),
                discount=int(invoice.facts.get("discount", 0)),
            ),
            rules,
        )
    if not rules.period.holds(invoice.at):
        return None
    name, reason, theirs = _untracked(case, invoice, rules)
    return line_of(
        case,
        Leg.SALE,
        name,
        invoice,
        (invoice.amount, theirs),
        reason=reason,
        records=_with_claim(case, [invoice], "sale"),
    )


def _untracked(case: Case, invoice: Record, rules: Rules) -> tuple[Class, str, int]:
    """(class, reason, theirs) of an invoice of which the tracker lists nothing."""
    if invoice.amount < rules.minimum(invoice.currency):
        return Class.BELOW_MINIMUM, "", 0
    claim = case.claims.get("sale")
    if claim is None:
        if rules.is_referred(invoice.account_id):
            return Class.MISSING_THERE, "never_sent", 0
        return Class.NOT_REFERRED, "nothing_sent", 0
    if claim.status != Said.APPLIED:
        return _SAID[Said(claim.status)], str(claim.facts.get("sentence", "")), 0
    if not claim.facts.get("earned_nothing"):
        return Class.MISSING_THERE, "was_sent", 0
    if claim.amount != invoice.amount or claim.currency != invoice.currency:
        return Class.AMOUNT_DIFFERS, "other", claim.amount
    return Class.MATCHED, "earned_nothing", claim.amount


def _refund(case: Case, rules: Rules) -> Line | None:
    refunds, theirs = case.refunds, case.sale_refunds
    if not refunds:
        return _orphans(case, Leg.REFUND, theirs, rules, Class.REFUNDED_THERE_ONLY) if theirs else None
    first, ours = refunds[0], total(refunds)
    if theirs:
        facts = first.facts
        pair = Pair(
            leg=Leg.REFUND,
            mine=first,
            ours=ours,
            theirs=theirs,
            records=named(refunds, theirs),
            tax=int(facts.get("gross", first.amount)) - first.amount,
        )
        return compared(case, pair, rules)
    if not rules.period.holds(first.at):
        return None
    name, reason, sum_theirs = _untracked_refund(case, first, ours, rules)
    records = _with_claim(case, refunds, "sale_refund")
    return line_of(case, Leg.REFUND, name, first, (ours, sum_theirs), reason=reason, records=records)


def _untracked_refund(case: Case, refund: Record, ours: int, rules: Rules) -> tuple[Class, str, int]:
    if ours < rules.minimum(refund.currency):
        return Class.BELOW_MINIMUM, "", 0
    claim, sale = case.claims.get("sale_refund"), case.claims.get("sale")
    if claim is not None and claim.status != Said.APPLIED:
        return _SAID[Said(claim.status)], str(claim.facts.get("sentence", "")), 0
    if claim is not None and claim.facts.get("earned_nothing"):
        return Class.MATCHED, "earned_nothing", ours
    was_declined = sale.status == Said.DECLINED if sale else not rules.is_referred(refund.account_id)
    if not case.sales and was_declined:
        return Class.NOT_REFERRED, "no_sale", 0
    return Class.REFUNDED_HERE_ONLY, "never_sent" if claim is None else "was_sent", 0


def _payment(case: Case, rules: Rules) -> Line | None:
    invoice, receipts, payments = case.invoice, case.receipts, case.payments
    if payments and (invoice is not None or receipts):
        mine = invoice or receipts[0]
        ours = total(receipts) if receipts else int(mine.facts.get("gross", mine.amount))
        tax = int(mine.facts.get("tax", 0))
        records = named([mine] if invoice else [], receipts, payments)
        at = min(record.at for record in receipts) if receipts else mine.at
        pair = Pair(leg=Leg.PAYMENT, mine=mine._replace(at=at), ours=ours, theirs=payments, records=records)
        line = compared(case, pair, rules)
        if line is not None and line.name is Class.AMOUNT_DIFFERS and tax and line.difference == tax:
            line = line._replace(reason="tax")
        return line
    if payments:
        return _unrecorded(case, rules)
    if not receipts or not rules.period.holds(receipts[0].at):
        return None
    records = named(receipts)
    return line_of(
        case,
        Leg.PAYMENT,
        Class.MISSING_THERE,
        receipts[0],
        (total(receipts), 0),
        reason="recorded_here",
        records=records,
    )


def _unrecorded(case: Case, rules: Rules) -> Line | None:
    """Money at the gateway that billing does not know: on its way, stuck, or nobody's."""
    line = _orphans(case, Leg.PAYMENT, case.payments, rules, Class.EXTRA_THERE)
    claim = case.claims.get("receipt")
    if line is None or claim is None or claim.status in (Said.APPLIED, Said.DECLINED):
        return line
    name = _SAID[Said(claim.status)]
    changed = line._replace(name=name, reason=str(claim.facts.get("sentence", "")))
    return changed._replace(open=0) if name is Class.WAITING else changed


def _payment_refund(case: Case, rules: Rules) -> Line | None:
    refunds, theirs = case.refunds, case.payment_refunds
    if not refunds:
        return _orphans(case, Leg.PAYMENT_REFUND, theirs, rules, Class.REFUNDED_THERE_ONLY) if theirs else None
    first = refunds[0]
    ours = sum(int(refund.facts.get("gross", refund.amount)) for refund in refunds)
    if theirs:
        pair = Pair(leg=Leg.PAYMENT_REFUND, mine=first, ours=ours, theirs=theirs, records=named(refunds, theirs))
        return compared(case, pair, rules)
    if not case.payments or not rules.period.holds(first.at):
        return None
    records = named(refunds, case.payments)
    return line_of(case, Leg.PAYMENT_REFUND, Class.REFUNDED_HERE_ONLY, first, (ours, 0), records=records)


def _commissions(case: Case, rules: Rules) -> Iterator[Line]:
    for commission in case.commissions:
        if rules.period.holds(commission.at):
            name = _STATUS.get(commission.status, Class.MATCHED)
            records = named([commission])
            amount = commission.amount
            yield line_of(
                case, Leg.COMMISSION, name, commission, (amount, amount), reason=commission.status, records=records
            )


def _orphans(case: Case, leg: Leg, theirs: list[Record], rules: Rules, name: Class) -> Line | None:
    """What is there and not here. Repairs that took an extra back leave nothing."""
    inside = [record for record in theirs if rules.period.holds(record.at)]
    if not inside:
        return None
    first, sum_theirs = inside[0], total(theirs)
    others = [record for record in theirs if record.currency != first.currency]
    if not sum_theirs:
        return line_of(case, leg, Class.MATCHED, first, (0, 0), reason="repaired", records=named(theirs))
    reason = "names_no_invoice" if first.kind is Kind.PAYMENT and case.id == first.id else ""
    mine = total([record for record in theirs if record.currency == first.currency])
    line = line_of(case, leg, name, first, (0, mine), reason=reason, records=named(theirs))
    return line._replace(foreign=(others[0].currency, total(others))) if others else line


def _with_claim(case: Case, records: list[Record], what: str) -> tuple[tuple[str, str], ...]:
    claim = case.claims.get(what)
    return named(records, [claim] if claim else [])
