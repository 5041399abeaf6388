"""The business facts of Razorpay records: whose sale it is, what it is called, its net amount. Pure.

Razorpay knows nothing of billing accounts and tax, so our requests for money carry them as notes, and every record
that carries the notes tells the same facts:

    togai_account_id, togai_customer_id, togai_invoice_id   ids in the billing workspace
    togai_net, togai_total                                  the invoice's amounts in major units, before and after tax
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from affluent.kit import numbers
from affluent.kit.jsons import JSONObject, JSONValue, text_of
from affluent.kit.money import Money, MoneyError

Entities = Mapping[str, JSONObject]
"""Razorpay's name of a record's kind → the record, e.g. {"payment": {"id": "pay_…", …}}."""

_MONEY_OF = ("dispute", "refund", "payment", "invoice", "payment_link", "order")
_NOTES_OF = ("payment", "invoice", "payment_link", "order", "subscription", "refund", "dispute")
_OWN = "togai_"


def notes_of(record: JSONObject) -> dict[str, str]:
    """The notes of a record that say something: empty ones come as a list or null, and only texts and numbers are notes."""
    notes = record.get("notes")
    return {key: text_of(value) for key, value in notes.items() if text_of(value)} if isinstance(notes, dict) else {}


def facts_of(entities: Entities) -> JSONObject:
    """The facts of the records of one event."""
    notes = _own_notes(entities)
    payment = entities.get("payment", {})
    kind, amount, currency = _amount(entities)
    fee = fee_on_customer(payment, notes) if kind == "payment" else 0
    settles = amount - fee if amount is not None else None
    payment_id = _text(payment.get("id") or entities.get("refund", {}).get("payment_id"))
    sale_id, net = sale_of(payment_id, settles, currency, notes)
    return {
        "account_id": notes.get("togai_account_id"),
        "billing_customer_id": notes.get("togai_customer_id"),
        "billing_invoice_id": notes.get("togai_invoice_id"),
        "payment_id": payment_id,
        "sale_id": sale_id,
        "amount": major(amount, currency),
        "amount_minor": amount,
        "settles": major(settles, currency),
        "settles_minor": settles,
        "net": major(net, currency),
        "net_minor": net,
        "currency": currency,
        "customer": _customer(entities),
    }


def fee_on_customer(payment: JSONObject, notes: Mapping[str, str]) -> int:
    """What of a payment is Razorpay's fee that the customer paid on top, in minor units; it settles nothing.

    Razorpay says who bears the fee, or the payment is the whole of what our notes ask for and the fee. A payment in a
    foreign currency states its fee in the merchant's own, so nothing is taken off there.
    """
    amount, fee = whole(payment.get("amount")), fees(payment)[0]
    currency = _text(payment.get("currency"))
    if amount is None or not 0 < fee < amount:
        return 0
    is_borne = payment.get("fee_bearer") == "customer"
    return fee if is_borne or amount - fee == _noted("togai_total", currency, notes) else 0


def fees(payment: JSONObject) -> tuple[int, int]:
    """(fee with its tax, the tax of it) in minor units of the payment's currency; 0 where Razorpay states them in another one."""
    if payment.get("base_currency") not in (None, "", payment.get("currency")):
        return 0, 0
    return whole(payment.get("fee")) or 0, whole(payment.get("tax")) or 0


def sale_of(
    payment_id: str | None, amount: int | None, currency: str | None, notes: Mapping[str, str]
) -> tuple[str | None, int | None]:
    """(sale id, net minor units): the billing invoice and its net amount when it is paid whole, else the payment and its share.

    Every event of one sale gives the same id, so a sale that is told four times is one sale.
    """
    invoice_id = notes.get("togai_invoice_id")
    net, total = _noted("togai_net", currency, notes), _noted("togai_total", currency, notes)
    if amount is None or net is None or total is None or not 0 <= net <= total or total == 0:
        return invoice_id or payment_id, amount
    if amount == total:
        return invoice_id or payment_id, net
    return payment_id or invoice_id, _share(amount, net, total)


def is_part(entities: Entities) -> bool:
    """Whether a payment is one part of an invoice whose net and total the notes tell."""
    facts, notes = facts_of(entities), _own_notes(entities)
    net, total = (_noted(name, facts["currency"], notes) for name in ("togai_net", "togai_total"))
    is_known = net is not None and total is not None and 0 <= net <= total
    return is_known and facts["settles_minor"] is not None and 0 < facts["settles_minor"] < (total or 0)


def part_of(entities: Entities, payments: Sequence[JSONObject]) -> tuple[int, int]:
    """(net of this part, net of the parts before it) in minor units, by all payments of the order.

    The running total is rounded and not each part, so that the parts add up to the invoice's net. Payments stand in the
    order in which they were made, so a part's share does not depend on when its event comes.
    """
    payment, facts, notes = entities["payment"], facts_of(entities), _own_notes(entities)
    net, total = (_noted(name, facts["currency"], notes) or 0 for name in ("togai_net", "togai_total"))
    earlier = [
        other for other in payments if other.get("status") in ("captured", "refunded") and _made(other) < _made(payment)
    ]
    paid = sum((whole(other.get("amount")) or 0) - fee_on_customer(other, notes) for other in earlier)
    before = _share(min(paid, total), net, total)
    return _share(min(paid + facts["settles_minor"], total), net, total) - before, before


def _made(payment: JSONObject) -> tuple[int, str]:
    return whole(payment.get("created_at")) or 0, text_of(payment.get("id"))


def whole(value: JSONValue) -> int | None:
    """A whole number, also when it comes as text; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        number = numbers.whole(text.removeprefix("-"), digits=18)
        return -number if number is not None and text.startswith("-") else number
    return value if isinstance(value, int) else None


def _share(amount: int, net: int, total: int) -> int:
    """The net part of an amount, rounded half to even, exact."""
    quotient, remainder = divmod(amount * net, total)
    up = 2 * remainder > total or (2 * remainder == total and quotient % 2 == 1)
    return quotient + up


def _own_notes(entities: Entities) -> dict[str, str]:
    """The first record that carries our notes tells them; they are not mixed."""
    for kind in _NOTES_OF:
        notes = notes_of(entities.get(kind, {}))
        own = {key: value for key, value in notes.items() if key.startswith(_OWN) and value}
        if own:
            return own
    return {}


def _amount(entities: Entities) -> tuple[str, int | None, str | None]:
    """Which record tells the money, how much it is, and its currency."""
    for kind in _MONEY_OF:
        record = entities.get(kind)
        amount = whole(record.get("amount")) if record else None
        if record and amount is not None:
            currency = record.get("currency") or entities.get("payment", {}).get("currency")
            return kind, amount, _text(currency)
    return "", None, None


def _customer(entities: Entities) -> JSONObject:
    payment, invoice = entities.get("payment", {}), entities.get("invoice", {})
    link, subscription = entities.get("payment_link", {}), entities.get("subscription", {})
    told = [record for record in (invoice.get("customer_details"), link.get("customer")) if isinstance(record, dict)]
    people = [*told, payment]
    ids = (invoice.get("customer_id"), payment.get("customer_id"), subscription.get("customer_id"))
    return {
        "id": next((_text(value) for value in ids if value), None),
        **{field: _first(people, field) for field in ("name", "email", "contact")},
    }


def _first(records: list[JSONObject], field: str) -> str | None:
    values = (record.get(name) for record in records for name in (field, f"customer_{field}"))
    return next((_text(value) for value in values if value), None)


def _noted(name: str, currency: str | None, notes: Mapping[str, str]) -> int | None:
    if name not in notes or not currency:
        return None
    try:
        return Money.parse(notes[name], currency).minor_units
    except MoneyError:
        return None


def major(amount: int | None, currency: str | None) -> str | None:
    """Minor units as text in major ones; None when the amount or its currency is not known."""
    if amount is None or not currency:
        return None
    try:
        return format(Money(amount, currency).major, "f")
    except MoneyError:
        return None


def _text(value: JSONValue) -> str | None:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "" else None
