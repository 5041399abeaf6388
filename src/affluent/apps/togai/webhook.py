"""Webhooks that a flow made in Togai's own No-Code Center posts. Their body is what that flow's author wrote, so any is taken.

Nothing is documented about headers there, so the secret is accepted in each way a sender may be able to give it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from pydantic import ConfigDict

from affluent.kit.jsons import JSONObject, canonical
from affluent.sdk import Incoming, OutputModel, Signed, WebhookScheme

RECEIVED = "webhook.received"
SHARED, SIGNATURES = "x-webhook-secret", ("x-signature", "x-webhook-signature")


class Received(OutputModel):
    """The body as it came: what the payload of the webhook action in Togai says."""

    model_config = ConfigDict(extra="allow")


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> Signed | None:
    """An HMAC-SHA256 of the raw body, or the secret itself in a header, as a bearer token or as the password of an URL."""
    signatures = [headers[name].strip().lower().removeprefix("sha256=") for name in SIGNATURES if name in headers]
    given = [headers.get(SHARED, ""), *_authorised(headers.get("authorization", ""))]
    is_genuine = any(
        any(_same(hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(), value) for value in signatures)
        or any(_same(secret, value) for value in given if value)
        for secret in secrets
        if secret
    )
    return Signed(content=body) if is_genuine else None


def parse(body: JSONObject, _headers: Mapping[str, str]) -> Incoming:
    """Every body is one event, known by the whole of what it says: an id inside may be a record's, and headers are unsigned."""
    external_id = f"sha256:{hashlib.sha256(canonical(body)).hexdigest()}"
    return Incoming(type=RECEIVED, external_id=external_id, payload=body)


SCHEME = WebhookScheme(verify=verify, parse=parse, secret_field="")


def _authorised(header: str) -> Sequence[str]:
    kind, _, value = header.partition(" ")
    if kind.lower() == "bearer":
        return (value.strip(),)
    if kind.lower() != "basic":
        return ()
    try:
        return (base64.b64decode(value, validate=True).decode().partition(":")[2],)
    except (binascii.Error, UnicodeDecodeError):
        return ()


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode())
