"""FirstPromoter's triggers: what happens to referrals, commissions, promoters and promoter campaigns."""

from __future__ import annotations

from pydantic import BaseModel, Field

from affluent.apps.firstpromoter import money
from affluent.apps.firstpromoter.lists import listing_of
from affluent.apps.firstpromoter.webhooks import V1_TYPES
from affluent.sdk import OutputModel, Subject, Trigger, TriggerKind


class Named(OutputModel):
    """A promoter or campaign as other objects carry it."""

    id: int | None = None
    name: str | None = None
    email: str | None = None


class PromoterCampaign(OutputModel):
    """One promoter in one campaign."""

    id: int | None = None
    campaign_id: int | None = None
    promoter_id: int | None = None
    promoter: Named | None = None
    campaign: Named | None = None
    state: str | None = None
    ref_token: str | None = None
    coupon: str | None = None


class ReferralBrief(OutputModel):
    """A referral as commissions carry it."""

    id: int | None = None
    email: str | None = None
    uid: str | None = None


class ReferralData(ReferralBrief):
    """A referral."""

    state: str | None = None
    created_at: str | None = None
    customer_since: str | None = None
    promoter_campaign: PromoterCampaign | None = None


class CommissionData(OutputModel):
    """A commission. Amounts are minor units of FirstPromoter's account currency when the unit is cash."""

    id: int
    status: str | None = None
    amount: int | None = None
    unit: str | None = None
    sale_amount: int | None = None
    original_sale_amount: int | None = None
    original_sale_currency: str | None = None
    event_id: str | None = None
    plan_id: str | None = None
    created_at: str | None = None
    referral: ReferralBrief | None = None
    promoter_campaign: PromoterCampaign | None = None


class PromoterData(OutputModel):
    """A promoter."""

    id: int
    email: str | None = None
    name: str | None = None
    cust_id: str | None = None
    joined_at: str | None = None


class _Event(OutputModel):
    event_id: str
    event_type: str
    action: str | None = None
    entity_id: int | None = None
    changes: dict[str, object] | None = Field(None, description="Field → [before, after].")
    timestamp: str | None = None


class ReferralEvent(_Event):
    """Something happened to a referral."""

    data: ReferralData


class CommissionEvent(_Event):
    """Something happened to a commission."""

    data: CommissionData


class PromoterEvent(_Event):
    """Something happened to a promoter."""

    data: PromoterData


class PromoterCampaignEvent(_Event):
    """Something happened to a promoter's place in a campaign."""

    data: PromoterCampaign


_SUBJECTS = {
    "referral": Subject(account="data.uid", title="data.email"),
    "commission": Subject(account="data.referral.uid", title="data.event_id", name="data.referral.email"),
    "promoter": Subject(account="data.cust_id", title="data.name"),
    "promoter_campaign": Subject(title="data.promoter.name", name="data.campaign.name"),
}
_OUTPUTS: dict[str, type[BaseModel]] = {
    "referral": ReferralEvent,
    "commission": CommissionEvent,
    "promoter": PromoterEvent,
    "promoter_campaign": PromoterCampaignEvent,
}
_FACTS = {"referral": money.referral_event, "commission": money.commission_event}
_EVENTS = (
    ("referral.created", "Referral created", "Somebody signed up through a promoter."),
    ("referral.converted", "Referral converted", "A referral paid for the first time and became a customer."),
    ("referral.cancelled", "Referral cancelled", "A referred customer left."),
    ("referral.updated", "Referral updated", "A referral changed; `changes` says what."),
    ("referral.moved", "Referral moved", "A referral was moved to another promoter."),
    ("referral.deleted", "Referral deleted", "A referral was removed."),
    ("commission.created", "Commission created", "A promoter earned a commission, approved or pending."),
    ("commission.approved", "Commission approved", "A commission may be paid or fulfilled."),
    ("commission.pending", "Commission pending", "A commission waits for approval."),
    ("commission.denied", "Commission denied", "A commission was refused."),
    ("commission.updated", "Commission updated", "A commission changed; `changes` says what."),
    ("commission.deleted", "Commission deleted", "A commission was removed."),
    ("promoter.created", "Promoter created", "A promoter signed up or was added."),
    ("promoter.updated", "Promoter updated", "A promoter changed; `changes` says what."),
    ("promoter.balance.updated", "Promoter balance updated", "What a promoter has earned changed."),
    ("promoter.deleted", "Promoter deleted", "A promoter was removed."),
    ("promoter_campaign.created", "Promoter joined a campaign", "A promoter was added to a campaign."),
    ("promoter_campaign.accepted", "Promoter accepted", "A promoter was accepted in a campaign."),
    ("promoter_campaign.pending", "Promoter pending", "A promoter waits to be accepted in a campaign."),
    ("promoter_campaign.rejected", "Promoter rejected", "A promoter was refused in a campaign."),
    ("promoter_campaign.blocked", "Promoter blocked", "A promoter was blocked; all tracking stopped, renewals too."),
    ("promoter_campaign.inactive", "Promoter suspended", "A promoter gets no new referrals in a campaign."),
    ("promoter_campaign.updated", "Promoter campaign updated", "Referral id, coupon or rewards of a promoter changed."),
)


def _trigger(event: str, title: str, description: str) -> Trigger:
    key, entity = event.replace(".", "_"), event.split(".", maxsplit=1)[0]
    return Trigger(
        key=key,
        title=title,
        description=description,
        kind=TriggerKind.WEBHOOK,
        event=event,
        sample=f"{key}.json",
        output=_OUTPUTS[entity],
        subject=_SUBJECTS[entity],
        listing=listing_of(event),
        facts=_FACTS.get(entity),
        aliases=tuple(legacy for legacy, modern in V1_TYPES.items() if modern == event),
    )


_SETTLED = Trigger(
    key="commission_settled",
    title="Commission approved or taken back",
    description="A commission was approved, denied, changed or removed: what its promoter has earned is another amount.",
    kind=TriggerKind.WEBHOOK,
    event="commission.settled",
    of=("commission.created", "commission.approved", "commission.denied", "commission.updated", "commission.deleted"),
    sample="commission_approved.json",
    output=CommissionEvent,
    subject=_SUBJECTS["commission"],
    listing=listing_of("commission.approved"),
    facts=money.commission_event,
)
TRIGGERS = (*(_trigger(*event) for event in _EVENTS), _SETTLED)
