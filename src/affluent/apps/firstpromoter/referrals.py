"""Referrals: who referred a customer, found by uid or e-mail in both API versions."""

from __future__ import annotations

from urllib.parse import quote

from affluent.apps.firstpromoter import client
from affluent.apps.firstpromoter.client import Ctx
from affluent.apps.firstpromoter.schemas import Referral, ReferralSearch
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.sdk import AppError, NotApplicable, Rejected, Response


async def find_referral(ctx: Ctx, search: ReferralSearch) -> Referral:
    """Find the referral of a customer by uid, e-mail or FirstPromoter's number, and who referred it."""
    if not (search.uid or search.email or search.referral_id):
        raise Rejected("Fill in the customer id, the e-mail or the referral id.", field="uid")
    found = await find(ctx, uid=search.uid, email=search.email, referral_id=search.referral_id)
    if found is None:
        raise NotApplicable("Not referred: FirstPromoter knows no referral of this customer.")
    return found


async def find(ctx: Ctx, *, uid: str = "", email: str = "", referral_id: int | None = None) -> Referral | None:
    """The referral, or None. The stable uid is asked before the e-mail."""
    for by, value in (("id", referral_id), ("uid", uid), ("email", email)):
        if value:
            found = await _one(ctx, by, str(value))
            if found is not None:
                return found
    return None


async def _one(ctx: Ctx, by: str, value: str) -> Referral | None:
    if client.is_v2(ctx.credentials):
        # Values stand in the path: dots and plus signs of e-mails survive only URL-encoded.
        path = f"/company/referrals/{quote(value, safe='')}"
        response = await ctx.http.request(
            "GET", path, query={} if by == "id" else {"find_by": by}, faults={404: _nobody}, is_read=True
        )
    else:
        response = await ctx.http.request("GET", "/leads/show", query={by: value}, faults={404: _nobody}, is_read=True)
    return None if response.status == 404 else referral_of(client.document(response))


def _nobody(response: Response) -> AppError | None:
    """404 means nobody, with or without a body (v2 documents none); a page in HTML means a wrong address."""
    return client.wrong_address(response) if "html" in response.headers.get("content-type", "") else None


def referral_of(body: JSONObject) -> Referral:
    """A referral of v2 or a lead of v1."""
    return Referral(
        **attribution(body, membership_of(body), body.get("promoter")),
        state=body.get("state") or body.get("status"),
        created_at=body.get("created_at"),
        customer_since=body.get("customer_since"),
    )


def membership_of(body: JSONObject) -> JSONObject:
    """The promoter campaign (v2) or promotion (v1) inside a referral, commission or reward."""
    found = body.get("promoter_campaign") or body.get("promotion")
    return found if isinstance(found, dict) else {}


def attribution(person: JSONValue, membership: JSONObject, promoter: JSONValue = None) -> JSONObject:
    """The fields of schemas.Attribution, from a referral or lead, a promoter campaign and a promoter."""
    known, who = _object(person), _object(promoter) or _object(membership.get("promoter"))
    campaign = _object(membership.get("campaign"))
    return {
        "referral_id": known.get("id"),
        "uid": known.get("uid"),
        "email": known.get("email"),
        "promoter_id": who.get("id") or membership.get("promoter_id"),
        "promoter_email": who.get("email"),
        "promoter_name": who.get("name"),
        "promoter_campaign_id": membership.get("id") or who.get("default_promotion_id"),
        "campaign_id": membership.get("campaign_id") or campaign.get("id"),
        "campaign_name": campaign.get("name") or membership.get("campaign_name"),
    }


def _object(value: JSONValue) -> JSONObject:
    return value if isinstance(value, dict) else {}
