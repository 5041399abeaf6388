"""What Razorpay's events and answers say about money."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar

import pytest

from affluent.apps.razorpay import money
from affluent.apps.razorpay.app import app
from affluent.apps.razorpay.schemas import OnePayment
from affluent.kit.jsons import JSONObject
from affluent.sdk.facts import (
    Dispute,
    DisputeState,
    Fact,
    Origin,
    Payment,
    PaymentRequest,
    Refund,
    RefundState,
    RequestState,
    Settlement,
)

AT = datetime(2026, 5, 1, tzinfo=UTC)
ORIGIN = Origin(source="conn_1", happened_at=AT, learned_at=AT)
CARRIES_A_PAYMENT = (
    "payment_captured",
    "order_paid",
    "invoice_paid",
    "invoice_partially_paid",
    "payment_link_paid",
    "payment_link_partially_paid",
    "refund_created",
    "refund_processed",
    "refund_failed",
    "subscription_charged",
    "dispute_created",
    "dispute_lost",
)
F = TypeVar("F", bound=Fact)


def of(trigger: str, kind: type[F], **parts: JSONObject) -> list[F]:
    """The facts of a kind in the sample of a trigger, with some fields of its records changed."""
    sample = app.sample(f"{trigger}.json")
    changed = {name: {**sample[name], **fields} for name, fields in parts.items()}
    return [fact for fact in money.event_facts({**sample, **changed}, ORIGIN) if isinstance(fact, kind)]


@pytest.mark.parametrize("trigger", CARRIES_A_PAYMENT)
def test_every_event_with_a_captured_payment_says_the_same_payment(trigger: str) -> None:
    (payment,) = of(trigger, Payment)
    assert payment.thing == ("Payment", "conn_1", app.sample(f"{trigger}.json")["payment"]["id"])
    assert payment.happened_at == datetime(2026, 4, 9, 10, 30, tzinfo=UTC)
    assert payment.fee_on_customer == 0


def test_a_payment_says_what_came_what_the_gateway_keeps_and_what_it_is_for() -> None:
    (payment,) = of("payment_captured", Payment, payment={"fee": 6958, "tax": 1061})
    assert (payment.amount, payment.fee, payment.fee_tax, payment.channel) == (294882, 6958, 1061, "conn_1")
    assert (payment.invoice_id, payment.account_id, payment.net) == ("INV-2043", "ACC-1001", None)


def test_a_fee_on_the_customer_is_no_part_of_what_is_offered() -> None:
    borne = {"amount": 300779, "fee": 5897, "fee_bearer": "customer"}
    (payment,) = of("payment_captured", Payment, payment=borne)
    assert (payment.fee_on_customer, payment.offered) == (5897, 294882)


def test_a_payment_for_no_invoice_says_its_net_where_the_notes_tell_it() -> None:
    notes = {"togai_account_id": "ACC-1", "togai_net": "100.00", "togai_total": "118.00"}
    (payment,) = of("payment_captured", Payment, payment={"amount": 11800, "notes": notes})
    assert (payment.net, payment.invoice_id, payment.account_id) == (10000, "", "ACC-1")


@pytest.mark.parametrize("notes", [None, [], 7, {"togai_invoice_id": 12}, {"togai_invoice_id": ["x"]}])
def test_notes_of_any_shape_are_taken(notes: object) -> None:
    (payment,) = of("payment_captured", Payment, payment={"notes": notes})
    assert payment.amount == 294882


def test_a_payment_that_failed_brought_nothing() -> None:
    assert of("payment_failed", Payment) == []


@pytest.mark.parametrize(
    ("trigger", "state"),
    [
        ("refund_created", RefundState.PENDING),
        ("refund_processed", RefundState.PROCESSED),
        ("refund_failed", RefundState.FAILED),
    ],
)
def test_a_refund_says_how_far_it_is(trigger: str, state: RefundState) -> None:
    (refund,) = of(trigger, Refund)
    assert (refund.state, refund.amount, refund.payment_id) == (state, 294882, "pay_Twin0000000005")


@pytest.mark.parametrize(
    ("trigger", "state"),
    [
        ("dispute_created", DisputeState.OPENED),
        ("dispute_under_review", DisputeState.OPENED),
        ("dispute_action_required", DisputeState.OPENED),
        ("dispute_won", DisputeState.WON),
        ("dispute_lost", DisputeState.LOST),
        ("dispute_closed", DisputeState.WON),
    ],
)
def test_a_dispute_takes_money_only_when_it_is_lost(trigger: str, state: DisputeState) -> None:
    (dispute,) = of(trigger, Dispute)
    assert (dispute.state, dispute.payment_id) == (state, "pay_Twin0000000005")


def test_a_dispute_lost_in_part_takes_what_was_deducted() -> None:
    (dispute,) = of("dispute_lost", Dispute, dispute={"amount_deducted": 100000})
    assert dispute.amount == 100000


@pytest.mark.parametrize(
    ("trigger", "state"),
    [
        ("invoice_paid", RequestState.PAID),
        ("invoice_partially_paid", RequestState.OPEN),
        ("invoice_expired", RequestState.WITHDRAWN),
        ("payment_link_paid", RequestState.PAID),
        ("payment_link_cancelled", RequestState.WITHDRAWN),
        ("payment_link_expired", RequestState.WITHDRAWN),
    ],
)
def test_an_invoice_or_link_asks_for_an_invoice(trigger: str, state: RequestState) -> None:
    (request,) = of(trigger, PaymentRequest)
    assert (request.state, request.invoice_id, request.amount) == (state, "INV-2043", 294882)


@pytest.mark.parametrize("action", ["create_invoice", "create_payment_link", "issue_invoice", "cancel_invoice"])
def test_what_our_own_calls_answer_is_the_same_request(action: str) -> None:
    declared, sample = app.actions[action], app.sample(f"{action}.json")
    assert declared.facts is not None
    (request,) = declared.facts(declared.input.model_validate(sample["input"]), sample["output"], ORIGIN)
    assert isinstance(request, PaymentRequest)
    assert (request.id, request.invoice_id, request.amount) == (sample["output"]["id"], "INV-2043", 294882)


def test_a_draft_asks_for_nothing_yet() -> None:
    declared, sample = app.actions["create_invoice"], app.sample("create_invoice.json")
    assert declared.facts is not None
    given = declared.input.model_validate(sample["input"])
    assert declared.facts(given, {**sample["output"], "status": "draft"}, ORIGIN) == []


def test_a_payment_that_was_read_is_the_payment_of_the_webhook() -> None:
    (read,) = money.fetched_payment(OnePayment(payment_id="pay_1"), app.sample("fetch_payment.json")["output"], ORIGIN)
    assert [read] == of("payment_captured", Payment)


def test_a_settlement_is_in_rupees_where_it_names_no_currency() -> None:
    (settlement,) = of("settlement_processed", Settlement)
    assert (settlement.amount, settlement.currency, settlement.channel) == (288925, "INR", "conn_1")
