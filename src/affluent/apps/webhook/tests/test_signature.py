"""Signatures of webhooks: who is believed, and who is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from affluent.apps.webhook.app import parse
from affluent.apps.webhook.signature import new_secret, plain, standard, verify
from affluent.kit import clock

BODY = b'{"id": "evt_1", "n": 1}'
SECRET = "a-secret-of-the-flow-connection"
HEX = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("header", ["x-signature", "x-webhook-signature", "x-hub-signature-256"])
@pytest.mark.parametrize("value", [f"sha256={HEX}", HEX, HEX.upper(), f" sha256={HEX} "])
def test_the_hex_digest_of_the_raw_body_is_believed(header: str, value: str) -> None:
    assert verify(BODY, {header: value}, [SECRET])


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def on_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of this server shows the beginning of 2026."""
    monkeypatch.setattr(clock, "now", lambda: NOW)


def by_the_library(secret: str, body: bytes = BODY, *, at: datetime | None = None) -> dict[str, str]:
    """The headers that the public library of Standard Webhooks makes."""
    at = at or clock.now()
    signature = Webhook(secret).sign("msg_1", at, body.decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


@pytest.mark.usefixtures("on_time")
def test_a_standard_webhook_is_believed() -> None:
    signed = b"msg_1.1767225600." + BODY
    value = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": "1767225600", "webhook-signature": f"v1,other v1,{value}"}
    proved = verify(BODY, headers, [SECRET])
    assert proved is not None
    assert (proved.content, proved.headers["webhook-id"]) == (signed, "msg_1")
    assert not verify(BODY, {**headers, "webhook-timestamp": "1767225601"}, [SECRET])
    assert not verify(BODY, {**headers, "webhook-id": "msg_2"}, [SECRET])


def test_what_the_public_library_signs_is_believed_with_and_without_the_prefix() -> None:
    secret = new_secret()
    headers = by_the_library(secret)
    assert verify(BODY, headers, [secret])
    assert verify(BODY, headers, [secret.removeprefix("whsec_")])
    assert not verify(BODY, headers, [new_secret()])


@pytest.mark.parametrize("shape", ["{}", "whsec_{}"])
def test_the_public_library_believes_what_is_signed_here(shape: str) -> None:
    secret = shape.format(new_secret().removeprefix("whsec_"))
    at = str(int(clock.now().timestamp()))
    headers = {"webhook-id": "m", "webhook-timestamp": at}
    headers["webhook-signature"] = standard(BODY, secret, message_id="m", timestamp=at)
    assert Webhook(secret).verify(BODY, headers) == {"id": "evt_1", "n": 1}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, headers)


def test_a_new_secret_is_of_letters_and_digits_and_long_enough() -> None:
    made = {new_secret() for _ in range(20)}
    assert len(made) == 20
    assert all(secret.removeprefix("whsec_").isalnum() for secret in made)
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"))) == 24 for secret in made)


@pytest.mark.parametrize(("seconds", "word"), [(301, "old"), (-301, "ahead"), (10**9, "old")])
def test_a_good_signature_of_another_time_is_refused_with_both_reasons(seconds: int, word: str) -> None:
    secret = new_secret()
    headers = by_the_library(secret, at=clock.now() - timedelta(seconds=seconds))
    with pytest.raises(ValueError, match=f"signature is good.*{word}"):
        verify(BODY, headers, [secret])


@pytest.mark.parametrize("seconds", [299, -299])
def test_within_five_minutes_a_time_is_good(seconds: int) -> None:
    secret = new_secret()
    assert verify(BODY, by_the_library(secret, at=clock.now() - timedelta(seconds=seconds)), [secret])


def test_a_message_with_both_signatures_is_known_by_its_body_too() -> None:
    secret = new_secret()
    both = verify(BODY, {**by_the_library(secret), "x-signature": plain(BODY, secret)}, [secret])
    alone = verify(BODY, {"x-signature": plain(BODY, secret)}, [secret])
    assert both is not None
    assert alone is not None
    assert both.content == alone.content


def test_a_secret_in_the_form_of_standard_webhooks_is_decoded() -> None:
    encoded = "whsec_" + base64.b64encode(b"raw-key").decode()
    value = base64.b64encode(hmac.new(b"raw-key", b"m.1." + BODY, hashlib.sha256).digest()).decode()
    assert standard(BODY, encoded, message_id="m", timestamp="1") == f"v1,{value}"


def test_the_secret_before_the_rotation_is_believed_too() -> None:
    assert verify(BODY, {"x-signature": plain(BODY, "the-old-secret")}, [SECRET, "the-old-secret"])


@pytest.mark.parametrize(
    ("headers", "secrets"),
    [
        ({}, [SECRET]),
        ({"x-signature": f"sha256={HEX}"}, []),
        ({"x-signature": f"sha256={HEX}"}, ["another-secret"]),
        ({"x-signature": f"sha1={HEX}"}, [SECRET]),
        ({"x-signature": f"sha256={HEX[:-1]}"}, [SECRET]),
        ({"x-signature": "sha256=é"}, [SECRET]),
        ({"x-signature": "sha256="}, [SECRET]),
        ({"webhook-signature": f"v1,{HEX}"}, [SECRET]),
        ({"webhook-signature": ""}, [SECRET]),
    ],
)
def test_anything_else_is_not_believed(headers: dict[str, str], secrets: list[str]) -> None:
    assert not verify(BODY, headers, secrets)


def test_another_body_is_not_believed() -> None:
    assert not verify(BODY + b" ", {"x-signature": f"sha256={HEX}"}, [SECRET])


@pytest.mark.parametrize(
    ("headers", "body", "external_id"),
    [
        ({"idempotency-key": "k", "x-event-id": "x"}, {"id": "b"}, "b"),
        ({"webhook-id": "w"}, {"id": "b"}, "w"),
        ({}, {"id": "b"}, "b"),
        ({}, {"id": 17}, "17"),
    ],
)
def test_an_event_is_known_by_its_signed_id_or_by_its_own(
    headers: dict[str, str], body: dict[str, object], external_id: str
) -> None:
    assert parse(body, headers).external_id == external_id


@pytest.mark.parametrize("own_id", [None, "", True, {"a": 1}, ["b"]])
def test_an_event_without_an_id_is_known_by_what_it_says(own_id: object) -> None:
    first, again = parse({"id": own_id, "n": 1}, {}), parse({"n": 1, "id": own_id}, {})
    other = parse({"id": own_id, "n": 2}, {})
    assert first.external_id == again.external_id != other.external_id
    assert first.external_id.startswith("sha256:")


def test_the_body_is_handed_on_as_it_came() -> None:
    incoming = parse({"type": "order.paid", "order": {"n": 1}}, {})
    assert (incoming.type, incoming.payload) == ("received", {"type": "order.paid", "order": {"n": 1}})
