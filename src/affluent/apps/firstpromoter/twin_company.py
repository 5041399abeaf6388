"""The twin's management calls of API v2: lists with pages and filters, single objects, batches."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request

from affluent.apps.firstpromoter import twin_views
from affluent.apps.firstpromoter.twin_ledger import Commission, Ledger, Person, Promoter, Referral, Refusal
from affluent.apps.firstpromoter.twin_track import Answer, Call
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue

LARGEST_PAGE = 100


def page(request: Request, items: Iterable[JSONValue]) -> list[JSONValue]:
    """One page of a list: page from 1, per_page 20 unless told, at most 100."""
    size = min(max(number(request.query_params.get("per_page")) or 20, 1), LARGEST_PAGE)
    start = (max(number(request.query_params.get("page")) or 1, 1) - 1) * size + request.scope.get("shifted_by", 0)
    found = list(items)
    return found[start : start + size]


def _list_referrals(ledger: Ledger, request: Request, _fields: JSONObject) -> Answer:
    query = request.query_params
    q, state, kind = query.get("q", "").lower(), query.get("filters[state]"), query.get("filters[type]")
    promoter, ids = query.get("filters[promoter_id]"), query.getlist("ids[]")
    found = [
        item
        for item in ledger.seen()
        if (not q or q in item.uid.lower() or q in item.email.lower())
        and (not state or item.state == state)
        and (not kind or (kind == "customer") == bool(item.customer_since))
        and (not promoter or str(item.membership.promoter.id) == promoter)
        and (not ids or str(item.id) in ids)
        and _within(request, "created_at", item.created_at)
        and _within(request, "customer_since", item.customer_since)
    ]
    return 200, [twin_views.referral_v2(item) for item in page(request, found)]


def _get_referral(ledger: Ledger, request: Request, _fields: JSONObject) -> Answer:
    return 200, twin_views.referral_v2(referral_at(ledger, request))


def referral_at(ledger: Ledger, request: Request) -> Referral:
    """The referral that the path names; raises Refusal."""
    value, by = request.path_params["id"], request.query_params.get("find_by")
    if by == "uid":
        found = ledger.find(Person(uid=value))
    elif by == "email":
        found = ledger.find(Person(email=value))
    else:
        found = ledger.referrals.get(number(value) or 0)
    if found is None or found.visible_at > clock.now():
        raise Refusal(404, {"message": "Record not found", "code": "not_found"})
    return found


def _list_promoters(ledger: Ledger, request: Request, _fields: JSONObject) -> Answer:
    q = request.query_params.get("q", "").lower()
    campaign = number(request.query_params.get("filters[campaign_id]"))
    members = {item.promoter.id for item in ledger.memberships.values() if not campaign or item.campaign.id == campaign}
    found = [
        item
        for item in ledger.promoters.values()
        if item.id in members and (not q or q in f"{item.email} {item.name}".lower())
    ]
    pending = sum(1 for item in ledger.memberships.values() if item.state == "pending")
    data = [twin_views.promoter_v2(item, ledger) for item in page(request, found)]
    return 200, {"data": data, "meta": {"pending_count": pending}}


def _get_promoter(ledger: Ledger, request: Request, _fields: JSONObject) -> Answer:
    by = request.query_params.get("find_by") or "id"
    found = find_promoter(ledger, request.path_params["id"], by)
    if found is None and by == "id":
        raise Refusal(404, {"message": "Promoter not found", "code": "not_found"})
    if found is None:
        raise Refusal(422, {"message": f"Cannot find promoter by {by}", "code": "invalid_params"})
    return 200, twin_views.promoter_whole_v2(found, ledger)


def find_promoter(ledger: Ledger, value: str, by: str) -> Promoter | None:
    """A promoter by one of its names."""
    if by == "id":
        return ledger.promoters.get(number(value) or 0)
    for item in ledger.memberships.values():
        names = {
            "email": item.promoter.email,
            "cust_id": item.promoter.cust_id,
            "ref_token": item.ref_token,
            "promo_code": item.coupon,
        }
        if value and names.get(by) == value:
            return item.promoter
    return None


def _list_commissions(ledger: Ledger, request: Request, _fields: JSONObject) -> Answer:
    query = request.query_params
    q, status, fulfilled = query.get("q", "").lower(), query.get("filters[status]"), query.get("filters[fulfilled]")
    promoter, campaign = query.get("filters[promoter_id]"), query.get("filters[campaign_id]")
    found = [
        item
        for item in ledger.commissions.values()
        if (not q or _mentions(item, q))
        and (not status or item.status == status)
        and (not fulfilled or (fulfilled == "yes") == item.is_fulfilled)
        and (not promoter or str(item.membership.promoter.id) == promoter)
        and (not campaign or str(item.membership.campaign.id) == campaign)
        and _within(request, "created_at", item.created_at)
    ]
    return 200, [twin_views.commission_v2(item) for item in page(request, found)]


def _mentions(item: Commission, q: str) -> bool:
    """Whether the search finds a commission: by part of its event id, or by its referral."""
    referral = item.referral
    found = q in (item.event_id or "").lower()
    return found or (referral is not None and q in (referral.uid.lower(), referral.email.lower()))


def _within(request: Request, name: str, value: str | None) -> bool:
    """Whether a time lies in the range that the filter names; without a filter all do."""
    since, until = (request.query_params.get(f"filters[{name}][{end}]", "") for end in ("from", "to"))
    if not since and not until:
        return True
    return value is not None and (not since or value >= since) and (not until or value[: len(until)] <= until)


def number(value: str | None) -> int | None:
    """A number in text, or None."""
    return int(value) if value and value.isascii() and value.isdigit() else None


CALLS: tuple[tuple[str, str, Call], ...] = (
    ("GET", "/referrals", _list_referrals),
    ("GET", "/referrals/{id:path}", _get_referral),
    ("GET", "/promoters", _list_promoters),
    ("GET", "/promoters/{id:path}", _get_promoter),
    ("GET", "/commissions", _list_commissions),
)
