"""Which facts belong to which sale, and under which other keys a sale may have been told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from affluent.domain.money.facts import (
    Application,
    Cancellation,
    Commission,
    Dispute,
    Entry,
    Fact,
    Invoice,
    Lead,
    Payment,
    PaymentRequest,
    Refund,
    Resolution,
    VisitorId,
    current,
)


def invoices_of(payment: Payment, states: Sequence[Fact]) -> list[str]:
    """The known invoices that a payment is applied to, or else the known one that it names. `states` are current."""
    known = {fact.id for fact in states if isinstance(fact, Invoice)}
    applied = [
        fact.invoice_id
        for fact in states
        if isinstance(fact, Application) and fact.payment_id == payment.id and fact.amount and fact.invoice_id in known
    ]
    return sorted(set(applied)) or [payment.invoice_id] * (payment.invoice_id in known)


def by_sale(facts: Sequence[Fact]) -> dict[str, list[Fact]]:
    """Sale id → its facts. A payment's facts are those of every invoice that it is applied to, or of a sale of its own.

    What is known of the account is part of each of its sales.
    """
    states = current(facts)
    sales: dict[str, list[Fact]] = {fact.id: [] for fact in states if isinstance(fact, Invoice)}
    homes = _homes(states, sales)
    accounts: dict[str, list[str]] = {}
    for fact in states:
        if isinstance(fact, Invoice):
            accounts.setdefault(fact.account_id, []).append(fact.id)
        elif isinstance(fact, Payment) and homes[fact.id] == [fact.id]:
            sales[fact.id] = []
            accounts.setdefault(fact.account_id, []).append(fact.id)
    entries = {fact.id: fact.sale_id for fact in states if isinstance(fact, Entry)}
    for fact in states:
        for sale_id in dict.fromkeys(_sales_of(fact, homes, accounts, entries)):
            if sale_id in sales:
                sales[sale_id].append(fact)
    return sales


def without_sale(facts: Sequence[Fact]) -> list[Refund | Dispute]:
    """Money that went back of payments, or for invoices, that are not known: held until they are."""
    states = current(facts)
    payments = {fact.id for fact in states if isinstance(fact, Payment)}
    payments |= {fact.payment_id for fact in states if isinstance(fact, Application)}
    invoices = {fact.id for fact in states if isinstance(fact, Invoice)}
    back = [fact for fact in states if isinstance(fact, (Refund, Dispute))]
    return [
        fact
        for fact in back
        if not (fact.payment_id in payments or (isinstance(fact, Refund) and fact.invoice_id in invoices))
    ]


def aliases(sale_id: str, facts: Sequence[Fact]) -> frozenset[str]:
    """The sale's id and the ids of its payments: what was told under any of them was told of this sale."""
    states = current(facts)
    payments = {fact.id for fact in states if isinstance(fact, Payment) and sale_id in invoices_of(fact, states)}
    return frozenset({sale_id, *payments})


def _homes(states: Sequence[Fact], invoices: Iterable[str]) -> dict[str, list[str]]:
    """Payment id → the sales that it belongs to."""
    known = set(invoices)
    homes: dict[str, list[str]] = {}
    for fact in states:
        if isinstance(fact, Application) and fact.amount and fact.invoice_id in known:
            homes.setdefault(fact.payment_id, []).append(fact.invoice_id)
    for fact in states:
        if isinstance(fact, Payment) and fact.id not in homes:
            homes[fact.id] = [fact.invoice_id if fact.invoice_id in known else fact.id]
    return homes


def _sales_of(
    fact: Fact, homes: dict[str, list[str]], accounts: dict[str, list[str]], entries: dict[str, str]
) -> list[str]:
    match fact:
        case Invoice():
            return [fact.id]
        case Payment():
            return homes[fact.id]
        case Application():  # of each invoice of the payment: a refund is shared by all of them
            return homes.get(fact.payment_id, [])
        case Refund() | Dispute() if fact.payment_id:
            return homes.get(fact.payment_id, [])
        case Refund() | PaymentRequest():
            return [fact.invoice_id]
        case Entry():
            return homes.get(fact.sale_id, [fact.sale_id])
        case Commission():
            sale_id = fact.sale_id or entries.get(fact.entry_id, fact.entry_id)
            return homes.get(sale_id, [sale_id])
        case VisitorId() | Lead() | Cancellation():
            return accounts.get(fact.account_id, [])
        case Resolution():
            return fact.corrects.split(":")[1:2]
        case _:
            return []
