"""Which account each fact debits and credits.

    invoice issued       receivable:INV      | revenue, tax
    payment captured     clearing:CHANNEL    | receivable:INV, fees recovered, unapplied:PAYMENT
    fee                  fees, tax on fees   | clearing:CHANNEL
    settled              bank                | clearing:CHANNEL
    refund, dispute lost revenue, tax        | clearing:CHANNEL
    dispute opened       disputed:CHANNEL    | clearing:CHANNEL
    credit, withheld tax credit, withheld tax| receivable:INV
    written off          written off         | receivable:INV
    commission earned    commissions         | payable:PROMOTER
    promoter paid        payable:PROMOTER    | payouts
    settled by hand      as the person says  | as the person says

What a refund takes back of a payment beyond its sale comes from `unapplied:PAYMENT`, and beyond all of it from
`over-refunded:PAYMENT`. A commission without a stated currency stands in `currency unknown` accounts of no currency.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from affluent.domain.money.commissions import GONE
from affluent.domain.money.facts import (
    BANK,
    Application,
    Commission,
    CommissionState,
    Dispute,
    DisputeState,
    Fact,
    Invoice,
    InvoiceState,
    Means,
    Payment,
    Refund,
    RefundState,
    Resolution,
    Settlement,
    current,
)
from affluent.domain.money.journal import DueEntry, Posting
from affluent.domain.money.receipts import Receipt, Receipts, receipts_of
from affluent.domain.money.rounding import shares
from affluent.domain.money.sales import by_sale


@dataclass(slots=True, kw_only=True)
class _Books:
    """The sales and payments that facts are posted against."""

    sales_of: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    """Fact → the sales that it belongs to."""
    sales: dict[str, Receipts] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)

    def of_payment(self, payment_id: str) -> list[tuple[Receipts, Receipt]]:
        """The sales that a payment brings money to, with what it brings."""
        return [
            (sale, receipt)
            for _, sale in sorted(self.sales.items())
            for receipt in sale.receipts
            if receipt.payment_id == payment_id
        ]


def due_entries(facts: Sequence[Fact]) -> list[DueEntry]:
    """What all these facts should have posted, in the order of time. Facts of things that stand no more want nothing."""
    states = current(facts)
    books = _Books(payments={fact.id: fact for fact in states if isinstance(fact, Payment)})
    for sale_id, own in by_sale(states).items():
        for fact in own:
            books.sales_of.setdefault(fact.thing, []).append(sale_id)
        sale = receipts_of(sale_id, own)
        if sale is not None:
            books.sales[sale_id] = sale
    entries: list[DueEntry] = []
    back = _Back()
    for fact in states:
        sale_ids = tuple(books.sales_of.get(fact.thing, ()))
        entries += [replace(item, sale_ids=sale_ids) for item in _of(fact, books, back)]
    return entries


def _due(fact: Fact, postings: Sequence[Posting], sentence: str, *, part: str = "") -> DueEntry:
    kind = type(fact).__name__.lower()
    return DueEntry(
        cause=f"{kind}:{fact.source}:{fact.id}" + (f":{part}" if part else ""),
        happened_at=fact.happened_at,
        postings=tuple(posting for posting in postings if posting.amount),
        sentence=sentence,
        corrects=fact.corrects,
    )


def _post(account: str, currency: str, amount: int) -> Posting:
    return Posting(account=account, currency=currency, amount=amount)


def _of(fact: Fact, books: _Books, back: _Back) -> Iterator[DueEntry]:
    match fact:
        case Invoice():
            yield from _invoice(fact, books)
        case Payment():
            yield from _payment(fact, books)
        case Application():
            yield _due(fact, _application(fact, books), f"{fact.payment_id} was applied to {fact.invoice_id}.")
        case Refund():
            yield _due(fact, _refund(fact, books, back), f"Refund {fact.id} is {fact.state}.")
        case Dispute():
            yield _due(fact, _dispute(fact, books, back), f"Dispute {fact.id} is {fact.state}.")
        case Settlement():
            postings = [
                _post(BANK, fact.currency, fact.amount),
                _post(f"clearing:{fact.channel}", fact.currency, -fact.amount),
            ]
            yield _due(fact, postings, f"{fact.channel} settled {fact.id}.")
        case Resolution() if fact.debit and fact.credit:
            postings = [_post(fact.debit, fact.currency, fact.amount), _post(fact.credit, fact.currency, -fact.amount)]
            yield _due(fact, postings, f"Settled by {fact.approver}: {fact.note}.")
        case Commission():
            yield from _commission(fact)
        case _:
            return


def _invoice(fact: Invoice, books: _Books) -> Iterator[DueEntry]:
    owed = f"receivable:{fact.id}"
    issued = [
        _post(owed, fact.currency, fact.total),
        _post("revenue", fact.currency, -fact.net),
        _post("tax", fact.currency, -fact.tax),
    ]
    is_void = fact.state is InvoiceState.VOID
    yield _due(fact, [] if is_void else issued, f"Invoice {fact.number or fact.id} is {fact.state}.")
    rest = max(0, fact.total - books.sales[fact.id].received) if fact.state is InvoiceState.WRITTEN_OFF else 0
    lost = [_post("written off", fact.currency, rest), _post(owed, fact.currency, -rest)]
    yield _due(fact, lost, f"Invoice {fact.number or fact.id} is written off.", part="written-off")


def _payment(fact: Payment, books: _Books) -> Iterator[DueEntry]:
    channel = _clearing(fact.channel)
    postings = [
        _post(channel, fact.currency, fact.amount),
        _post("fees recovered", fact.currency, -fact.fee_on_customer),
    ]
    rest = fact.offered
    for sale, receipt in books.of_payment(fact.id):
        for posting in _brought(sale, receipt):
            postings.append(posting)
            rest += posting.amount
    postings.append(_post(f"unapplied:{fact.id}", fact.currency, -rest))
    yield _due(fact, postings, f"Payment {fact.id} came in at {fact.channel}.")
    fee = [
        _post("fees", fact.currency, fact.fee - fact.fee_tax),
        _post("tax on fees", fact.currency, fact.fee_tax),
        _post(channel, fact.currency, -fact.fee),
    ]
    yield _due(fact, fee, f"{fact.channel} kept its fee of payment {fact.id}.", part="fee")


def _clearing(channel: str) -> str:
    return BANK if channel == BANK else f"clearing:{channel}"


def _brought(sale: Receipts, receipt: Receipt) -> Iterator[Posting]:
    """What a receipt credits: the receivable, and past its total the revenue and tax that a refund had taken back."""
    if sale.state is InvoiceState.VOID:
        return
    if sale.sale_id == receipt.payment_id:  # no invoice was issued: the money itself is the sale
        yield from _net_and_tax(sale, -receipt.brought)
        return
    before = sum(other.brought for other in sale.receipts[: sale.receipts.index(receipt)])
    on_receivable = min(receipt.brought, max(0, sale.total - before))
    yield _post(f"receivable:{sale.sale_id}", sale.currency, -on_receivable)
    yield from _net_and_tax(sale, on_receivable - receipt.brought)


def _net_and_tax(sale: Receipts, amount: int) -> Iterator[Posting]:
    sign = -1 if amount < 0 else 1
    net, tax = shares(abs(amount), (sale.net, sale.total - sale.net))
    yield _post("revenue", sale.currency, sign * net)
    yield _post("tax", sale.currency, sign * tax)


def _application(fact: Application, books: _Books) -> list[Posting]:
    """What billing applied and no payment is known for: credit, withheld tax, money that only billing knows of.

    A payment that is known posts for itself.
    """
    sale = books.sales.get(fact.invoice_id)
    receipt = next((item for item in sale.receipts if item.application_id == fact.id), None) if sale else None
    if sale is None or receipt is None or fact.payment_id in books.payments:
        return []
    if sale.state is InvoiceState.VOID and fact.means is not Means.MONEY:
        return []  # the credit is free again
    account = {Means.CREDIT: "credit", Means.WITHHELD_TAX: "withheld tax"}.get(fact.means, "clearing:unknown")
    credited = list(_brought(sale, receipt))
    rest = receipt.offered + sum(posting.amount for posting in credited)
    return [
        _post(account, sale.currency, receipt.offered),
        *credited,
        _post(f"unapplied:{fact.payment_id}", sale.currency, -rest),
    ]


@dataclass(slots=True)
class _Back:
    """What went back so far, so that each refund takes the next part and all parts add up."""

    by_payment: dict[str, int] = field(default_factory=dict)

    def next(self, payment_id: str, amount: int) -> tuple[int, int]:
        """Cumulative amounts of a payment before and after a reversal."""
        before = self.by_payment.get(payment_id, 0)
        self.by_payment[payment_id] = before + amount
        return before, before + amount


def _refund(fact: Refund, books: _Books, back: _Back) -> list[Posting]:
    if fact.state is not RefundState.PROCESSED or not fact.payment_id:
        return []  # what billing says of a whole invoice moves no account: the gateway's own refund does
    return _reversal(fact, books, back)


def _dispute(fact: Dispute, books: _Books, back: _Back) -> list[Posting]:
    if fact.state is DisputeState.LOST:
        return _reversal(fact, books, back)
    if fact.state is DisputeState.WON:
        return []
    channel = books.payments[fact.payment_id].channel if fact.payment_id in books.payments else "unknown"
    return [
        _post(f"disputed:{channel}", fact.currency, fact.amount),
        _post(_clearing(channel), fact.currency, -fact.amount),
    ]


def _reversal(fact: Refund | Dispute, books: _Books, back: _Back) -> list[Posting]:
    before, after = back.next(fact.payment_id, fact.amount)
    payment = books.payments.get(fact.payment_id)
    channel = _clearing(payment.channel) if payment is not None else "clearing:unknown"
    sums = _taken(fact.payment_id, books, after)
    for account, amount in _taken(fact.payment_id, books, before).items():
        sums[account] = sums.get(account, 0) - amount
    taken = [_post(account, fact.currency, amount) for account, amount in sums.items()]
    return [*taken, _post(channel, fact.currency, -fact.amount)]


def _taken(payment_id: str, books: _Books, amount: int) -> dict[str, int]:
    """The accounts that an amount given back of a payment comes from: unapplied first, then its sales, then none."""
    pairs = books.of_payment(payment_id)
    payment = books.payments.get(payment_id)
    offered = payment.offered if payment is not None else sum(receipt.offered for _, receipt in pairs)
    brought = [0 if sale.state is InvoiceState.VOID else receipt.brought for sale, receipt in pairs]
    spare = max(0, offered - sum(brought))
    sums = {f"unapplied:{payment_id}": min(amount, spare)}
    rest = max(0, amount - spare)
    parts = _within(min(rest, sum(brought)), brought)
    for (sale, _), part in zip(pairs, parts, strict=True):
        for posting in _net_and_tax(sale, part):
            sums[posting.account] = sums.get(posting.account, 0) + posting.amount
    sums[f"over-refunded:{payment_id}"] = rest - sum(parts)
    return sums


def _within(amount: int, limits: Sequence[int]) -> list[int]:
    """Shares of an amount by what each sale got of the payment."""
    return shares(amount, limits) if sum(limits) else [0] * len(limits)


def _commission(fact: Commission) -> Iterator[DueEntry]:
    if not fact.is_cash:
        return
    whose = f"payable:{fact.promoter_id}" if fact.currency else f"currency unknown:{fact.promoter_id}"
    amount = 0 if fact.state in GONE else fact.amount
    earned = [_post("commissions", fact.currency, amount), _post(whose, fact.currency, -amount)]
    yield _due(fact, earned, f"Commission {fact.id} is {fact.state}.")
    paid = fact.amount if fact.was_paid or fact.state is CommissionState.PAID else 0
    payout = [_post(whose, fact.currency, paid), _post("payouts", fact.currency, -paid)]
    yield _due(fact, payout, f"Promoter {fact.promoter_id} was paid for commission {fact.id}.", part="payout")
