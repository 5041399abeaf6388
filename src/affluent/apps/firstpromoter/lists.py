"""What webhooks should have told, read from FirstPromoter's lists: for sweeps after an outage.

Lists know when a referral was made and became a customer, when a commission was made and, in API v2, when its status last
changed: a decision on a commission of the last 90 days is found. Other changes have no times there and cannot be found. In
API v1 lists have no dates to filter by, so all of it is read. Lists do not know the ids of webhook events; events that are
found here are named by their record wherever they come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from affluent.apps.firstpromoter import client, pages
from affluent.apps.firstpromoter.client import Ctx
from affluent.apps.firstpromoter.pages import PageInput
from affluent.apps.firstpromoter.webhooks import as_v2, instant, named, without_secrets
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.sdk import Incoming, Listing, Page


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Where an event is found: the list, the day its filter knows, the field with the event's time."""

    path: str
    filter: str
    time: str
    status: str = ""
    reach: timedelta = timedelta(days=1)
    """How long before the event the filter's day may be. One day more than needed: its time zone is not documented."""


_REFERRALS, _COMMISSIONS = "/company/referrals", "/company/commissions"
_LATE = timedelta(days=90)
_FOUND_BY = {
    "referral.created": _Found(path=_REFERRALS, filter="created_at", time="created_at"),
    "referral.converted": _Found(path=_REFERRALS, filter="customer_since", time="customer_since"),
    "commission.created": _Found(path=_COMMISSIONS, filter="created_at", time="created_at"),
    "commission.approved": _Found(
        path=_COMMISSIONS, filter="created_at", time="status_updated_at", status="approved", reach=_LATE
    ),
    "commission.denied": _Found(
        path=_COMMISSIONS, filter="created_at", time="status_updated_at", status="denied", reach=_LATE
    ),
}
_V1 = {_REFERRALS: "/leads/list", _COMMISSIONS: "/rewards/list"}


def listing_of(event: str) -> Listing | None:
    """How a sweep finds what did not arrive; None when no list tells of this event."""
    if event not in _FOUND_BY:
        return None

    async def since(ctx: Ctx, begin: datetime, cursor: JSONValue) -> Page:
        return await _page(ctx, event, begin, cursor or 1)

    return Listing(since=since)


async def _page(ctx: Ctx, event: str, begin: datetime, number: int) -> Page:
    """One page of 100 records."""
    where = _FOUND_BY[event]
    wanted = PageInput(page=number, per_page=client.LARGEST_PAGE)
    if client.is_v2(ctx.credentials):
        filters: JSONObject = {f"filters[{where.filter}][from]": (begin - where.reach).date().isoformat()}
        filters |= {"filters[status]": where.status} if where.status else {}
        found, following = await pages.read(ctx, where.path, wanted, filters)
    else:
        found, following = await pages.read(ctx, _V1[where.path], wanted, {})
        found = [as_v2(event.split(".", maxsplit=1)[0], record) for record in found]
    dated = [(record, instant(record.get(where.time))) for record in found if _is(record, where.status)]
    items = [_incoming(event, record, at) for record, at in dated if at is not None and at >= begin]
    return Page(items=items, cursor=following, more=following is not None)


def _incoming(event: str, record: JSONObject, at: datetime) -> Incoming:
    """The event as the webhook would have sent it."""
    entity, action = event.split(".", maxsplit=1)
    external_id = named(event, record["id"], "")
    payload: JSONObject = {
        "event_id": external_id,
        "event_type": event,
        "action": "created" if action == "created" else "updated",
        "entity_type": entity,
        "entity_id": record["id"],
        "changes": {},
        "timestamp": at.isoformat(),
        "data": without_secrets(record),
    }
    return Incoming(type=event, external_id=external_id, payload=payload, occurred_at=at)


def _is(record: JSONObject, status: str) -> bool:
    return not status or record.get("status") == status
