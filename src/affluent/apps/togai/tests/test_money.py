"""What Togai's events and answers say about money."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from affluent.apps.togai import money
from affluent.apps.togai.app import app
from affluent.apps.togai.schemas import NewCredit, NewPayment, NewSetting
from affluent.kit.jsons import JSONObject
from affluent.sdk.facts import (
    BANK,
    Application,
    Cancellation,
    CancellationState,
    CreditGrant,
    Fact,
    Invoice,
    InvoiceState,
    Origin,
    Payment,
    Refund,
    VisitorId,
)

AT = datetime(2026, 2, 5, tzinfo=UTC)
ORIGIN = Origin(source="workspace", happened_at=AT, learned_at=AT, referral_settings=frozenset({"FirstPromoterTid"}))
TWO = [{"invoice_id": "inv.1", "amount": "1000.10"}, {"invoice_id": "inv.2", "amount": "1948.72"}]


def of(trigger: str, **parts: JSONObject) -> list[Fact]:
    """What the sample of a trigger says, with some fields of its parts changed."""
    sample = app.sample(f"{trigger}.json")
    changed = {name: {**sample[name], **fields} for name, fields in parts.items()}
    facts = app.triggers[trigger].facts
    assert facts is not None
    return [fact for fact in facts({**sample, **changed}, ORIGIN) if not isinstance(fact, VisitorId)]


def test_a_paid_invoice_is_whole_and_dated_by_its_payment() -> None:
    (invoice,) = of("invoice_paid")
    assert isinstance(invoice, Invoice)
    assert (invoice.total, invoice.net, invoice.lines, invoice.number) == (294882, 249900, (249900,), "INV-2043")
    assert (invoice.account_id, invoice.currency, invoice.state) == ("ACC-1001", "USD", InvoiceState.PAID)
    assert invoice.happened_at == datetime(2026, 2, 3, 14, 21, 9, tzinfo=UTC)
    assert invoice.issued_at == datetime(2026, 2, 1, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("DUE", InvoiceState.OPEN),
        ("PARTIALLY_PAID", InvoiceState.OPEN),
        ("VOID", InvoiceState.VOID),
        ("MERGED", InvoiceState.VOID),
        ("UN_COLLECTIBLE", InvoiceState.WRITTEN_OFF),
        ("REFUND_COMPLETED", InvoiceState.PAID),
    ],
)
def test_the_state_follows_the_status(status: str, state: InvoiceState) -> None:
    (invoice,) = of("invoice_updated", invoice={"status": status})
    assert isinstance(invoice, Invoice)
    assert invoice.state is state


def test_a_completed_refund_gives_the_total_back_and_leaves_the_invoice_paid() -> None:
    invoice, refund = of("invoice_refunded")
    assert isinstance(invoice, Invoice)
    assert isinstance(refund, Refund)
    assert invoice.state is InvoiceState.PAID
    assert (refund.id, refund.invoice_id, refund.amount) == ("ref.22A5mVRQn6d.Nu14v", invoice.id, 294882)


def test_a_refund_that_was_only_begun_gives_nothing_back() -> None:
    assert [type(fact) for fact in of("invoice_refunded", invoice={"status": "REFUND_INITIATED"})] == [Invoice]


def test_a_payment_at_a_gateway_is_applied_under_the_gateways_id_and_told_by_the_gateway() -> None:
    (applied,) = of("payment_recorded")
    assert isinstance(applied, Application)
    assert (applied.payment_id, applied.amount) == ("pay_Q8s7d6F5g4", 294882)


def test_a_bank_transfer_is_money_in_the_bank() -> None:
    applied, payment = of("payment_recorded", payment={"source": "BANK_TRANSFER", "reference": "UTR-1"})
    assert isinstance(applied, Application)
    assert isinstance(payment, Payment)
    assert (payment.channel, payment.amount, payment.id) == (BANK, 294882, "pay.22A4lUQPm5c.Mt03u")
    assert applied.payment_id == payment.id


def test_one_payment_of_two_invoices_says_how_much_goes_to_each() -> None:
    facts = of("payment_recorded", payment={"lines": TWO, "invoice_ids": ["inv.1", "inv.2"]})
    amounts = {fact.invoice_id: fact.amount for fact in facts if isinstance(fact, Application)}
    assert amounts == {"inv.1": 100010, "inv.2": 194872}


def test_an_earlier_event_without_amounts_is_read_where_it_can_be() -> None:
    (applied,) = of("payment_recorded", payment={"lines": []})
    assert isinstance(applied, Application)
    assert applied.amount == 294882
    assert of("payment_recorded", payment={"lines": [], "invoice_ids": ["inv.1", "inv.2"]}) == []


def test_recording_a_payment_says_the_same_as_its_event() -> None:
    sample = app.sample("record_payment.json")
    facts = money.recorded_payment(NewPayment.model_validate(sample["input"]), sample["output"], ORIGIN)
    assert [fact.thing for fact in facts] == [fact.thing for fact in of("payment_recorded")]


def test_a_credit_names_its_commission_in_its_purpose() -> None:
    (grant,) = of("credit_granted")
    assert isinstance(grant, CreditGrant)
    assert (grant.commission_id, grant.amount, grant.currency) == ("29203702", 24990, "USD")


def test_granting_a_credit_says_the_same_as_its_event() -> None:
    sample = app.sample("grant_credit.json")
    (grant,) = money.granted_credit(NewCredit.model_validate(sample["input"]), sample["output"], ORIGIN)
    (event,) = of("credit_granted")
    assert grant.thing == event.thing
    assert isinstance(grant, CreditGrant)
    assert grant.commission_id == "29203702"


def test_a_credit_for_something_else_is_none_for_a_commission() -> None:
    assert of("credit_granted", credit={"purpose": "Goodwill"}) == []


def test_detaching_the_last_plan_is_a_cancellation_from_the_first_day_without_it() -> None:
    (cancellation,) = of("price_plan_detached")
    assert isinstance(cancellation, Cancellation)
    assert (cancellation.id, cancellation.state) == ("ACC-1001", CancellationState.ASKED)
    assert cancellation.ends_at == datetime(2026, 3, 1, tzinfo=UTC)


def test_a_listed_entry_that_ended_is_a_cancellation_from_its_end() -> None:
    ended = {"effective_from": "2025-01-01", "effective_until": "2026-01-31"}
    (cancellation,) = of("price_plan_detached", schedule=ended)
    assert isinstance(cancellation, Cancellation)
    assert cancellation.ends_at == datetime(2026, 1, 31, tzinfo=UTC)


def test_a_plan_attached_again_takes_the_cancellation_back() -> None:
    (cancellation,), (before,) = of("price_plan_attached"), of("price_plan_detached")
    assert isinstance(cancellation, Cancellation)
    assert cancellation.thing == before.thing
    assert cancellation.state is CancellationState.TAKEN_BACK


def test_a_change_of_plans_is_no_cancellation() -> None:
    facts = money.plan_detached({**app.sample("price_plan_detached.json"), "remaining_plans": 1}, ORIGIN)
    assert [type(fact) for fact in facts] == [VisitorId]


def test_an_archived_account_has_left() -> None:
    (cancellation,) = of("account_archived")
    assert isinstance(cancellation, Cancellation)
    assert cancellation.ends_at == AT


@pytest.mark.parametrize("trigger", sorted({key for key, item in app.triggers.items() if item.facts is not None}))
def test_every_event_of_an_account_says_its_visitor_id(trigger: str) -> None:
    facts = app.triggers[trigger].facts
    assert facts is not None
    (visitor,) = [
        item for item in facts(app.sample(app.triggers[trigger].sample), ORIGIN) if isinstance(item, VisitorId)
    ]
    assert (visitor.id, visitor.value) == ("ACC-1001/FirstPromoterTid", "fp-tid-7f3a")


def test_a_visitor_id_may_stand_on_the_customer_or_in_the_metadata() -> None:
    account = {"id": "ACC-1", "settings": {"FirstPromoterTid": ""}, "metadata": {"FirstPromoterTid": "tid-m"}}
    payload: JSONObject = {"account": account, "customer": {"settings": {"FirstPromoterTid": "tid-c"}}}
    (visitor,) = money.account_event(payload, ORIGIN)
    assert isinstance(visitor, VisitorId)
    assert visitor.value == "tid-c"


def test_saving_a_visitor_id_says_it_and_saving_anything_else_says_nothing() -> None:
    saved = NewSetting(entity_id="ACC-1", setting_id="FirstPromoterTid", value="tid-1")
    other = NewSetting(entity_id="ACC-1", setting_id="RazorPayCustomerId", value="cust_1")
    (visitor,) = money.saved_setting(saved, {}, ORIGIN)
    assert visitor.id == "ACC-1/FirstPromoterTid"
    assert money.saved_setting(other, {}, ORIGIN) == []
