"""How the twin shows its books: API v2's objects, and v1's leads, promoters and rewards.

Fields without a value are left out where the vendor's description does not allow null.
"""

from __future__ import annotations

from affluent.apps.firstpromoter.twin_ledger import (
    ACCOUNT_CURRENCY,
    Campaign,
    Commission,
    Ledger,
    Membership,
    Promoter,
    Referral,
    Tracked,
)
from affluent.kit.jsons import JSONObject

COLOR = "#2563eb"


def tracked_v2(tracked: Tracked) -> JSONObject:
    """The answer to a sign-up or sale."""
    is_sale = tracked.kind == "sale"
    return {
        "id": tracked.id,
        "etype": tracked.kind,
        "sale_amount": tracked.account_amount if is_sale else None,
        "original_sale_amount": tracked.amount if is_sale else None,
        "original_sale_currency": _original(tracked.currency) if is_sale else None,
        "event_id": tracked.event_id,
        "plan_id": tracked.plan_id,
        "billing_period": None,
        "created_at": tracked.created_at,
        "referral": _brief(tracked.referral),
        "commissions": [commission_v2(tracked.commission)] if tracked.commission else [],
    }


def tracked_v1(tracked: Tracked) -> JSONObject:
    """The answer of v1; v2's description prints this shape for refunds and cancellations too."""
    amounts = {"sale": tracked.account_amount, "refund": -tracked.account_amount}
    return {
        "id": tracked.id,
        "type": tracked.kind,
        "amount_cents": amounts.get(tracked.kind),
        "reward": reward_v1(tracked.commission) if tracked.commission else None,
        "lead": lead_v1(tracked.referral),
        "promoter": promoter_v1(tracked.referral.membership),
    }


def commission_v2(commission: Commission) -> JSONObject:
    """A commission of v2."""
    referral, original = commission.referral, commission.original_amount
    return {
        "id": commission.id,
        "status": commission.status,
        "metadata": {},
        "is_self_referral": commission.is_self_referral,
        "commission_type": commission.kind,
        "created_by_user_email": None,
        "created_by_user_at": None,
        "sale_amount": commission.sale_amount,
        "original_sale_amount": commission.sale_amount if original is None else original,
        "original_sale_currency": _original(commission.original_currency),
        "event_id": commission.event_id,
        "plan_id": commission.plan_id,
        "tier": commission.tier,
        "internal_note": commission.internal_note,
        "external_note": commission.external_note,
        "unit": commission.unit,
        "fraud_check": referral.fraud_check if referral else "no_suspicion",
        "amount": commission.amount,
        "is_paid": commission.is_paid,
        "is_split": commission.is_split,
        "created_at": commission.created_at,
        "status_updated_at": commission.status_updated_at,
        "promoter_campaign": membership_v2(commission.membership),
        "referral": _brief(referral) if referral else None,
        "reward": {
            "id": commission.membership.campaign.id,
            "name": f"{commission.membership.campaign.percent}% of sales",
        },
    }


def membership_v2(membership: Membership) -> JSONObject:
    """A promoter campaign as other objects carry it."""
    return {
        "id": membership.id,
        "campaign_id": membership.campaign.id,
        "promoter_id": membership.promoter.id,
        "created_at": membership.created_at,
        "promoter": {
            "id": membership.promoter.id,
            "email": membership.promoter.email,
            "name": membership.promoter.name,
        },
        "campaign": _campaign_brief(membership.campaign),
    }


def referral_v2(referral: Referral) -> JSONObject:
    """A referral of v2."""
    return {
        **_brief(referral),
        "state": referral.state,
        "metadata": {},
        "entry_source": referral.entry_source,
        "created_at": referral.created_at,
        "customer_since": referral.customer_since,
        "promoter_campaign": membership_v2(referral.membership),
        "fraud_check": referral.fraud_check,
        "created_by_user_email": None,
        "username": None,
        "split_details": None,
        "first_name": None,
        "last_name": None,
        "website": None,
        "comment": None,
        "is_expired": False,
    }


def promoter_v2(promoter: Promoter, ledger: Ledger) -> JSONObject:
    """A promoter of v2, with balances from its commissions."""
    mine = [item for item in ledger.memberships.values() if item.promoter is promoter]
    earned = [item for item in ledger.commissions.values() if item.membership.promoter is promoter]
    referrals = [item for item in ledger.referrals.values() if item.membership.promoter is promoter]
    return {
        "id": promoter.id,
        "email": promoter.email,
        "name": promoter.name,
        "cust_id": promoter.cust_id,
        "note": promoter.note,
        "stats": {
            "clicks_count": 0,
            "referrals_count": len(referrals),
            "sales_count": sum(1 for item in earned if item.amount > 0),
            "customers_count": sum(1 for item in referrals if item.customer_since),
            "revenue_amount": sum(item.sale_amount for item in earned),
            "active_customers_count": sum(1 for item in referrals if item.state == "active"),
        },
        "profile": {"first_name": promoter.first_name, "last_name": promoter.last_name, "website": None},
        "joined_at": promoter.joined_at,
        "archived_at": promoter.archived_at,
        "custom_fields": None,
        "promoter_campaigns": [
            {
                "id": item.id,
                "campaign_id": item.campaign.id,
                "promoter_id": promoter.id,
                "state": item.state,
                "created_at": item.created_at,
                "campaign": _campaign_brief(item.campaign),
                "coupon": item.coupon,
                "ref_token": item.ref_token,
                "ref_link": _link(item),
            }
            for item in mine
        ],
        "balances": {
            unit: sum(item.amount for item in earned if item.unit == unit and item.status == "approved")
            for unit in ("cash", "credits", "points", "free_months")
        },
    }


def promoter_whole_v2(promoter: Promoter, ledger: Ledger) -> JSONObject:
    """A promoter as it is answered alone: with its parent."""
    return {**promoter_v2(promoter, ledger), "parent_promoter": _parent(promoter, ledger)}


def campaign_v2(campaign: Campaign, ledger: Ledger) -> JSONObject:
    """A campaign of v2."""
    members = [item for item in ledger.memberships.values() if item.campaign is campaign]
    return {
        **_campaign_brief(campaign),
        "stats": {"promoters_count": len(members)},
        "visitor_cookie_life": 60,
        "ref_token_param": "?fpr",
        "auto_approve_leads": campaign.auto_approve,
        "auto_approve_promoters": True,
        "is_private": False,
        "is_default": campaign.is_default,
    }


def lead_v1(referral: Referral) -> JSONObject:
    """A lead of v1."""
    return _known(
        id=referral.id,
        state={"refunded": "active", "moved": "signup", "pending": "signup"}.get(referral.state, referral.state),
        email=referral.email or None,
        uid=referral.uid or None,
        customer_since=referral.customer_since,
        cancelled_at=referral.cancelled_at,
        suspicion=referral.fraud_check,
        created_at=referral.created_at,
    )


def lead_shown_v1(referral: Referral) -> JSONObject:
    """A lead of v1 with its promotion and promoter."""
    promotion = promotion_v1(referral.membership)
    return {**lead_v1(referral), "promotion": promotion, "promoter": promoter_v1(referral.membership)}


def promotion_v1(membership: Membership) -> JSONObject:
    """A promotion of v1."""
    return {
        "id": membership.id,
        "status": "offer_inactive" if membership.state != "accepted" else "offer_active",
        "ref_id": membership.ref_token,
        "promo_code": membership.coupon,
        "promoter_id": membership.promoter.id,
        "campaign_id": membership.campaign.id,
        "campaign_name": membership.campaign.name,
        "referral_link": _link(membership),
        "hidden": False,
    }


def promoter_v1(membership: Membership) -> JSONObject:
    """A promoter of v1; it carries a token that must never be logged."""
    promoter = membership.promoter
    states = {"accepted": "approved", "pending": "pending"}
    return _known(
        id=promoter.id,
        status=states.get(membership.state, "denied"),
        cust_id=promoter.cust_id,
        email=promoter.email,
        created_at=promoter.joined_at,
        default_promotion_id=membership.id,
        pref=membership.ref_token,
        default_ref_id=membership.ref_token,
        earnings_balance={"cash": 0},
        current_balance={"cash": 0},
        paid_balance={"cash": 0},
        auth_token=f"auth-token-of-{promoter.id}",
    )


def reward_v1(commission: Commission) -> JSONObject:
    """A reward of v1."""
    return _known(
        id=commission.id,
        status=commission.status,
        amount=commission.amount,
        unit=commission.unit,
        created_at=commission.created_at,
        lead=lead_v1(commission.referral) if commission.referral else None,
        event_id=commission.event_id,
        conversion_amount=commission.sale_amount,
        tier_level=commission.tier,
    )


def _brief(referral: Referral) -> JSONObject:
    return {"id": referral.id, "email": referral.email, "uid": referral.uid}


def _campaign_brief(campaign: Campaign) -> JSONObject:
    return {"id": campaign.id, "name": campaign.name, "color": COLOR}


def _parent(promoter: Promoter, ledger: Ledger) -> JSONObject | None:
    parent = ledger.promoters.get(promoter.parent_id or 0)
    return {"id": parent.id, "email": parent.email, "name": parent.name} if parent else None


def _link(membership: Membership) -> str:
    return f"https://product.example/?fpr={membership.ref_token}"


def _original(currency: str) -> str | None:
    return None if currency == ACCOUNT_CURRENCY else currency


def _known(**values: object) -> JSONObject:
    return {name: value for name, value in values.items() if value is not None}
