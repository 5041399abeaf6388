"""Promo codes and campaigns: the codes that customers type, and what promoters can earn in."""

from __future__ import annotations

from pydantic import Field

from affluent.apps.firstpromoter import client, pages
from affluent.apps.firstpromoter.client import Ctx, filled
from affluent.apps.firstpromoter.pages import PageInput
from affluent.kit.jsons import JSONObject
from affluent.sdk import FOREVER, App, AppError, Effect, InputModel, NotApplicable, OutputModel, Response


class PromoCodeRef(InputModel):
    """Which promo code."""

    promo_code_id: int = Field(title="Promo code id", description="FirstPromoter's number of the code.")


class PromoCodeList(PageInput):
    """Which promo codes are wanted."""

    promoter_campaign_id: int | None = Field(
        None, title="Promoter campaign id", description="Only codes of this promoter in this campaign."
    )


class NewPromoCode(InputModel):
    """A promo code to be added. FirstPromoter makes codes for Stripe only; others belong on the promoter campaign."""

    code: str = Field(title="Code", description="What customers type.", min_length=1)
    reward_id: int = Field(title="Reward id", description="FirstPromoter's number of the discount.")
    promoter_campaign_id: int = Field(title="Promoter campaign id", description="Whose code it is.")
    description: str = Field("", title="Description", description="For ourselves.")


class PromoCodeChanges(PromoCodeRef):
    """What changes of a promo code; fields left empty stay as they are."""

    code: str = Field("", title="Code", description="What customers type.")
    description: str = Field("", title="Description", description="For ourselves.")
    promoter_campaign_id: int | None = Field(None, title="Promoter campaign id", description="Whose code it becomes.")


class PromoCode(OutputModel):
    """A promo code."""

    promo_code_id: int
    code: str | None = None
    description: str | None = None
    promoter_campaign_id: int | None = None
    archived_at: str | None = None


class PromoCodePage(OutputModel):
    """A page of promo codes."""

    promo_codes: list[PromoCode]
    next_page: int | None = None


class Campaign(OutputModel):
    """A campaign."""

    campaign_id: int
    name: str | None = None
    is_default: bool | None = None


class CampaignPage(OutputModel):
    """A page of campaigns."""

    campaigns: list[Campaign]
    next_page: int | None = None


def declare(app: App) -> None:
    """Declare the actions of promo codes and campaigns."""
    app.action("list_promo_codes", title="List promo codes", effect=Effect.READ, sample="list_promo_codes.json")(
        list_promo_codes
    )
    app.action(
        "get_promo_code",
        title="Get a promo code",
        effect=Effect.READ,
        sample="get_promo_code.json",
        faults={404: _gone},
    )(get_promo_code)
    app.action(
        "create_promo_code", title="Create a promo code", effect=Effect.WRITE, sample="create_promo_code.json",
        key_field="code", same=("promoter_campaign_id",), look_up=find_created,
    )(create_promo_code)  # fmt: skip
    app.action(
        "update_promo_code",
        title="Update a promo code",
        effect=Effect.IDEMPOTENT_WRITE,
        sample="update_promo_code.json",
        key_lasts=FOREVER,
    )(update_promo_code)
    app.action(
        "archive_promo_code",
        title="Archive a promo code",
        effect=Effect.IDEMPOTENT_WRITE,
        sample="archive_promo_code.json",
        key_lasts=FOREVER,
        faults={404: _gone},
    )(archive_promo_code)
    app.action("list_campaigns", title="List campaigns", effect=Effect.READ, sample="list_campaigns.json")(
        list_campaigns
    )


async def list_promo_codes(ctx: Ctx, wanted: PromoCodeList) -> PromoCodePage:
    """One page of promo codes."""
    client.needs_v2(ctx, "Listing promo codes")
    filters = {"promoter_campaign_id": wanted.promoter_campaign_id}
    found, next_page = await pages.read(ctx, "/company/promo_codes", wanted, filters)
    return PromoCodePage(promo_codes=[_code(item) for item in found], next_page=next_page)


async def get_promo_code(ctx: Ctx, which: PromoCodeRef) -> PromoCode:
    """Get a promo code by its number."""
    client.needs_v2(ctx, "Reading a promo code")
    return _code(client.document(await ctx.http.request("GET", f"/company/promo_codes/{which.promo_code_id}")))


async def create_promo_code(ctx: Ctx, new: NewPromoCode) -> PromoCode:
    """Add a promo code for a promoter (FirstPromoter does this for Stripe only)."""
    client.needs_v2(ctx, "Creating a promo code")
    response = await ctx.http.request("POST", "/company/promo_codes", json=filled(new.model_dump()))
    return _code(client.document(response))


async def find_created(ctx: Ctx, new: NewPromoCode) -> PromoCode | None:
    """The promoter's code, when it is there."""
    query = {"promoter_campaign_id": new.promoter_campaign_id}
    found = client.rows(await ctx.http.request("GET", "/company/promo_codes", query=query, is_read=True))
    return next((_code(item) for item in found if item.get("code") == new.code), None)


async def update_promo_code(ctx: Ctx, changes: PromoCodeChanges) -> PromoCode:
    """Change a promo code."""
    client.needs_v2(ctx, "Changing a promo code")
    fields = filled(changes.model_dump(exclude={"promo_code_id"}))
    return _code(
        client.document(await ctx.http.request("PUT", f"/company/promo_codes/{changes.promo_code_id}", json=fields))
    )


async def archive_promo_code(ctx: Ctx, which: PromoCodeRef) -> PromoCode:
    """Archive a promo code: it refers nobody any more."""
    client.needs_v2(ctx, "Archiving a promo code")
    await ctx.http.request("DELETE", f"/company/promo_codes/{which.promo_code_id}")
    return PromoCode(promo_code_id=which.promo_code_id)


async def list_campaigns(ctx: Ctx, wanted: PageInput) -> CampaignPage:
    """One page of campaigns, for the names and numbers that other steps need."""
    client.needs_v2(ctx, "Listing campaigns")
    found, next_page = await pages.read(ctx, "/company/campaigns", wanted, {})
    campaigns = [Campaign.model_validate({**item, "campaign_id": item["id"]}) for item in found]
    return CampaignPage(campaigns=campaigns, next_page=next_page)


def _gone(response: Response) -> AppError:
    if client.said(response):
        return NotApplicable("FirstPromoter knows no such promo code.", status=404)
    return client.wrong_address(response)


def _code(item: JSONObject) -> PromoCode:
    return PromoCode.model_validate({**item, "promo_code_id": item["id"]})
