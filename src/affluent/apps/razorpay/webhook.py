"""How Razorpay's webhooks are verified and read. Pure.

The signature is the lower-case hex HMAC-SHA256 of the raw body under the webhook secret. What a record goes through once is
named after the record, so that a webhook and what a sweep finds in a list are one event, whichever comes first. Everything
else is named by `x-razorpay-event-id`, which repeats share; samples of older webhooks lack it, so there is a stand-in. That
header is not signed, so it decides nothing alone: the hub takes the same signed body in once, whatever the header says.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

from affluent.apps.razorpay.facts import facts_of, notes_of, whole
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue, canonical
from affluent.sdk import Incoming, Signed, WebhookScheme

SIGNATURE = "x-razorpay-signature"
EVENT_ID = "x-razorpay-event-id"
ONCE = {
    "payment.authorized": "payment",
    "payment.captured": "payment",
    "payment.failed": "payment",
    "order.paid": "order",
    "invoice.paid": "invoice",
    "payment_link.paid": "payment_link",
    "refund.created": "refund",
    "refund.processed": "refund",
    "settlement.processed": "settlement",
}
"""Events that a record has once, and which of their records: a payment is captured once, an invoice is paid whole once."""


def sign(body: bytes, secret: str) -> str:
    """The signature of a body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> Signed | None:
    """The body, if one of the secrets signed it; every secret is tried, in constant time."""
    given = headers.get(SIGNATURE, "").encode("utf-8", "replace")
    matches = [hmac.compare_digest(sign(body, secret).encode(), given) for secret in secrets]
    return Signed(content=body) if any(matches) else None


def parse(body: JSONObject, headers: Mapping[str, str]) -> Incoming:
    """The event of a body: every record under its own name, with the facts beside them. Raises ValueError."""
    event, records = body.get("event"), body.get("payload")
    if body.get("entity") != "event" or not isinstance(event, str) or not event or not isinstance(records, dict):
        raise ValueError('it needs "entity": "event", an "event" name and a "payload"')
    entities = {
        kind: _tidy(part["entity"])
        for kind, part in records.items()
        if isinstance(part, dict) and isinstance(part.get("entity"), dict)
    }
    created_at = whole(body.get("created_at"))
    head: JSONObject = {
        "event": event,
        "merchant_id": body.get("account_id"),
        "created_at": created_at,
        **facts_of(entities),
    }
    return Incoming(
        type=event,
        external_id=named(event, entities)
        or headers.get(EVENT_ID, "").strip()
        or _stand_in(body, event, entities, created_at),
        payload={**head, **entities, **head},  # facts come first, and no record takes their place
        occurred_at=_instant(created_at),
    )


def named(event: str, entities: Mapping[str, JSONObject]) -> str:
    """What an event that happens once is known by; empty for others, and without the record's id."""
    number = entities.get(ONCE.get(event, ""), {}).get("id")
    return f"{event}/{number}" if isinstance(number, str) and number else ""


def _tidy(record: JSONObject) -> JSONObject:
    """A record whose notes are always an object."""
    return {**record, "notes": notes_of(record)}


def _stand_in(body: JSONObject, event: str, entities: Mapping[str, JSONObject], created_at: int | None) -> str:
    """The same text for the same event: its name, its records and its time, or all of it when these are missing."""
    ids = [f"{record['id']}:{record.get('status')}" for record in entities.values() if record.get("id")]
    if ids and created_at is not None:
        return f"{event}/{'/'.join(ids)}/{created_at}"
    return hashlib.sha256(canonical(body)).hexdigest()


def _instant(seconds: JSONValue) -> datetime | None:
    return clock.from_seconds(seconds)


SCHEME = WebhookScheme(verify=verify, parse=parse, unsigned_headers=(EVENT_ID,))
