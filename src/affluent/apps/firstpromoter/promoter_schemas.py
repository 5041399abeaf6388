"""Promoters as FirstPromoter answers them, in both API versions."""

from __future__ import annotations

from pydantic import Field

from affluent.kit.jsons import JSONObject, JSONValue
from affluent.sdk import OutputModel


class Membership(OutputModel):
    """A promoter's place in one campaign: it owns the referral id, the coupon and the state."""

    promoter_campaign_id: int
    campaign_id: int | None = None
    campaign_name: str | None = None
    state: str | None = None
    ref_id: str | None = None
    coupon: str | None = None
    link: str | None = None


class Promoter(OutputModel):
    """A promoter."""

    promoter_id: int
    email: str | None = None
    name: str | None = None
    cust_id: str | None = None
    archived_at: str | None = None
    balances: dict[str, int | float | None] = Field(default_factory=dict)
    """Unit → balance, cash in minor units of the account currency."""
    campaigns: list[Membership] = Field(default_factory=list)
    campaign_id: int | None = None
    """The first campaign's, as are the next three."""
    promoter_campaign_id: int | None = None
    state: str | None = None
    ref_id: str | None = None


def promoter_of(body: JSONObject) -> Promoter:
    """A promoter of v2, or of v1 (whose passwords and tokens are left out)."""
    profile = _object(body.get("profile"))
    names = [profile.get("first_name"), profile.get("last_name")]
    campaigns = [_membership(item) for item in body.get("promoter_campaigns") or body.get("promotions") or []]
    first = campaigns[0] if campaigns else None
    return Promoter(
        promoter_id=body["id"],
        email=body.get("email"),
        name=body.get("name") or " ".join(name for name in names if name) or None,
        cust_id=body.get("cust_id"),
        archived_at=body.get("archived_at"),
        balances=_object(body.get("balances") or body.get("current_balance")),
        campaigns=campaigns,
        campaign_id=first.campaign_id if first else None,
        promoter_campaign_id=first.promoter_campaign_id if first else None,
        state=first.state if first else body.get("status"),
        ref_id=first.ref_id if first else body.get("default_ref_id"),
    )


def _membership(item: JSONObject) -> Membership:
    campaign = _object(item.get("campaign"))
    return Membership(
        promoter_campaign_id=item["id"],
        campaign_id=item.get("campaign_id"),
        campaign_name=campaign.get("name") or item.get("campaign_name"),
        state=item.get("state") or item.get("status"),
        ref_id=item.get("ref_token") or item.get("ref_id"),
        coupon=item.get("coupon") or item.get("promo_code"),
        link=item.get("ref_link") or item.get("referral_link"),
    )


def _object(value: JSONValue) -> JSONObject:
    return value if isinstance(value, dict) else {}
