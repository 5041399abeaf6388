"""Managing referrals: listing, adding, changing, moving, removing."""

from __future__ import annotations

from pydantic import Field

from affluent.apps.firstpromoter import batches, client, pages, referrals
from affluent.apps.firstpromoter.batches import Batch
from affluent.apps.firstpromoter.client import Ctx, filled
from affluent.apps.firstpromoter.pages import PageInput
from affluent.apps.firstpromoter.schemas import Email, Referral, Uid
from affluent.sdk import FOREVER, App, Effect, InputModel, NotApplicable, OutputModel, Rejected


class NewReferral(InputModel):
    """A referral to be added by hand."""

    promoter_campaign_id: int = Field(
        title="Promoter campaign id",
        description="Whose referral it is: the number of the promoter's place in a campaign.",
    )
    uid: Uid = ""
    email: Email = ""


class ReferralChanges(InputModel):
    """What changes of a referral; it is found by the first three fields, the rest stays as it is when left empty."""

    referral_id: int | None = Field(
        None, title="Referral id", description="FirstPromoter's own number of the referral."
    )
    uid: Uid = ""
    email: Email = ""
    new_uid: str = Field("", title="New customer id", description="Replaces the uid.")
    new_email: str = Field("", title="New e-mail", description="Replaces the e-mail.")


class ReferralMove(InputModel):
    """Which referrals go to which promoter."""

    referral_ids: list[int] = Field(
        title="Referral ids", description="FirstPromoter's numbers.", min_length=1, max_length=100
    )
    promoter_campaign_id: int = Field(title="Promoter campaign id", description="Who gets them.")
    move_commissions: bool = Field(
        default=False, title="Move commissions", description="Commissions that were earned already go along."
    )


class ReferralIds(InputModel):
    """Which referrals."""

    referral_ids: list[int] = Field(
        title="Referral ids", description="FirstPromoter's numbers.", min_length=1, max_length=100
    )


class ReferralList(PageInput):
    """Which referrals are wanted."""

    q: str = Field("", title="Search", description="E-mail, uid, user name or website. API v2 only.")
    state: str = Field("", title="State", description="signup, active, cancelled, refunded, denied … API v2 only.")
    type: str = Field("", title="Type", description="lead or customer. API v2 only.", pattern="^(lead|customer)?$")
    promoter_id: int | None = Field(None, title="Promoter id", description="Only referrals of this promoter.")
    created_from: str = Field("", title="Created from", description="Day, YYYY-MM-DD. API v2 only.")
    created_to: str = Field("", title="Created until", description="Day, YYYY-MM-DD. API v2 only.")


class ReferralPage(OutputModel):
    """A page of referrals."""

    referrals: list[Referral]
    next_page: int | None = None
    """None: this was the last page."""


def declare(app: App) -> None:
    """Declare the referral actions."""
    app.action(
        "create_referral",
        title="Create a referral",
        effect=Effect.WRITE,
        sample="create_referral.json",
        look_up=find_created,
        same=(("uid", "email"),),
        identifies={"referral": "referral_id", "promoter": "promoter_id"},
    )(create_referral)
    app.action(
        "update_referral", title="Update a referral", effect=Effect.IDEMPOTENT_WRITE, sample="update_referral.json",
        key_lasts=FOREVER,
        answers={"404": "Not referred: the run ends as skipped"},
    )(update_referral)  # fmt: skip
    for function, title in ((move_referrals, "Move referrals"), (delete_referrals, "Delete referrals")):
        key = function.__name__
        app.action(key, title=title, effect=Effect.IDEMPOTENT_WRITE, sample=f"{key}.json", key_lasts=FOREVER)(function)
    app.action("list_referrals", title="List referrals", effect=Effect.READ, sample="list_referrals.json")(
        list_referrals
    )


async def create_referral(ctx: Ctx, new: NewReferral) -> Referral:
    """Add a referral by hand, for a promoter's place in a campaign. Past payments earn nothing by it."""
    client.needs_v2(ctx, "Adding a referral by hand")
    if not (new.uid or new.email):
        raise Rejected("Fill in the customer id or the e-mail.", field="uid")
    response = await ctx.http.request("POST", "/company/referrals", json=filled(new.model_dump()))
    return referrals.referral_of(client.document(response))


async def find_created(ctx: Ctx, new: NewReferral) -> Referral | None:
    """The referral, when this promoter has it."""
    found = await referrals.find(ctx, uid=new.uid, email=new.email)
    return found if found and found.promoter_campaign_id == new.promoter_campaign_id else None


async def update_referral(ctx: Ctx, changes: ReferralChanges) -> Referral:
    """Change a referral's uid or e-mail, for example after a customer changed the address."""
    found = await referrals.find(ctx, uid=changes.uid, email=changes.email, referral_id=changes.referral_id)
    if found is None:
        raise NotApplicable("Not referred: FirstPromoter knows no referral of this customer.")
    if client.is_v2(ctx.credentials):
        # The description wants find_by in the body, the vendor's own client sends it in the query: the number needs neither.
        fields = filled({"uid": changes.new_uid, "email": changes.new_email})
        response = await ctx.http.request("PUT", f"/company/referrals/{found.referral_id}", json=fields)
    else:
        fields = filled({"id": found.referral_id, "new_uid": changes.new_uid, "new_email": changes.new_email})
        response = await client.send(ctx, "PUT", "/leads/update", fields)
    return referrals.referral_of(client.document(response))


async def move_referrals(ctx: Ctx, move: ReferralMove) -> Batch:
    """Give referrals to another promoter."""
    return await batches.run(
        ctx,
        "POST",
        "/company/referrals/move_to_promoter",
        move.referral_ids,
        promoter_campaign_id=move.promoter_campaign_id,
        move_associated_commissions=move.move_commissions,
    )


async def delete_referrals(ctx: Ctx, which: ReferralIds) -> Batch:
    """Remove referrals, for example those of a test."""
    if not client.is_v2(ctx.credentials):
        return await batches.one_by_one(ctx, "DELETE", "/leads/delete", which.referral_ids, {})
    return await batches.run(ctx, "DELETE", "/company/referrals", which.referral_ids)


async def list_referrals(ctx: Ctx, wanted: ReferralList) -> ReferralPage:
    """One page of referrals, with who referred them."""
    if client.is_v2(ctx.credentials):
        filters = {
            "q": wanted.q,
            "filters[state]": wanted.state,
            "filters[type]": wanted.type,
            "filters[promoter_id]": wanted.promoter_id,
            "filters[created_at][from]": wanted.created_from,
            "filters[created_at][to]": wanted.created_to,
        }
        found, next_page = await pages.read(ctx, "/company/referrals", wanted, filters)
    else:
        found, next_page = await pages.read(ctx, "/leads/list", wanted, {"promoter_id": wanted.promoter_id})
    return ReferralPage(referrals=[referrals.referral_of(item) for item in found], next_page=next_page)
