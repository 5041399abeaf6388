"""The twin's own controls, and the webhooks that tell of what they do.

POST /_twin/webhook     {"url", "secret", "events": []}   as added in the dashboard; without events all are told
POST /_twin/commission  {"id", "status": "denied"}        decided, paid ("is_paid": true), edited ("amount": 100, …)
                        or removed ("deleted": true) by hand
POST /_twin/rates       {"INR": "0.0121"}                 what one unit of a currency is worth in the account's; sales
                        in these currencies are converted from now on, all others are kept as they are
POST /_twin/visibility  {"seconds": 30}                   a lead that is made from now on is found only after so long
POST /_twin/lists       {"mode": "empty", "times": 1, "path": "/commissions"}   the next list is empty, or has shifted
                        by one ("shift"), as when a record is made while it is read
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp

from affluent.apps.firstpromoter import twin_views
from affluent.apps.firstpromoter.twin_ledger import Commission, Ledger, time_now
from affluent.kit.jsons import JSONObject, dumps

_PATIENCE_SECONDS = 5
_EDITABLE = ("amount", "is_paid", "is_self_referral", "is_split", "tier")
Told = tuple[str, Commission, JSONObject]
"""An event's name, the commission, and what changed: field → [before, after]."""


@dataclass(slots=True, kw_only=True)
class ListFault:
    """How the next lists misbehave."""

    mode: str
    times: int = 1
    path: str = ""


def change_commission(ledger: Ledger, fields: JSONObject) -> list[Told]:
    """What a person does to a commission in the dashboard, and the events that tell of it. Raises KeyError."""
    commission = ledger.commissions[int(fields["id"])]
    events: list[Told] = []
    status = fields.get("status")
    if status is not None and status != commission.status:
        events.append((f"commission.{status}", commission, {"status": [commission.status, status]}))
        commission.status, commission.status_updated_at = str(status), time_now()
    changes = {name: [getattr(commission, name), fields[name]] for name in _EDITABLE if name in fields}
    for name, (_, value) in changes.items():
        setattr(commission, name, value)
    if changes:
        events.append(("commission.updated", commission, changes))
    if fields.get("deleted"):
        del ledger.commissions[commission.id]
        events.append(("commission.deleted", commission, {}))
    return events


async def tell(ledger: Ledger, events: Sequence[Told]) -> list[JSONObject]:
    """Send events to every subscription that wants them, signed; each is tried once."""
    deliveries: list[JSONObject] = []
    timeout = aiohttp.ClientTimeout(total=_PATIENCE_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for event, commission, changes in events:
            for hook in list(ledger.webhooks.values()):
                if hook.get("active", True) and (not hook["event_types"] or event in hook["event_types"]):
                    body = _body(event, commission, changes)
                    status = await _post(session, hook, event, body)
                    deliveries.append({"event": event, "url": hook["url"], "status": status})
    return deliveries


def subscribe(ledger: Ledger, url: str, secret: str, events: Sequence[str]) -> JSONObject:
    """A subscription as made in the dashboard; one of the same address takes the place of the last."""
    for number in [number for number, hook in ledger.webhooks.items() if hook["url"] == url]:
        del ledger.webhooks[number]
    hook: JSONObject = {
        "id": next(ledger.ids),
        "url": url,
        "event_types": list(events),
        "active": True,
        "headers": {},
        "secret_key": secret,
    }
    ledger.webhooks[hook["id"]] = hook
    return {"id": hook["id"], "url": url}


def _body(event: str, commission: Commission, changes: Mapping[str, list[object]]) -> JSONObject:
    action = "deleted" if event.endswith(".deleted") else "updated"
    return {
        "event_id": str(uuid.uuid4()),
        "event_type": event,
        "action": action,
        "entity_type": "commission",
        "entity_id": commission.id,
        "changes": dict(changes),
        "data": twin_views.commission_v2(commission),
        "timestamp": time_now(),
    }


async def _post(session: aiohttp.ClientSession, hook: JSONObject, event: str, body: JSONObject) -> int:
    content = dumps(body).encode()
    signature = hmac.new(hook["secret_key"].encode(), content, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Event-Id": body["event_id"],
        "X-Event-Type": event,
        "X-Webhook-Signature": signature,
        **(hook.get("headers") or {}),
    }
    try:
        async with session.post(hook["url"], data=content, headers=headers) as answer:
            return answer.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        return 0
