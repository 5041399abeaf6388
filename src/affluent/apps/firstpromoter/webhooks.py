"""FirstPromoter's webhooks: both versions verified and read into one shape.

v2 signs the raw body (X-Webhook-Signature) or sends a header of our own; v1 proves nothing, so only the secret address
speaks for it, and only while the connection has no secret and uses API v1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

from affluent.apps.firstpromoter.client import is_v2
from affluent.kit import clock
from affluent.kit.bodies import BadBody, document_of
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.sdk import Incoming, Signed, WebhookScheme

SIGNATURE = "x-webhook-signature"
SHARED = "x-webhook-secret"
TEST = "webhook.test"
V1_TYPES = {
    "lead_signup": "referral.created",
    "lead_becomes_referral": "referral.converted",
    "new_customer": "referral.converted",
    "lead_cancelled": "referral.cancelled",
    "promoter_signed_up": "promoter.created",
    "promoter_signs_up": "promoter.created",
    "promoter_accepted": "promoter_campaign.accepted",
    "reward_created": "commission.created",
}
"""v1's event types and what v2 calls them; `promoter_signs_up` is another spelling seen in the wild."""
FULFILMENT = "fulfilment_pending"
_SENT_BY_V1 = frozenset(V1_TYPES) | {FULFILMENT}
ONCE = frozenset(
    {"referral.created", "referral.converted", "commission.created", "commission.approved", "commission.denied"}
)
"""Events that a record has once. They are named after it, so that one found in a list and its late webhook are the same."""
_SECRET_FIELDS = frozenset({"auth_token", "temp_password", "password_setup_url"})


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> Signed | None:
    """A good signature of the raw body, or the shared secret in a header or as the password of Basic authentication.

    Without a secret, only what API v1 sends; the hub asks with none only where the connection uses API v1.
    """
    if not secrets:
        return Signed(content=body) if _is_v1(body) else None
    signature = headers.get(SIGNATURE)
    if signature is not None:
        is_genuine = any(
            _same(hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(), signature) for secret in secrets
        )
    else:
        given = headers.get(SHARED) or _password(headers.get("authorization", ""))
        is_genuine = bool(given) and any(_same(secret, given) for secret in secrets)
    return Signed(content=body) if is_genuine else None


def parse(document: JSONObject, _headers: Mapping[str, str]) -> Incoming:
    """The event in v2's shape, whichever version sent it. Raises ValueError when it is no event."""
    if isinstance(document.get("event_type"), str):
        return _parse_v2(document)
    event = document.get("event")
    if isinstance(event, dict) and isinstance(event.get("type"), str):
        return _parse_v1(event, _object(document.get("data")))
    raise ValueError("it has neither event_type (API v2) nor event.type (API v1).")


def _parse_v2(document: JSONObject) -> Incoming:
    data = _object(document.get("data"))
    external_id = _id(document.get("event_id"))
    if not external_id:
        raise ValueError("it has no event_id.")
    is_test = data == {"test": True}
    names = ("event_id", "event_type", "action", "entity_type", "entity_id", "changes", "timestamp")
    return Incoming(
        type=TEST if is_test else document["event_type"],
        external_id=named(document["event_type"], data.get("id"), external_id),
        payload={**{name: document.get(name) for name in names}, "data": without_secrets(data)},
        occurred_at=instant(document.get("timestamp")),
    )


def _parse_v1(event: JSONObject, data: JSONObject) -> Incoming:
    if event["type"] == FULFILMENT:
        raise ValueError(
            "FirstPromoter takes a 200 for fulfilment_pending as 'fulfilled', before anything was done."
            " Switch it off for this address and use API v2's commission.approved."
        )
    kind: str = V1_TYPES.get(event["type"]) or event["type"]
    entity = kind.split(".", maxsplit=1)[0]
    number = data.get("id")
    # v1 tells twice that a lead becomes a customer: as lead_becomes_referral and as new_customer.
    external_id = named(kind, number, _id(event.get("id")))
    if not external_id:
        raise ValueError("it has no event.id.")
    payload: JSONObject = {
        "event_id": external_id,
        "event_type": kind,
        "action": "created" if kind.endswith(".created") else "updated",
        "entity_type": entity,
        "entity_id": number,
        "changes": {},
        "timestamp": event.get("created_at"),
        "data": as_v2(entity, data),
    }
    return Incoming(type=kind, external_id=external_id, payload=payload, occurred_at=instant(event.get("created_at")))


def named(kind: str, number: JSONValue, event_id: str) -> str:
    """What an event is known by: the vendor's own id of it, or the record of an event that happens once."""
    return f"{kind}/{_id(number)}" if kind in ONCE and _id(number) else event_id


def _id(value: JSONValue) -> str:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) and value else ""


def as_v2(entity: str, data: JSONObject) -> JSONObject:
    """A record of v1 as v2 has it, without its secrets."""
    read = _READ_V1.get(entity)
    kept: JSONObject = without_secrets(data)
    return read(kept) if read else kept


def without_secrets(value: JSONValue) -> JSONValue:
    """The value without tokens and passwords, which v1 sends along and nobody may keep."""
    if isinstance(value, dict):
        return {name: without_secrets(item) for name, item in value.items() if name not in _SECRET_FIELDS}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value


def _referral(lead: JSONObject) -> JSONObject:
    return {**lead, "state": lead.get("state") or lead.get("status"), "promoter_campaign": _membership(lead)}


def _commission(reward: JSONObject) -> JSONObject:
    return {
        **reward,
        "sale_amount": reward.get("conversion_amount"),
        "tier": reward.get("tier_level"),
        "referral": reward.get("lead"),
        "promoter_campaign": _membership(reward),
    }


def _promoter(promoter: JSONObject) -> JSONObject:
    profile = _object(promoter.get("profile"))
    names = [profile.get("first_name"), profile.get("last_name")]
    given = [name for name in names if isinstance(name, str) and name]
    return {**promoter, "name": " ".join(given) or promoter.get("email")}


def _accepted(promoter: JSONObject) -> JSONObject:
    """v1 tells of the promoter, v2 of the promoter campaign."""
    return {**_membership({"promoter": promoter, "promotion": _first(promoter.get("promotions"))}), "state": "accepted"}


def _membership(holder: JSONObject) -> JSONObject:
    promotion, promoter = _object(holder.get("promotion")), _object(holder.get("promoter"))
    return {
        "id": promotion.get("id") or promoter.get("default_promotion_id"),
        "campaign_id": promotion.get("campaign_id"),
        "promoter_id": promoter.get("id") or promotion.get("promoter_id"),
        "promoter": {"id": promoter.get("id"), "email": promoter.get("email"), "name": _promoter(promoter)["name"]},
        "campaign": {"id": promotion.get("campaign_id"), "name": promotion.get("campaign_name")},
        "ref_token": promotion.get("ref_id") or promoter.get("default_ref_id"),
    }


_READ_V1 = {
    "referral": _referral,
    "commission": _commission,
    "promoter": _promoter,
    "promoter_campaign": _accepted,
}


def _is_v1(body: bytes) -> bool:
    try:
        document = document_of(body)
    except BadBody:
        return False
    event = document.get("event") if "event_type" not in document else None
    kind = event.get("type") if isinstance(event, dict) else None
    return isinstance(kind, str) and kind in _SENT_BY_V1


def _password(authorization: str) -> str:
    if not authorization.lower().startswith("basic "):
        return ""
    try:
        return base64.b64decode(authorization[6:], validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


def instant(value: JSONValue) -> datetime | None:
    """A time with its zone, UTC where none is given; None when it is no time."""
    return clock.from_text(value)


def _object(value: JSONValue) -> JSONObject:
    return value if isinstance(value, dict) else {}


def _first(value: JSONValue) -> JSONObject:
    return _object(value[0]) if isinstance(value, list) and value else {}


SCHEME = WebhookScheme(verify=verify, parse=parse, accepts_unsigned=lambda credentials: not is_v2(credentials))
