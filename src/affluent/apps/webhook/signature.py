"""Signatures of webhooks: HMAC-SHA256 over the raw body, or over id, time and body as Standard Webhooks has it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

PLAIN_HEADERS = ("x-signature", "x-webhook-signature", "x-hub-signature-256")
_ENCODED = "whsec_"


def plain(body: bytes, secret: str) -> str:
    """The value of X-Signature: `sha256=<hex>` over the raw body."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def standard(body: bytes, secret: str, *, message_id: str, timestamp: str) -> str:
    """The value of Webhook-Signature: `v1,<base64>` over `<id>.<timestamp>.<body>`."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()}"


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> bool:
    """Whether one of the secrets signed this body. Without a secret or a signature nothing is genuine."""
    return any(_is_plain(body, headers, secret) or _is_standard(body, headers, secret) for secret in secrets)


def _is_plain(body: bytes, headers: Mapping[str, str], secret: str) -> bool:
    expected = plain(body, secret).encode()
    given = [headers[name].strip().lower() for name in PLAIN_HEADERS if name in headers]
    full = [value if value.startswith("sha256=") else f"sha256={value}" for value in given]
    return any(hmac.compare_digest(expected, value.encode()) for value in full)


def _is_standard(body: bytes, headers: Mapping[str, str], secret: str) -> bool:
    given = headers.get("webhook-signature", "").split()
    expected = standard(
        body, secret, message_id=headers.get("webhook-id", ""), timestamp=headers.get("webhook-timestamp", "")
    )
    return any(hmac.compare_digest(expected.encode(), value.encode()) for value in given)


def _key(secret: str) -> bytes:
    if secret.startswith(_ENCODED):
        try:
            return base64.b64decode(secret.removeprefix(_ENCODED), validate=True)
        except binascii.Error:
            pass
    return secret.encode()
