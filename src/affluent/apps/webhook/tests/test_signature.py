"""Signatures of webhooks: who is believed, and who is not."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from affluent.apps.webhook.app import parse
from affluent.apps.webhook.signature import plain, standard, verify

BODY = b'{"id": "evt_1", "n": 1}'
SECRET = "a-secret-of-the-flow-connection"
HEX = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("header", ["x-signature", "x-webhook-signature", "x-hub-signature-256"])
@pytest.mark.parametrize("value", [f"sha256={HEX}", HEX, HEX.upper(), f" sha256={HEX} "])
def test_the_hex_digest_of_the_raw_body_is_believed(header: str, value: str) -> None:
    assert verify(BODY, {header: value}, [SECRET])


def test_a_standard_webhook_is_believed() -> None:
    signed = b"msg_1.1767225600." + BODY
    value = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": "1767225600", "webhook-signature": f"v1,other v1,{value}"}
    assert verify(BODY, headers, [SECRET])
    assert not verify(BODY, {**headers, "webhook-timestamp": "1767225601"}, [SECRET])
    assert not verify(BODY, {**headers, "webhook-id": "msg_2"}, [SECRET])


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
        ({"idempotency-key": "k", "x-event-id": "x"}, {"id": "b"}, "k"),
        ({"x-event-id": "x", "webhook-id": "w"}, {"id": "b"}, "x"),
        ({"webhook-id": "w"}, {"id": "b"}, "w"),
        ({}, {"id": "b"}, "b"),
        ({}, {"id": 17}, "17"),
    ],
)
def test_an_event_is_known_by_a_header_or_by_its_own_id(
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
