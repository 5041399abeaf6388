"""How the vendors of the catalogue send webhooks: what is sent, and how each way of sending proves it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from affluent.apps.webhook.signature import standard
from affluent.kit import clock
from affluent.kit.jsons import JSONObject

Headers = dict[str, str]


def hex_of(body: bytes, secret: str) -> str:
    """HMAC-SHA256 of the body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard_of(body: bytes, secret: str) -> Headers:
    """The headers of Standard Webhooks."""
    at = str(int(clock.now().timestamp()))
    signature = standard(body, secret, message_id="msg_1", timestamp=at)
    return {"webhook-id": "msg_1", "webhook-timestamp": at, "webhook-signature": signature}


@dataclass(frozen=True, kw_only=True)
class Sender:
    """One way in which the webhooks of an app come."""

    app: str
    how: str
    trigger: str
    event: JSONObject
    prove: Callable[[bytes, str], Headers]
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent as well, and covered by nothing."""
    signs_body: bool = True
    """False: the proof is a secret or the address alone, so another body is another event."""
    fields: Mapping[str, str] | None = None
    """Of the connection, besides the webhook secret; None: no connection is needed."""
    secret: str | None = "the-webhook-secret-of-the-connection"
    """None: the connection has none."""
    has_own_secret: bool = False
    """Whether the flow connection has the secret, beside a connection that is needed."""

    @property
    def entered(self) -> dict[str, str]:
        """The fields of the connection."""
        secret = {"webhook_secret": self.secret} if self.secret and not self.has_own_secret else {}
        return {**(self.fields or {}), **secret}

    def __str__(self) -> str:
        return f"{self.app}-{self.how}"


_RAZORPAY = {"key_id": "rzp_test_contract", "key_secret": "the-key-secret"}
_TOGAI = {"secret_key": "the-secret-key", "base_url": "https://togai.example/v1"}
_FP_V2 = {"api_key": "the-api-key", "account_id": "acc_1"}
_ORDER = {"type": "order.paid", "account_id": "ACC-1", "total": 120, "name": "Adä"}
_COMMISSION = {
    "event_id": "0b7e", "event_type": "commission.updated", "action": "updated", "entity_type": "commission", "entity_id": 7,
    "changes": {}, "data": {"id": 7, "status": "approved"}, "timestamp": "2026-01-01T00:00:00Z",
}  # fmt: skip

SENDERS = [
    Sender(
        app="webhook", how="body", trigger="received", event=_ORDER,
        prove=lambda body, secret: {"x-signature": f"sha256={hex_of(body, secret)}"},
        headers={"idempotency-key": "k-1", "x-event-id": "e-1", "webhook-id": "w-1"},
    ),
    Sender(
        app="webhook", how="body-with-id", trigger="received", event={**_ORDER, "id": "order-1"},
        prove=lambda body, secret: {"x-hub-signature-256": hex_of(body, secret)},
        headers={"idempotency-key": "k-1"},
    ),
    Sender(
        app="webhook", how="standard", trigger="received", event=_ORDER, prove=standard_of,
        headers={"idempotency-key": "k-1", "x-event-id": "e-1"},
    ),
    Sender(
        app="webhook", how="both", trigger="received", event={**_ORDER, "id": "order-1"},
        prove=lambda body, secret: {**standard_of(body, secret), "x-signature": hex_of(body, secret)},
    ),
    Sender(
        app="togai", how="body", trigger="webhook_received", fields=_TOGAI, has_own_secret=True, event=_ORDER,
        prove=lambda body, secret: {"x-webhook-signature": hex_of(body, secret)},
        headers={"idempotency-key": "k-1", "x-event-id": "e-1", "webhook-id": "w-1"},
    ),
    Sender(
        app="togai", how="shared-secret", trigger="webhook_received", fields=_TOGAI, has_own_secret=True, event=_ORDER, signs_body=False,
        prove=lambda _body, secret: {"authorization": f"Bearer {secret}"}, headers={"idempotency-key": "k-1"},
    ),
    Sender(
        app="razorpay", how="named-by-its-record", trigger="invoice_paid", fields=_RAZORPAY,
        event={
            "entity": "event", "event": "invoice.paid", "created_at": 1_767_225_600,
            "payload": {"invoice": {"entity": {"id": "inv_1", "amount": 5000, "currency": "INR"}}},
        },
        prove=lambda body, secret: {"x-razorpay-signature": hex_of(body, secret)}, headers={"x-razorpay-event-id": "Ev1"},
    ),
    Sender(
        app="razorpay", how="named-by-a-header", trigger="invoice_partially_paid", fields=_RAZORPAY,
        event={
            "entity": "event", "event": "invoice.partially_paid", "created_at": 1_767_225_600,
            "payload": {"invoice": {"entity": {"id": "inv_1", "amount": 5000, "currency": "INR"}}},
        },
        prove=lambda body, secret: {"x-razorpay-signature": hex_of(body, secret)}, headers={"x-razorpay-event-id": "Ev1"},
    ),
    Sender(
        app="firstpromoter", how="signed", trigger="commission_updated", fields=_FP_V2, event=_COMMISSION,
        prove=lambda body, secret: {"x-webhook-signature": hex_of(body, secret)},
        headers={"x-event-id": "0b7e", "x-event-type": "commission.updated"},
    ),
    Sender(
        app="firstpromoter", how="shared-secret", trigger="commission_updated", fields=_FP_V2, event=_COMMISSION,
        prove=lambda _body, secret: {"authorization": "Basic " + base64.b64encode(f"fp:{secret}".encode()).decode()},
        headers={"x-event-id": "0b7e"}, signs_body=False,
    ),
    Sender(
        app="firstpromoter", how="v1-without-secret", trigger="referral_cancelled", fields={"api_key": "the-api-key"},
        event={"event": {"id": 9, "type": "lead_cancelled", "created_at": "2026-01-01T00:00:00Z"}, "data": {"id": 7}},
        prove=lambda _body, _secret: {}, headers={"x-event-id": "0b7e"}, signs_body=False, secret=None,
    ),
]  # fmt: skip
