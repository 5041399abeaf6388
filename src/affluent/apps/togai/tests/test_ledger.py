"""Payments, credits, invoices: exact amounts, and nothing twice."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import ValidationError

from affluent.apps.togai.schemas import NewPayment
from affluent.apps.togai.tests.small_togai import SmallTogai
from affluent.sdk import AlreadyApplied, OutcomeUnknown, Rejected
from tests.support.apps import Bench, LocalVendor, Say

PAYMENT = {
    "account_id": "ACC-1", "invoice_id": "inv.1", "amount": 294882, "currency": "USD",
    "transaction_number": "pay_1", "source_name": "Razorpay",
}  # fmt: skip
CREDIT = {"account_id": "ACC-1", "amount": 24990, "currency": "USD", "purpose": "Referral reward"}


@pytest.mark.parametrize(
    ("minor", "currency", "sent", "shown"),
    [
        (294882, "usd", b"2948.82", "2948.82"),
        (320000, "JPY", b"320000", "320000"),
        (741255, "KWD", b"741.255", "741.255"),
    ],
)
async def test_a_payment_is_recorded_against_its_invoice_to_the_last_unit(
    desk: Bench, togai: SmallTogai, vendor: LocalVendor, minor: int, currency: str, sent: bytes, shown: str
) -> None:
    made = await desk.run("record_payment", {**PAYMENT, "amount": minor, "currency": currency})
    assert b'"totalAmount":' + sent in vendor.calls[-1].raw
    [kept] = togai.payments
    assert kept["lineItemRecords"] == [
        {"type": "INVOICE", "order": 1, "togaiId": "inv.1", "amount": float(Decimal(shown))}
    ]
    assert kept["externalPaymentReferences"]["transactionNumber"] == "pay_1"
    assert (made.amount, made.currency, made.invoice_id) == (shown, currency.upper(), "inv.1")


async def test_a_transaction_is_recorded_once(desk: Bench, togai: SmallTogai) -> None:
    made = await desk.run("record_payment", PAYMENT)
    await desk.run("record_payment", {**PAYMENT, "transaction_number": "pay_2"})
    with pytest.raises(AlreadyApplied) as done:
        await desk.run("record_payment", PAYMENT)
    assert done.value.output == made
    assert len(togai.payments) == 2


async def test_a_lost_answer_is_looked_up_by_the_transaction(desk: Bench, togai: SmallTogai) -> None:
    assert await desk.look_up("record_payment", PAYMENT) is None
    togai.instead["POST payments"] = Say(status=502, body="<html>Bad gateway</html>")
    with pytest.raises(OutcomeUnknown):
        await desk.run("record_payment", PAYMENT)
    made = await desk.run("record_payment", PAYMENT)
    assert await desk.look_up("record_payment", PAYMENT) == made


async def test_an_unreadable_answer_is_not_taken_for_success(desk: Bench, togai: SmallTogai) -> None:
    togai.instead["POST payments"] = Say(status=201, body="{")
    with pytest.raises(OutcomeUnknown):
        await desk.run("record_payment", PAYMENT)


@pytest.mark.parametrize("other", [{"amount": 1}, {"currency": "EUR"}])
async def test_a_transaction_of_other_money_is_not_taken_for_recorded(
    desk: Bench, togai: SmallTogai, other: dict[str, object]
) -> None:
    await desk.run("record_payment", PAYMENT)
    with pytest.raises(Rejected, match="Nothing was recorded"):
        await desk.run("record_payment", {**PAYMENT, **other})
    assert len(togai.payments) == 1


async def test_a_credit_answered_as_a_bare_list_is_understood(desk: Bench, togai: SmallTogai) -> None:
    togai.people["accounts/ACC-1"] = {"id": "ACC-1", "invoiceCurrency": "USD"}
    togai.instead["POST credits"] = Say(body=[{"id": "cred.1", "status": "ACTIVE", "accountId": "ACC-1"}])
    made = await desk.run("grant_credit", CREDIT)
    assert (made.credit_id, made.status) == ("cred.1", "ACTIVE")


async def test_a_credit_is_looked_up_by_its_key(desk: Bench, togai: SmallTogai) -> None:
    togai.people["accounts/ACC-1"] = {"id": "ACC-1", "invoiceCurrency": "USD"}
    assert await desk.look_up("grant_credit", CREDIT) is None
    await desk.run("grant_credit", CREDIT)
    togai.credits[-1]["id"] = "cred.1"
    found = await desk.look_up("grant_credit", CREDIT)
    assert (found.credit_id, found.amount) == ("cred.1", "249.90")


@pytest.mark.parametrize("body", ["<html></html>", [], {"credits": []}, {"credits": [{"status": "ACTIVE"}]}, "{"])
async def test_a_credit_whose_answer_cannot_be_read_is_in_doubt_and_the_connection_is_not(
    desk: Bench, togai: SmallTogai, body: object
) -> None:
    togai.people["accounts/ACC-1"] = {"id": "ACC-1", "invoiceCurrency": "USD"}
    togai.instead["POST credits"] = Say(body=body)
    with pytest.raises(OutcomeUnknown):
        await desk.run("grant_credit", CREDIT)


@pytest.mark.parametrize("amount", [0, -1, 24.99, "2499"])
def test_an_amount_is_a_whole_number_of_minor_units(amount: object) -> None:
    with pytest.raises(ValidationError, match="amount"):
        NewPayment.model_validate({**PAYMENT, "amount": amount})


def test_an_unknown_currency_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="'XQX' is not an ISO 4217 currency code"):
        NewPayment.model_validate({**PAYMENT, "currency": "XQX"})


async def test_a_credit_is_granted_under_the_key_of_its_effect(desk: Bench, togai: SmallTogai) -> None:
    togai.people["accounts/ACC-1"] = {"id": "ACC-1", "invoiceCurrency": "USD"}
    made = await desk.run("grant_credit", {**CREDIT, "grantor_id": "prom_1", "effective_until": "2026-12-31"})
    assert togai.credits == [
        {
            "accountId": "ACC-1", "purpose": "Referral reward", "priority": 50, "creditAmount": 249.9,
            "effectiveFrom": "2026-02-03", "effectiveUntil": "2026-12-31", "grantorId": "prom_1",
            "idempotencyKey": "evt_1/fco_1/step",
        }
    ]  # fmt: skip
    assert (made.credit_id, made.amount, made.currency, made.status) == ("cred.1", "249.90", "USD", "ACTIVE")


async def test_a_credit_in_another_currency_than_the_accounts_is_refused(desk: Bench, togai: SmallTogai) -> None:
    togai.people["accounts/ACC-1"] = {"id": "ACC-1", "invoiceCurrency": "EUR"}
    with pytest.raises(Rejected, match="billed in EUR and the credit is in USD") as refused:
        await desk.run("grant_credit", CREDIT)
    assert refused.value.field == "currency"
    assert togai.credits == []


async def test_an_invoice_is_read_with_the_currency_of_its_account(desk: Bench, togai: SmallTogai) -> None:
    togai.people["invoices/inv.1"] = {
        "id": "inv.1", "status": "DUE", "ownerId": "ACC-1", "customerId": "CUS-1", "totalAmount": 741.255,
        "paidAmount": 0, "sequenceId": "INV-7", "dueDate": "2026-02-15T00:00:00Z",
        "invoiceDetails": {"account": {"invoiceCurrency": "KWD"}},
    }  # fmt: skip
    found = await desk.run("get_invoice", {"invoice_id": "inv.1"})
    assert (found.number, found.status, found.account_id) == ("INV-7", "DUE", "ACC-1")
    assert (found.total, found.paid, found.currency) == ("741.255", "0.000", "KWD")


async def test_an_amount_of_unknown_currency_is_shown_as_it_came(desk: Bench, togai: SmallTogai) -> None:
    togai.people["invoices/inv.1"] = {"id": "inv.1", "status": "DUE", "totalAmount": 12.5}
    found = await desk.run("get_invoice", {"invoice_id": "inv.1"})
    assert (found.total, found.paid, found.currency) == ("12.5", "", "")


async def test_a_missing_invoice_is_named_by_togai(desk: Bench) -> None:
    with pytest.raises(Rejected, match=r"inv\.9 not found"):
        await desk.run("get_invoice", {"invoice_id": "inv.9"})
