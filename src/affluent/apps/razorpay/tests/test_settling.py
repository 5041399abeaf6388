"""What becomes of a payment at the twin: refunds that wait, disputes, settlements, money that comes too late."""

from __future__ import annotations

from typing import Any

import pytest

from affluent.apps.razorpay.tests.conftest import Desk, Listener
from affluent.apps.razorpay.tests.test_books import NOTES, heard, listed, timeless
from affluent.kit import clock
from affluent.sdk import Rejected


async def paid(desk: Desk, **options: Any) -> str:
    """A payment of INR 118.00; its id."""
    invoice = await desk.invoice(notes=NOTES)
    return (await desk.control("pay", id=invoice.id, **options))["payment"]["id"]


async def read(desk: Desk, path: str, **query: Any) -> Any:
    """What the vendor's API answers."""
    return (await desk.context().http.request("GET", path, query=query)).json()


@pytest.mark.parametrize(("state", "given_back"), [("processed", 11800), ("failed", 0)])
async def test_a_pending_refund_is_processed_or_is_the_payments_again(desk: Desk, state: str, given_back: int) -> None:
    payment_id = await paid(desk)
    await desk.control("refunds", pending=True)
    refund = await desk.act("refund", payment_id=payment_id)
    assert refund.status == "pending"
    await desk.control("refund", id=refund.id, state=state)
    assert (await read(desk, f"/refunds/{refund.id}"))["status"] == state
    assert (await read(desk, f"/payments/{payment_id}"))["amount_refunded"] == given_back


async def test_what_a_lost_dispute_took_cannot_be_refunded(desk: Desk) -> None:
    payment_id = await paid(desk)
    dispute = (await desk.control("dispute", payment_id=payment_id))["dispute"]
    await desk.control("dispute", id=dispute["id"], event="lost")
    assert (await read(desk, f"/disputes/{dispute['id']}"))["amount_deducted"] == 11800
    with pytest.raises(Rejected):
        await desk.act("refund", payment_id=payment_id)


async def test_a_settlement_is_payments_less_fees_and_what_went_back(desk: Desk) -> None:
    payment_id = await paid(desk)
    await desk.act("refund", payment_id=payment_id, amount=1800)
    settlement = (await desk.control("settle"))["settlement"]
    now = clock.now()
    lines = (await read(desk, "/settlements/recon/combined", year=now.year, month=now.month, count=100))["items"]
    assert {line["type"]: (line["credit"], line["debit"], line["fee"], line["tax"]) for line in lines} == {
        "payment": (11522, 0, 278, 42),
        "refund": (0, 1800, 0, 0),
    }
    assert settlement["amount"] == 11522 - 1800
    assert {line["settlement_id"] for line in lines} == {settlement["id"]}


async def test_lists_say_of_refunds_disputes_and_settlements_what_webhooks_say(desk: Desk, listener: Listener) -> None:
    await desk.control("webhook", url=listener.url, secret="s")
    payment_id = await paid(desk)
    await desk.control("refunds", pending=True)
    refund = await desk.act("refund", payment_id=payment_id, amount=1800)
    await desk.control("refund", id=refund.id, state="failed")
    dispute = (await desk.control("dispute", payment_id=payment_id, amount=500))["dispute"]
    await desk.control("dispute", id=dispute["id"], event="lost")
    await desk.control("settle")
    facts = timeless(await listed(desk))
    assert sorted(kind for kind, *_ in facts) == ["Dispute", "Payment", "PaymentRequest", "Refund", "Settlement"]
    assert facts == timeless(heard(listener))


@pytest.mark.parametrize("notes", [None, 7, ["x"], {"togai_invoice_id": 12}])
async def test_a_payment_may_carry_notes_of_any_shape(desk: Desk, notes: object) -> None:
    payment_id = await paid(desk, notes=notes)
    assert (await read(desk, f"/payments/{payment_id}"))["notes"] == notes


async def test_money_that_was_on_its_way_comes_for_a_request_that_was_withdrawn(desk: Desk) -> None:
    invoice = await desk.invoice(notes=NOTES)
    await desk.act("cancel_invoice", invoice_id=invoice.id)
    payment = (await desk.control("pay", id=invoice.id, is_late=True))["payment"]
    assert (payment["status"], payment["amount"]) == ("captured", 11800)
