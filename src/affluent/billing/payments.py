"""Payments: money received for invoices; each invoice becomes PAID or PARTIALLY_PAID in the same transaction."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Connection, Row

from affluent.billing import amounts, events, invoice_rows, reading
from affluent.billing import status_transitions as moves
from affluent.billing.errors import Missing, Refused
from affluent.billing.ledger import Changed, Ledger, billing_id
from affluent.billing.schemas import NewPayment
from affluent.billing.views import Account, Payment, PaymentLine, Slice
from affluent.domain.event import EventDraft
from affluent.kit import clock
from affluent.kit.jsons import canonical
from affluent.kit.money import Money
from affluent.store import billing as store
from affluent.store.tables import billing as tables

P = tables.payments


class Payments:
    """Use cases of payments."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def record(self, new: NewPayment, *, author: str) -> Payment:
        """Record a payment and pay its invoices. Raises Missing; Refused when more is paid than is due.

        The dialect has no idempotency key, but a transaction is named by its source and number: the very same payment
        again answers the first one and pays nothing.
        """

        def unit(connection: Connection) -> Changed[Payment]:
            account = reading.account(connection, new.account_id, lock=True)
            total = amounts.exactly(new.total_amount, new.currency, "totalAmount")
            lines = _lines(new, total)
            fingerprint = _fingerprint(new, total, lines)
            known = store.one(connection, P, P.c.account_id == account.id, P.c.fingerprint == fingerprint)
            if known is not None:
                return payment_of(known), ()
            if new.currency != account.currency:
                raise Refused(f"The account is billed in {account.currency}.", field="currency")
            drafts = _pay(connection, account, lines)
            values = {
                "id": billing_id("payment"),
                "account_id": account.id,
                "fingerprint": fingerprint,
                "currency": new.currency,
                "amount_minor": total.minor_units,
                "description": new.description or "",
                "notes": new.notes or "",
                "reference": new.external_payment_reference.model_dump(by_alias=True, exclude_none=True),
                "lines": [
                    {"togaiId": line.invoice_id, "order": line.order, "amount": line.amount.minor_units}
                    for line in lines
                ],
                "created_by": author,
                "created_at": clock.now(),
            }
            payment = payment_of(store.add(connection, P, values))
            return payment, [events.payment_recorded(events.party(connection, account.id), payment), *drafts]

        return await self._ledger.change(unit)

    async def get(self, payment_id: str) -> Payment:
        """One payment; raises Missing."""

        def unit(connection: Connection) -> Payment:
            row = store.one(connection, P, P.c.id == payment_id)
            if row is None:
                raise Missing(f"There is no payment {payment_id!r}.")
            return payment_of(row)

        return await self._ledger.read(unit)

    async def find(
        self, *, account_id: str = "", payment_id: str = "", limit: int = 50, after: str = ""
    ) -> Slice[Payment]:
        """Payments, newest first; empty conditions match all."""
        wanted = {P.c.account_id: account_id, P.c.id: payment_id}
        conditions = [column == value for column, value in wanted.items() if value]

        def unit(connection: Connection) -> Slice[Payment]:
            rows = store.page(connection, P, *conditions, key=P.c.id, limit=limit, after=after)
            following = rows[limit - 1].id if len(rows) > limit else ""
            return Slice(items=tuple(payment_of(row) for row in rows[:limit]), next=following)

        return await self._ledger.read(unit)


def payment_of(row: Row[Any]) -> Payment:
    """A payment's row as a view."""
    return Payment(
        id=row.id,
        account_id=row.account_id,
        amount=Money(row.amount_minor, row.currency),
        description=row.description,
        notes=row.notes,
        source_name=row.reference["sourceName"],
        source_type=row.reference["sourceType"],
        transaction_number=row.reference["transactionNumber"],
        reference=row.reference,
        lines=tuple(
            PaymentLine(invoice_id=line["togaiId"], order=line["order"], amount=Money(line["amount"], row.currency))
            for line in row.lines
        ),
        created_by=row.created_by,
        created_at=row.created_at,
    )


def _lines(new: NewPayment, total: Money) -> tuple[PaymentLine, ...]:
    alone = len(new.line_item_records) == 1
    lines = []
    for index, record in enumerate(new.line_item_records):
        field = f"lineItemRecords.{index}.amount"
        if record.amount is None and not alone:
            raise Refused("Say how much of the total goes to this invoice.", field=field)
        amount = total if record.amount is None else amounts.exactly(record.amount, new.currency, field)
        lines.append(PaymentLine(invoice_id=record.togai_id, order=record.order, amount=amount))
    if sum(line.amount.minor_units for line in lines) != total.minor_units:
        raise Refused("Must be the sum of the amounts of its lines.", field="totalAmount")
    return tuple(sorted(lines, key=lambda line: line.order))


def _pay(connection: Connection, account: Account, lines: tuple[PaymentLine, ...]) -> list[EventDraft]:
    # Locked in one order by everybody, so that two payments of the same invoices never wait for each other.
    for invoice_id in sorted({line.invoice_id for line in lines}):
        invoice_rows.one(connection, invoice_id, field="lineItemRecords.togaiId", lock=True)
    drafts: list[EventDraft] = []
    for line in lines:
        row = invoice_rows.one(connection, line.invoice_id)
        if row.account_id != account.id:
            raise Refused(f"The invoice {row.id} is not one of account {account.id}.", field="lineItemRecords.togaiId")
        if row.status not in moves.PAYABLE:
            raise Refused(f"The invoice {row.id} is {row.status}: nothing is due.", field="lineItemRecords.togaiId")
        total, paid = row.net_minor + row.tax_minor, row.paid_minor + line.amount.minor_units
        if paid > total:
            due = Money(total - row.paid_minor, row.currency)
            raise Refused(
                f"{line.amount} is more than is due on invoice {row.id}: {due}.", field="lineItemRecords.amount"
            )
        status = moves.after_payment(row.status, paid=paid, total=total)
        drafts += invoice_rows.move(connection, row, status, paid_minor=paid)[1]
    return drafts


def _fingerprint(new: NewPayment, total: Money, lines: tuple[PaymentLine, ...]) -> str:
    reference = new.external_payment_reference
    facts = [
        reference.source_name,
        reference.source_type,
        reference.transaction_number,
        total.currency,
        total.minor_units,
        sorted([line.invoice_id, line.amount.minor_units] for line in lines),
    ]
    return hashlib.sha256(canonical(facts)).hexdigest()
