"""The twin's management calls of API v1: leads, promoters and rewards."""

from __future__ import annotations

import secrets
from typing import TypeVar

from starlette.requests import Request

from affluent.apps.firstpromoter import twin_views
from affluent.apps.firstpromoter.twin_ledger import (
    Commission,
    Ledger,
    Membership,
    Person,
    Promoter,
    Referral,
    Refusal,
    time_now,
)
from affluent.apps.firstpromoter.twin_track import Answer, Call
from affluent.kit.jsons import JSONObject

T = TypeVar("T")
NO_LEAD = "Lead not found"
NO_PROMOTER = "Promoter not found"


def _show_lead(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    return 200, twin_views.lead_shown_v1(_lead(ledger, fields))


def _list_leads(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    found = [item for item in ledger.seen() if _matches(item.membership, fields)]
    return 200, [twin_views.lead_shown_v1(item) for item in _page(found, fields)]


def _update_lead(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    lead = _lead(ledger, fields)
    lead.uid, lead.email = fields.get("new_uid") or lead.uid, fields.get("new_email") or lead.email
    lead.state = fields.get("state") or lead.state
    if fields.get("new_ref_id"):
        lead.membership = _by_token(ledger, fields["new_ref_id"])
    ledger.index(lead)
    return 200, twin_views.lead_shown_v1(lead)


def _list_promoters(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    found = [_promoter(ledger, item) for item in ledger.memberships.values() if _matches(item, fields)]
    return 200, _page(found, fields)


def _show_promoter(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    for item in ledger.memberships.values():
        promoter = item.promoter
        known = {
            "id": str(promoter.id), "cust_id": promoter.cust_id, "promoter_email": promoter.email, "ref_id": item.ref_token,
        }  # fmt: skip
        if any(fields.get(name) == value for name, value in known.items() if fields.get(name)):
            return 200, _promoter(ledger, item)
    raise Refusal(404, {"error": NO_PROMOTER})


def _create_promoter(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    email = fields.get("email") or ""
    if any(item.email == email for item in ledger.promoters.values()):
        raise Refusal(422, {"company_user.user.email": ["has already been taken"]})
    promoter = Promoter(
        id=next(ledger.ids), email=email, first_name=fields.get("first_name") or "", last_name=fields.get("last_name") or "",
        cust_id=fields.get("cust_id"), joined_at=time_now(),
    )  # fmt: skip
    campaign = ledger.campaigns[int(fields.get("campaign_id") or 1)]
    owner = Membership(
        id=next(ledger.ids), campaign=campaign, promoter=promoter, ref_token=fields.get("ref_id") or f"ref{promoter.id}",
        created_at=time_now(),
    )  # fmt: skip
    ledger.promoters[promoter.id], ledger.memberships[owner.id] = promoter, owner
    return 200, _promoter(ledger, owner)


def _update_promoter(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    for owner in ledger.memberships.values():
        if str(owner.promoter.id) == fields.get("id"):
            promoter = owner.promoter
            promoter.email, promoter.cust_id = (
                fields.get("email") or promoter.email,
                fields.get("new_cust_id") or promoter.cust_id,
            )
            promoter.first_name = fields.get("first_name") or promoter.first_name
            promoter.last_name = fields.get("last_name") or promoter.last_name
            return 200, _promoter(ledger, owner)
    raise Refusal(404, {"error": NO_PROMOTER})


def _add_to_campaign(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    owner = _first_place(ledger, fields)
    campaign = ledger.campaigns[int(fields["campaign_id"])]
    made = Membership(
        id=next(ledger.ids), campaign=campaign, promoter=owner.promoter, ref_token=f"{owner.ref_token}-{campaign.id}",
        created_at=time_now(),
    )  # fmt: skip
    ledger.memberships[made.id] = made
    return 200, _promoter(ledger, owner)


def _move_to_campaign(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    owner = _first_place(ledger, fields, campaign_id=int(fields["source_campaign_id"]))
    owner.campaign = ledger.campaigns[int(fields["destination_campaign_id"])]
    return 200, _promoter(ledger, owner)


def _refresh_token(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    _first_place(ledger, fields)
    return 200, {"auth_token": secrets.token_urlsafe(24)}


def _first_place(ledger: Ledger, fields: JSONObject, *, campaign_id: int = 0) -> Membership:
    for item in ledger.memberships.values():
        if str(item.promoter.id) == fields.get("id") and campaign_id in (0, item.campaign.id):
            return item
    raise Refusal(404, {"error": NO_PROMOTER})


def _delete_lead(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    lead = _lead(ledger, fields)
    del ledger.referrals[lead.id]
    ledger.by_uid.pop(lead.uid, None)
    ledger.by_email.pop(lead.email.lower(), None)
    return 200, {"message": "Lead deleted"}


def _promoter(ledger: Ledger, owner: Membership) -> JSONObject:
    promoter = owner.promoter
    promotions = [twin_views.promotion_v1(each) for each in ledger.memberships.values() if each.promoter is promoter]
    names = {"first_name": promoter.first_name, "last_name": promoter.last_name}
    return {**twin_views.promoter_v1(owner), "profile": names, "promotions": promotions}


def _list_rewards(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    found = [item for item in ledger.commissions.values() if _matches(item.membership, fields)]
    return 200, [_reward(item) for item in _page(found, fields)]


def _reward(item: Commission) -> JSONObject:
    owner = item.membership
    return {
        **twin_views.reward_v1(item),
        "promoter": twin_views.promoter_v1(owner),
        "promotion": twin_views.promotion_v1(owner),
    }


def _update_reward(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    for item in ledger.commissions.values():
        if str(item.id) == fields.get("id") or (item.event_id and item.event_id == fields.get("event_id")):
            item.status = fields.get("status") or item.status
            return 200, twin_views.reward_v1(item)
    raise Refusal(422, {"error": "Reward not found"})


def _page(found: list[T], fields: JSONObject) -> list[T]:
    """The page that was asked for, of 20 unless said otherwise."""
    size, number = int(fields.get("per_page") or 20), int(fields.get("page") or 1)
    return found[(number - 1) * size : number * size]


def _lead(ledger: Ledger, fields: JSONObject) -> Referral:
    number = str(fields.get("id") or "")
    found = ledger.referrals.get(int(number)) if number.isdigit() else None
    found = found or ledger.find(Person(uid=fields.get("uid") or "", email=fields.get("email") or ""))
    if found is None:
        raise Refusal(404, {"error": NO_LEAD})
    return found


def _by_token(ledger: Ledger, token: str) -> Membership:
    found = next((item for item in ledger.memberships.values() if item.ref_token == token), None)
    if found is None:
        raise Refusal(404, {"error": NO_PROMOTER})
    return found


def _matches(item: Membership, fields: JSONObject) -> bool:
    known = {
        "promotion_id": item.id, "ref_id": item.ref_token, "promoter_id": item.promoter.id, "campaign_id": item.campaign.id,
    }  # fmt: skip
    return all(str(value) == fields[name] for name, value in known.items() if fields.get(name))


CALLS: tuple[tuple[str, str, Call], ...] = (
    ("GET", "/leads/show", _show_lead),
    ("GET", "/leads/list", _list_leads),
    ("PUT", "/leads/update", _update_lead),
    ("DELETE", "/leads/delete", _delete_lead),
    ("GET", "/promoters/list", _list_promoters),
    ("GET", "/promoters/show", _show_promoter),
    ("POST", "/promoters/create", _create_promoter),
    ("PUT", "/promoters/update", _update_promoter),
    ("POST", "/promoters/add_to_campaign", _add_to_campaign),
    ("POST", "/promoters/move_to_campaign", _move_to_campaign),
    ("PUT", "/promoters/refresh_token", _refresh_token),
    ("GET", "/rewards/list", _list_rewards),
    ("PUT", "/rewards/update", _update_reward),
)
