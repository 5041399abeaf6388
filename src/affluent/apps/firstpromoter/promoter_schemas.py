"""Promoters as FirstPromoter answers them, in both API versions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from affluent.apps.firstpromoter.pages import PageInput
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.sdk import InputModel, OutputModel

PromoterIds = Annotated[
    list[int],
    Field(title="Promoter ids", description="FirstPromoter's numbers of the promoters.", min_length=1, max_length=100),
]
CampaignId = Annotated[int, Field(title="Campaign id", description="FirstPromoter's number of the campaign.")]


class _Person(InputModel):
    cust_id: str = Field(
        "", title="Customer id (cust_id)", description="Our own id of the promoter, by rule an account id."
    )
    first_name: str = Field("", title="First name", description="Shown to the promoter.")
    last_name: str = Field("", title="Last name", description="Shown to the promoter.")
    website: str = Field("", title="Website", description="Where the promoter promotes.")
    company_name: str = Field("", title="Company", description="Company of the promoter.")
    country: str = Field("", title="Country", description="Two letters, ISO 3166.", pattern="^([A-Za-z]{2})?$")

    def profile(self) -> JSONObject:
        """The fields that v2 keeps in the profile."""
        names = ("first_name", "last_name", "website", "company_name", "country")
        return {name: value for name in names if (value := getattr(self, name))}


class NewPromoter(_Person):
    """A promoter to be added."""

    email: str = Field(title="E-mail", description="E-mail of the promoter; nobody else may have it.", min_length=3)
    campaign_id: int | None = Field(None, title="Campaign id", description="Empty: the default campaign.")
    welcome: bool = Field(default=True, title="Send a welcome e-mail", description="FirstPromoter sends it.")
    approve: bool = Field(default=True, title="Approve at once", description="False: the promoter waits for approval.")


class PromoterChanges(_Person):
    """What changes of a promoter; fields left empty stay as they are."""

    promoter_id: int = Field(title="Promoter id", description="FirstPromoter's number of the promoter.")
    email: str = Field("", title="E-mail", description="New e-mail.")


class PromoterList(PageInput):
    """Which promoters are wanted."""

    q: str = Field("", title="Search", description="Part of a name or e-mail. API v2 only.")
    campaign_id: int | None = Field(None, title="Campaign id", description="Only promoters of this campaign.")


class PromoterRef(InputModel):
    """Which promoter."""

    promoter_id: int = Field(title="Promoter id", description="FirstPromoter's number of the promoter.")


class RenewedPromoter(OutputModel):
    """A promoter whose token was made new."""

    promoter_id: int


class Promoters(InputModel):
    """Which promoters."""

    promoter_ids: PromoterIds


class PromotersOfCampaign(Promoters):
    """Which promoters, in which campaign."""

    campaign_id: CampaignId


class PromoterMove(Promoters):
    """Which promoters, from where to where."""

    from_campaign_id: int = Field(title="From campaign", description="Number of the campaign they leave.")
    to_campaign_id: int = Field(title="To campaign", description="Number of the campaign they join.")
    move_referrals: bool = Field(
        default=True, title="Move their referrals", description="Their referrals move along, without new rewards."
    )


class PromoterParent(Promoters):
    """Which promoters were recruited by whom."""

    parent_promoter_id: int = Field(
        title="Parent promoter id", description="Number of the promoter who recruited them."
    )


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


class PromoterPage(OutputModel):
    """A page of promoters."""

    promoters: list[Promoter]
    next_page: int | None = None
    """None: this was the last page."""


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
