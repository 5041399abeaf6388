"""Signatures of webhooks: HMAC-SHA256 over the raw body, or over id, time and body as Standard Webhooks has it.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets as random
from collections.abc import Mapping, Sequence

from affluent.kit import clock
from affluent.kit.numbers import whole
from affluent.sdk import Signed

PLAIN_HEADERS = ("x-signature", "x-webhook-signature", "x-hub-signature-256")
ID, TIMESTAMP, STANDARD = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE_SECONDS = 300
"""How far the time of a Standard Webhook may be from ours: the five minutes of the public libraries."""
_ENCODED = "whsec_"
_KEY_BYTES = 24
_FEWEST_KEY_BYTES = 16
"""A text without the prefix that decodes to fewer bytes is taken for a plain text only."""


def new_secret() -> str:
    """A secret that the libraries of Standard Webhooks accept, of letters and digits only: it can be put anywhere."""
    while True:
        text = base64.b64encode(random.token_bytes(_KEY_BYTES)).decode()
        if text.isalnum():
            return _ENCODED + text


def plain(body: bytes, secret: str) -> str:
    """The value of X-Signature: `sha256=<hex>` over the raw body."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def standard(body: bytes, secret: str, *, message_id: str, timestamp: str) -> str:
    """The value of Webhook-Signature: `v1,<base64>` over `<id>.<timestamp>.<body>`.

    A secret without `whsec_` that is base64 all the same signs twice: senders differ in how they read it.
    """
    content = _content(body, message_id=message_id, timestamp=timestamp)
    return " ".join(_v1(content, key) for key in _keys(secret))


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> Signed | None:
    """What one of the secrets signed. Without a secret or a signature nothing is proved.

    Raises ValueError when the signature is good and its time is not. A message that carries both forms is known by its body
    as well as by its id, so that leaving out one of the signatures does not make another event of it.
    """
    is_plain = any(_is_plain(body, headers, secret) for secret in secrets)
    is_standard = any(_is_standard(body, headers, secret) for secret in secrets)
    if not is_standard:
        return Signed(content=body) if is_plain else None
    _check_time(headers[TIMESTAMP])
    signed = {ID: headers[ID], TIMESTAMP: headers[TIMESTAMP]}
    content = body if is_plain else _content(body, message_id=headers[ID], timestamp=headers[TIMESTAMP])
    return Signed(content=content, headers=signed)


def _check_time(timestamp: str) -> None:
    seconds = whole(timestamp, digits=12)
    if seconds is None:
        raise ValueError("The signature is good, but webhook-timestamp is not a number of seconds since 1970.")
    away = int(clock.now().timestamp()) - seconds
    if abs(away) > TOLERANCE_SECONDS:
        raise ValueError(
            f"The signature is good, but webhook-timestamp is {abs(away):,} seconds {'old' if away > 0 else 'ahead'};"
            f" {TOLERANCE_SECONDS} are allowed. Set the clocks of both sides, and sign anew before sending again."
        )


def _is_plain(body: bytes, headers: Mapping[str, str], secret: str) -> bool:
    expected = plain(body, secret).encode()
    given = [headers[name].strip().lower() for name in PLAIN_HEADERS if name in headers]
    full = [value if value.startswith("sha256=") else f"sha256={value}" for value in given]
    return any(hmac.compare_digest(expected, value.encode()) for value in full)


def _is_standard(body: bytes, headers: Mapping[str, str], secret: str) -> bool:
    given = headers.get(STANDARD, "").split()
    if not given or not headers.get(ID) or not headers.get(TIMESTAMP):
        return False
    content = _content(body, message_id=headers[ID], timestamp=headers[TIMESTAMP])
    expected = [_v1(content, key).encode() for key in _keys(secret)]
    return any(hmac.compare_digest(good, value.encode()) for good in expected for value in given)


def _content(body: bytes, *, message_id: str, timestamp: str) -> bytes:
    return f"{message_id}.{timestamp}.".encode() + body


def _v1(content: bytes, key: bytes) -> str:
    return f"v1,{base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()}"


def _keys(secret: str) -> list[bytes]:
    """The keys that a secret may mean: what is encoded in it, and without the prefix also the text itself."""
    text = secret.removeprefix(_ENCODED)
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return [secret.encode()]
    if text != secret:
        return [decoded]
    return [decoded, secret.encode()] if len(decoded) >= _FEWEST_KEY_BYTES else [secret.encode()]
