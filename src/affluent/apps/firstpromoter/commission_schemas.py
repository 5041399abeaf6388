"""Commissions: what is asked of them and what is answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from affluent.apps.firstpromoter.pages import PageInput
from affluent.apps.firstpromoter.schemas import Attribution, Email, Uid
from affluent.sdk import InputModel, OutputModel

EventId = Annotated[
    str,
    Field(
        title="Event id",
        description="Your id of it. A commission with this id that exists already is not created again.",
        min_length=1,
        max_length=255,
    ),
]
Unit = Literal["cash", "credits", "points", "free_months", "mon_discount", "discount_per"]


class _New(InputModel):
    event_id: EventId
    event_date: str = Field("", title="Date", description="ISO 8601; may lie in the past. Empty: now.")
    billing_period: Literal["", "monthly", "yearly", "one_time"] = Field(
        "", title="Billing period", description="For rewards that depend on it."
    )
    unit: Unit = Field("cash", title="Unit", description="What the reward is counted in.")
    notify_promoter: bool = Field(default=False, title="Notify the promoter", description="By e-mail.")
    internal_note: str = Field("", title="Internal note", description="Only we see it.")
    external_note: str = Field("", title="Note for the promoter", description="The promoter sees it.")


class SaleCommission(_New):
    """A commission for a sale that was not tracked."""

    referral_id: int | None = Field(None, title="Referral id", description="Empty: found by customer id or e-mail.")
    uid: Uid = ""
    email: Email = ""
    sale_amount: int = Field(
        title="Sale amount", description="Net, in minor units of FirstPromoter's account currency.", gt=0
    )
    plan_id: int | None = Field(None, title="Plan", description="FirstPromoter's number of the plan, for plan rewards.")


class CustomCommission(_New):
    """A bonus for a promoter."""

    promoter_campaign_id: int = Field(
        title="Promoter campaign id", description="Who gets it: the number of the promoter's place in a campaign."
    )
    amount: int = Field(
        title="Amount", description="Cash in minor units of the account currency, other units as they are."
    )


class CommissionNotes(InputModel):
    """New notes."""

    commission_id: int = Field(title="Commission id", description="FirstPromoter's number of the commission.")
    internal_note: str = Field("", title="Internal note", description="Only we see it.")
    external_note: str = Field("", title="Note for the promoter", description="The promoter sees it.")


class CommissionIds(InputModel):
    """Which commissions."""

    commission_ids: list[int] = Field(
        title="Commission ids", description="FirstPromoter's numbers.", min_length=1, max_length=100
    )


class CommissionList(PageInput):
    """Which commissions are wanted."""

    q: str = Field("", title="Search", description="Event id, or e-mail or uid of the referral. API v2 only.")
    status: Literal["", "pending", "approved", "denied"] = Field("", title="Status", description="API v2 only.")
    fulfilled: Literal["", "yes", "no"] = Field("", title="Fulfilled", description="API v2 only.")
    promoter_id: int | None = Field(None, title="Promoter id", description="Only of this promoter.")
    campaign_id: int | None = Field(None, title="Campaign id", description="Only of this campaign.")
    created_from: str = Field("", title="Created from", description="Day, YYYY-MM-DD. API v2 only.")
    created_to: str = Field("", title="Created until", description="Day, YYYY-MM-DD. API v2 only.")


class Commission(Attribution):
    """A commission."""

    commission_id: int
    status: str | None = None
    amount: int | None = None
    """Negative for a refund. Cash in minor units of the account currency."""
    unit: str | None = None
    sale_amount: int | None = None
    event_id: str | None = None
    created_at: str | None = None


class CommissionPage(OutputModel):
    """A page of commissions."""

    commissions: list[Commission]
    next_page: int | None = None
    """None: this was the last page."""
