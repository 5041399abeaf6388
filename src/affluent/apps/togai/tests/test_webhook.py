"""Webhooks of Togai's own flows: the secret in every form, any body, and what counts as the same event."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from affluent.apps.togai.app import app
from affluent.apps.togai.webhook import RECEIVED, parse, verify

SECRET = "the-flow-connections-secret"
BODY = b'{"event": "account_created", "account": {"id": "ACC-1"}}'
SIGNED = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
PAIR = base64.b64encode(f"togai:{SECRET}".encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"x-webhook-secret": SECRET},
        {"x-signature": f"sha256={SIGNED}"},
        {"x-webhook-signature": SIGNED.upper()},
        {"authorization": f"Bearer {SECRET}"},
        {"authorization": f"Basic {PAIR}"},
    ],
)
def test_the_secret_is_taken_in_every_form_a_sender_may_have(headers: dict[str, str]) -> None:
    assert verify(BODY, headers, [SECRET])
    assert verify(BODY, headers, ["the-new-one", SECRET])
    assert not verify(BODY, headers, ["another"])


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"x-webhook-secret": ""}, {"x-signature": "sha256="}, {"authorization": "Bearer "}, {"authorization": "Basic %%"},
        {"authorization": f"Digest {SECRET}"}, {"authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()},
    ],
)  # fmt: skip
def test_without_it_nothing_is_genuine(headers: dict[str, str]) -> None:
    assert not verify(BODY, headers, [SECRET])
    assert not verify(BODY, headers, [""])
    assert not verify(BODY, {**headers, "x-webhook-secret": SECRET}, [])


def test_a_signature_of_another_body_is_refused() -> None:
    assert not verify(BODY + b" ", {"x-signature": SIGNED}, [SECRET])


def test_the_same_body_is_the_same_event_and_a_records_id_is_not_an_events() -> None:
    first, again = parse({"id": "ACC-1", "name": "A"}, {}), parse({"name": "A", "id": "ACC-1"}, {})
    changed = parse({"id": "ACC-1", "name": "B"}, {})
    assert first.external_id == again.external_id != changed.external_id
    assert (first.type, first.payload) == (RECEIVED, {"id": "ACC-1", "name": "A"})


def test_an_id_in_a_header_that_nobody_signed_counts_for_nothing() -> None:
    assert parse({"id": "ACC-1"}, {"x-event-id": "evt_7"}).external_id == parse({"id": "ACC-1"}, {}).external_id


def test_the_secret_belongs_to_the_flow_connection() -> None:
    assert app.webhook is not None
    assert app.webhook.secret_field == ""
