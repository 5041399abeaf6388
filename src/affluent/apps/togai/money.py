"""What Togai's events, answers and lists say about money: facts. Pure.

A commission that a credit was granted for is named by the credit's purpose, because Togai has no field for it: "Commission
<id> of <tracker>", as the ready-made flow writes it. A credit with another purpose is none for a commission.
Togai says neither that an invoice was settled with credit nor that tax was withheld, so every application here is of money.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from affluent.apps.togai.commission_credits import CommissionCredit, purpose_of
from affluent.apps.togai.schemas import CreditRecord, NewCredit, NewPayment, NewSetting, PaymentRecord
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, text_of
from affluent.kit.money import Money
from affluent.sdk.facts import (
    BANK,
    Application,
    Cancellation,
    CancellationState,
    CreditGrant,
    Fact,
    GrantState,
    Invoice,
    InvoiceState,
    Origin,
    Payment,
    Refund,
    VisitorId,
)

_FOR_A_COMMISSION = re.compile(r"Commission (\S+) of \S.*")
_GATEWAY = "GATEWAY"
_INVOICE_STATES = {
    "PAID": InvoiceState.PAID,
    "REFUND_INITIATED": InvoiceState.PAID,
    "REFUND_COMPLETED": InvoiceState.PAID,
    "VOID": InvoiceState.VOID,
    "MERGED": InvoiceState.VOID,  # its money is asked for by the composite invoice that it became part of
    "UN_COLLECTIBLE": InvoiceState.WRITTEN_OFF,
}
_GRANT_STATES = {"CONSUMED": GrantState.USED, "EXPIRED": GrantState.VOID, "VOIDED": GrantState.VOID}


def account_event(payload: JSONObject, origin: Origin) -> list[Fact]:
    """Visitor ids and referral ids among the settings and metadata of the account and the settings of its customer."""
    account, customer = payload.get("account") or {}, payload.get("customer") or {}
    values: dict[str, str] = {}
    for settings in (
        account.get("settings"),
        customer.get("settings"),
        account.get("metadata"),
        customer.get("metadata"),
    ):
        for name, value in (settings or {}).items():
            if name in origin.referral_settings and text_of(value):
                values.setdefault(name, text_of(value))
    return [_visitor_id(text_of(account.get("id")), name, value, origin) for name, value in values.items()]


def invoice_event(payload: JSONObject, origin: Origin) -> list[Fact]:
    """The invoice as it stands; and its refund, once it was completed. One that was begun has given nothing back."""
    invoice, refund = payload["invoice"], payload.get("refund")
    facts: list[Fact] = [invoice_fact(invoice, payload["account"]["id"], origin)]
    if refund and invoice["status"] == "REFUND_COMPLETED":
        facts.append(refund_fact(refund, invoice["id"], origin))
    return facts + account_event(payload, origin)


def payment_event(payload: JSONObject, origin: Origin) -> list[Fact]:
    """What a payment brings to each invoice; and the payment itself, when no gateway is asked about it."""
    return payment_facts(payload["payment"], payload["account"]["id"], origin) + account_event(payload, origin)


def credit_event(payload: JSONObject, origin: Origin) -> list[Fact]:
    """The credit, when it was granted for a commission."""
    return credit_facts(payload["credit"], payload["account"]["id"], origin) + account_event(payload, origin)


def account_archived(payload: JSONObject, origin: Origin) -> list[Fact]:
    """The customer has left."""
    return _leaving(payload, CancellationState.ASKED, origin.happened_at, origin)


def plan_attached(payload: JSONObject, origin: Origin) -> list[Fact]:
    """The customer stays: a cancellation, if there was any, is taken back. An entry of the past takes nothing back."""
    if not payload["remaining_plans"]:
        return account_event(payload, origin)
    return _leaving(payload, CancellationState.TAKEN_BACK, _end(payload["schedule"], origin), origin)


def plan_detached(payload: JSONObject, origin: Origin) -> list[Fact]:
    """The customer leaves when no plan remains, with the end of the last one."""
    if payload["remaining_plans"]:
        return account_event(payload, origin)
    return _leaving(payload, CancellationState.ASKED, _end(payload["schedule"], origin), origin)


def recorded_payment(given: NewPayment, output: JSONObject, origin: Origin) -> list[Fact]:
    """What recording a payment says: the same as its event."""
    record = PaymentRecord.model_validate(output)
    amount = str(Money(given.amount, given.currency).major)
    payment: JSONObject = {
        "id": record.payment_id,
        "amount": record.amount,
        "currency": given.currency,
        "source": given.source_type,
        "reference": given.transaction_number,
        "lines": [{"invoice_id": given.invoice_id, "amount": amount}],
    }
    return payment_facts(payment, given.account_id, origin)


def granted_credit(given: NewCredit, output: JSONObject, origin: Origin) -> list[Fact]:
    """What granting a credit says: the same as its event."""
    record = CreditRecord.model_validate(output)
    credit: JSONObject = {
        "id": record.credit_id,
        "amount": record.amount,
        "currency": given.currency,
        "purpose": given.purpose,
        "status": record.status,
    }
    return credit_facts(credit, given.account_id, origin)


def commission_credit(given: CommissionCredit, output: JSONObject, origin: Origin) -> list[Fact]:
    """The credit of a commission as it stands after it was granted or taken back."""
    record = CreditRecord.model_validate(output)
    credit: JSONObject = {
        "id": record.credit_id,
        "amount": record.amount,
        "currency": given.currency,
        "purpose": purpose_of(given),
        "status": record.status,
    }
    return credit_facts(credit, given.account_id, origin)


def saved_setting(given: NewSetting, _output: JSONObject, origin: Origin) -> list[Fact]:
    """A visitor id or referral id that was saved on an account."""
    is_referral = given.entity_type == "ACCOUNT" and given.setting_id in origin.referral_settings
    return [_visitor_id(given.entity_id, given.setting_id, given.value, origin)] if is_referral else []


def invoice_fact(invoice: JSONObject, account_id: str, origin: Origin) -> Invoice:
    """An invoice as events carry it."""
    currency = invoice["currency"]
    state = _INVOICE_STATES.get(invoice["status"], InvoiceState.OPEN)
    paid_at = clock.from_text(invoice.get("paid_at")) if state is InvoiceState.PAID else None
    return Invoice(
        source=origin.source,
        id=invoice["id"],
        happened_at=paid_at or origin.happened_at,
        learned_at=origin.learned_at,
        account_id=account_id,
        currency=currency,
        total=_minor(invoice["total"], currency),
        net=_minor(invoice["net"], currency),
        state=state,
        issued_at=clock.from_text(invoice.get("created_at")),
        lines=tuple(_minor(line["net"], currency) for line in invoice.get("line_items") or []),
        number=text_of(invoice.get("number")),
    )


def refund_fact(refund: JSONObject, invoice_id: str, origin: Origin) -> Refund:
    """The money of an invoice that was given back. Togai does not say of which payment."""
    return Refund(
        source=origin.source,
        id=refund["id"],
        happened_at=origin.happened_at,
        learned_at=origin.learned_at,
        invoice_id=invoice_id,
        amount=_minor(refund["total"], refund["currency"]),
        currency=refund["currency"],
    )


def payment_facts(payment: JSONObject, account_id: str, origin: Origin) -> list[Fact]:
    """A payment as events carry it. What a gateway took has the gateway's id, and the gateway tells of the money."""
    currency, is_gateway = payment["currency"], payment.get("source") == _GATEWAY and bool(payment.get("reference"))
    origin = _dated(origin, clock.from_text(payment.get("created_at")))
    payment_id = payment["reference"] if is_gateway else payment["id"]
    lines = _lines(payment)
    facts: list[Fact] = [
        Application(
            source=origin.source,
            id=f"{payment['id']}/{line['invoice_id']}",
            happened_at=origin.happened_at,
            learned_at=origin.learned_at,
            payment_id=payment_id,
            invoice_id=line["invoice_id"],
            amount=_minor(line["amount"], currency),
            currency=currency,
        )
        for line in lines
    ]
    if not is_gateway:
        facts.append(
            Payment(
                source=origin.source,
                id=payment_id,
                happened_at=origin.happened_at,
                learned_at=origin.learned_at,
                channel=BANK,
                amount=_minor(payment["amount"], currency),
                currency=currency,
                invoice_id=lines[0]["invoice_id"] if len(lines) == 1 else "",
                account_id=account_id,
            )
        )
    return facts


def credit_facts(credit: JSONObject, account_id: str, origin: Origin) -> list[Fact]:
    """A credit as events carry it, when its purpose names the commission that it was granted for."""
    named = _FOR_A_COMMISSION.fullmatch(text_of(credit.get("purpose")))
    if named is None:
        return []
    return [
        CreditGrant(
            source=origin.source,
            id=credit["id"],
            happened_at=origin.happened_at,
            learned_at=origin.learned_at,
            commission_id=named[1],
            account_id=account_id,
            amount=_minor(credit["amount"], credit["currency"]),
            currency=credit["currency"],
            used=_minor(credit["used"], credit["currency"]) if credit.get("used") else 0,
            state=_GRANT_STATES.get(text_of(credit.get("status")), GrantState.ACTIVE),
        )
    ]


def _lines(payment: JSONObject) -> list[JSONObject]:
    """What goes to each invoice. Events of earlier releases say so only where one invoice was paid, with the whole."""
    lines: list[JSONObject] = payment.get("lines") or []
    invoice_ids: Sequence[str] = payment.get("invoice_ids") or []
    if not lines and len(invoice_ids) == 1:
        return [{"invoice_id": invoice_ids[0], "amount": payment["amount"]}]
    return lines


def _leaving(payload: JSONObject, state: CancellationState, ends_at: datetime, origin: Origin) -> list[Fact]:
    account_id = payload["account"]["id"]
    cancellation = Cancellation(
        source=origin.source,
        id=account_id,
        happened_at=origin.happened_at,
        learned_at=origin.learned_at,
        account_id=account_id,
        ends_at=ends_at,
        state=state,
    )
    return [cancellation, *account_event(payload, origin)]


def _end(schedule: JSONObject, origin: Origin) -> datetime:
    """From when on the account is without the plan: the workspace tells the days that it lost, a list the entry that ended."""
    begin, end = (clock.from_text(schedule.get(name)) for name in ("effective_from", "effective_until"))
    if end is not None and end < origin.happened_at:
        return end
    return begin or origin.happened_at


def _visitor_id(account_id: str, name: str, value: str, origin: Origin) -> VisitorId:
    return VisitorId(
        source=origin.source,
        id=f"{account_id}/{name}",
        happened_at=origin.happened_at,
        learned_at=origin.learned_at,
        account_id=account_id,
        value=value,
        name=name,
    )


def _dated(origin: Origin, at: datetime | None) -> Origin:
    return replace(origin, happened_at=at) if at is not None else origin


def _minor(amount: str, currency: str) -> int:
    return Money.rounded(amount, currency).minor_units
