"""Signatures and what is read from a webhook's body."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from razorpay import Client
from razorpay.errors import SignatureVerificationError

from affluent.apps.razorpay.app import app
from affluent.apps.razorpay.webhook import parse, sign, verify
from affluent.kit.jsons import dumps, loads
from affluent.sdk import Trigger

BODY = dumps({"entity": "event", "event": "payment.captured", "payload": {}}).encode()
NEW, OLD = "new-webhook-secret", "old-webhook-secret"
official = Client(auth=("rzp_test_x", "y")).utility


def signed(body: bytes, secret: str) -> dict[str, str]:
    return {"x-razorpay-signature": sign(body, secret)}


def paid(**changes: Any) -> dict[str, Any]:
    """The body of a webhook about a captured payment of INR 118.00."""
    payment = {
        "id": "pay_1",
        "entity": "payment",
        "amount": 11800,
        "currency": "INR",
        "status": "captured",
        "notes": [],
        **changes,
    }
    return {
        "entity": "event", "account_id": "acc_1", "event": "payment.captured", "contains": ["payment"],
        "payload": {"payment": {"entity": payment}}, "created_at": 1567686993,
    }  # fmt: skip


@given(body=st.text(), secret=st.text(min_size=1))
def test_the_official_client_accepts_our_signature_and_we_accept_the_body(body: str, secret: str) -> None:
    try:
        raw, _ = body.encode(), secret.encode()
    except UnicodeEncodeError:
        return
    assert official.verify_webhook_signature(body, sign(raw, secret), secret) is True
    assert verify(raw, signed(raw, secret), [secret])


def test_the_official_client_refuses_what_we_refuse() -> None:
    signature = sign(BODY, OLD)
    assert not verify(BODY, {"x-razorpay-signature": signature}, [NEW])
    with pytest.raises(SignatureVerificationError):
        official.verify_webhook_signature(BODY.decode(), signature, NEW)


def test_a_changed_body_is_refused() -> None:
    assert not verify(BODY + b" ", signed(BODY, NEW), [NEW])


def test_during_a_rotation_both_secrets_are_accepted() -> None:
    assert verify(BODY, signed(BODY, NEW), [NEW, OLD])
    assert verify(BODY, signed(BODY, OLD), [NEW, OLD])


def test_after_the_rotation_the_old_secret_is_refused() -> None:
    assert not verify(BODY, signed(BODY, OLD), [NEW])


@pytest.mark.parametrize("signature", ["", "é", "0" * 64, "sha256=abc", "\udcff"])
def test_a_missing_or_odd_signature_is_refused_and_raises_nothing(signature: str) -> None:
    assert not verify(BODY, {"x-razorpay-signature": signature}, [NEW])
    assert not verify(BODY, {}, [NEW])


def test_upper_case_hex_is_refused() -> None:
    assert not verify(BODY, {"x-razorpay-signature": sign(BODY, NEW).upper()}, [NEW])


def test_without_a_secret_nothing_is_genuine() -> None:
    assert not verify(BODY, signed(BODY, ""), [])


def test_what_happens_once_to_a_record_is_named_after_it_whatever_the_header_says() -> None:
    incoming = parse(paid(), {"x-razorpay-event-id": "EvT1"})
    assert (incoming.type, incoming.external_id) == (
        "payment.captured",
        f"payment.captured/{incoming.payload['payment']['id']}",
    )
    assert incoming.occurred_at == datetime(2019, 9, 5, 12, 36, 33, tzinfo=UTC)


@pytest.mark.parametrize("event", ["invoice.partially_paid", "subscription.charged", "payment.dispute.action_required"])
def test_what_may_happen_again_to_a_record_is_named_by_the_header(event: str) -> None:
    body = {**paid(), "event": event}
    assert [parse(body, {"x-razorpay-event-id": name}).external_id for name in ("EvT1", "EvT2")] == ["EvT1", "EvT2"]


def test_without_the_header_a_repeat_has_the_same_id_and_another_event_has_another() -> None:
    assert parse(paid(), {}).external_id == parse(paid(), {}).external_id
    assert parse(paid(), {}).external_id != parse(paid(id="pay_2"), {}).external_id


def test_an_event_without_ids_and_time_is_named_by_its_body() -> None:
    body = {"entity": "event", "event": "x.y", "payload": {}}
    assert parse(body, {}).external_id == hashlib.sha256(b'{"entity":"event","event":"x.y","payload":{}}').hexdigest()


@pytest.mark.parametrize("notes", [[], None, {}])
def test_empty_notes_come_in_three_forms_and_mean_the_same(notes: object) -> None:
    payload = parse(paid(notes=notes), {}).payload
    assert payload["payment"]["notes"] == {}
    assert payload["account_id"] is None


def test_notes_name_the_billing_records() -> None:
    notes = {"togai_account_id": "ACC-1", "togai_customer_id": "CUS-1", "togai_invoice_id": "INV-1"}
    payload = parse(paid(notes=notes), {}).payload
    assert [payload[name] for name in ("account_id", "billing_customer_id", "billing_invoice_id")] == [
        "ACC-1",
        "CUS-1",
        "INV-1",
    ]


def test_amounts_are_told_in_minor_and_in_major_units() -> None:
    payload = parse(paid(), {}).payload
    assert (payload["amount"], payload["amount_minor"], payload["currency"]) == ("118.00", 11800, "INR")


@pytest.mark.parametrize(
    ("currency", "amount", "major"), [("JPY", 320000, "320000"), ("KWD", 741250, "741.250"), ("XXQ", 5, None)]
)
def test_every_currency_has_its_own_decimals(currency: str, amount: int, major: str | None) -> None:
    assert parse(paid(amount=amount, currency=currency), {}).payload["amount"] == major


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"entity": "event"},
        {"entity": "event", "event": 1, "payload": {}},
        {"entity": "event", "event": "a", "payload": []},
    ],
)
def test_what_is_no_event_is_refused_with_a_sentence(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="it needs"):
        parse(body, {})


def test_an_unknown_event_is_read_all_the_same() -> None:
    body = {**paid(), "event": "payment.teleported"}
    assert parse(body, {}).type == "payment.teleported"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_no_record_breaks_the_parser(record: Any) -> None:
    entity = record if isinstance(record, dict) else {"id": record, "amount": record, "notes": record}
    parts = {kind: {"entity": entity} for kind in ("payment", "invoice", "payment_link", "refund")}
    incoming = parse({"entity": "event", "event": "invoice.paid", "payload": parts, "created_at": record}, {})
    assert incoming.external_id


@pytest.mark.parametrize("trigger", app.triggers.values(), ids=lambda trigger: trigger.key)
def test_every_trigger_has_a_sample_that_its_output_accepts(trigger: Trigger) -> None:
    sample = app.sample(trigger.sample)
    assert trigger.output is not None
    assert trigger.output.model_validate(sample).model_dump()["event"] == trigger.event


def test_the_trigger_of_every_event_has_its_own_key() -> None:
    events = [trigger.event for trigger in app.triggers.values()]
    assert len(set(events)) == len(events) == 22


def test_captured_may_be_the_text_one() -> None:
    output = app.triggers["payment_captured"].output
    assert output is not None
    payload = parse(paid(captured="1"), {}).payload
    assert output.model_validate(loads(dumps(payload))).model_dump()["payment"]["captured"] is True
