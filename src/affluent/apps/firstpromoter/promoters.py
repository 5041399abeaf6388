"""Managing promoters: adding, changing, accepting, blocking, archiving, moving."""

from __future__ import annotations

from affluent.apps.firstpromoter import batches, client, pages
from affluent.apps.firstpromoter.batches import Batch
from affluent.apps.firstpromoter.client import Ctx, filled
from affluent.apps.firstpromoter.lookups import find_promoter
from affluent.apps.firstpromoter.promoter_schemas import (
    NewPromoter,
    Promoter,
    PromoterChanges,
    PromoterList,
    PromoterMove,
    PromoterPage,
    PromoterParent,
    PromoterRef,
    Promoters,
    PromotersOfCampaign,
    RenewedPromoter,
    promoter_of,
)
from affluent.apps.firstpromoter.schemas import PromoterSearch
from affluent.kit.jsons import JSONObject
from affluent.sdk import FOREVER, AlreadyApplied, App, AppError, Effect, Rejected, Response

TAKEN = "has already been taken"
_BATCH = {"200": "Done for all", "202": "Waited for until it is done", "422": "Refused: parked"}


def declare(app: App) -> None:
    """Declare the promoter actions."""
    app.action(
        "create_promoter",
        title="Create a promoter",
        effect=Effect.WRITE,
        sample="create_promoter.json",
        key_field="email",
        same=("email",),
        faults={400: _taken, 422: _taken},
        look_up=find_created,
        answers={"201": "Created", "400 e-mail taken": "The promoter exists: counts as done", "422": "Refused: parked"},
    )(create_promoter)
    app.action(
        "update_promoter",
        title="Update a promoter",
        effect=Effect.IDEMPOTENT_WRITE,
        sample="update_promoter.json",
        key_lasts=FOREVER,
        same=("promoter_id",),
    )(update_promoter)
    app.action(
        "renew_sign_in",
        title="Renew a promoter's sign-in",
        effect=Effect.IDEMPOTENT_WRITE,
        sample="renew_sign_in.json",
        key_lasts=FOREVER,
        same=("promoter_id",),
    )(renew_sign_in)
    app.action("list_promoters", title="List promoters", effect=Effect.READ, sample="list_promoters.json")(
        list_promoters
    )
    for function, title in (
        (accept_promoters, "Accept promoters"),
        (reject_promoters, "Reject promoters"),
        (block_promoters, "Block promoters"),
        (archive_promoters, "Archive promoters"),
        (restore_promoters, "Restore promoters"),
        (add_promoters_to_campaign, "Add promoters to a campaign"),
        (move_promoters, "Move promoters to another campaign"),
        (assign_parent, "Assign a parent promoter"),
    ):
        key = function.__name__
        app.action(
            key, title=title, effect=Effect.IDEMPOTENT_WRITE, sample=f"{key}.json", answers=_BATCH, key_lasts=FOREVER
        )(function)


async def create_promoter(ctx: Ctx, new: NewPromoter) -> Promoter:
    """Add a promoter. One whose e-mail is known already is handed back as it is."""
    try:
        if client.is_v2(ctx.credentials):
            fields = filled(
                {
                    "email": new.email,
                    "cust_id": new.cust_id,
                    "profile": new.profile(),
                    "initial_campaign_id": new.campaign_id,
                }
            )
            fields |= {"drip_emails": new.welcome, "always_approve": new.approve}
            response = await ctx.http.request("POST", "/company/promoters", json=fields)
        else:
            fields = filled(new.model_dump(exclude={"welcome", "approve"}))
            fields |= {"skip_email_notification": not new.welcome, "always_approve": new.approve}
            response = await client.send(ctx, "POST", "/promoters/create", fields)
    except AlreadyApplied as error:
        raise AlreadyApplied(error.message, output=await find_created(ctx, new), status=error.status) from error
    return promoter_of(client.document(response))


async def find_created(ctx: Ctx, new: NewPromoter) -> Promoter | None:
    """The promoter with this e-mail, or None."""
    return await find_promoter(ctx, PromoterSearch(email=new.email))


def _taken(response: Response) -> AppError:
    """Both versions say in words that the e-mail is taken: v2 as 400, v1 as 422 with lists of reasons."""
    if TAKEN in response.text(2000):
        return AlreadyApplied("A promoter with this e-mail exists.", status=response.status)
    words = client.said(response) or response.text()
    return Rejected(f"FirstPromoter answered {response.status}: {words}", status=response.status)


async def update_promoter(ctx: Ctx, changes: PromoterChanges) -> Promoter:
    """Change a promoter's e-mail, customer id or profile."""
    if client.is_v2(ctx.credentials):
        fields = filled({"email": changes.email, "cust_id": changes.cust_id, "profile": changes.profile()})
        response = await ctx.http.request("PUT", f"/company/promoters/{changes.promoter_id}", json=fields)
    else:
        named = {"id": changes.promoter_id, "email": changes.email, "new_cust_id": changes.cust_id}
        response = await client.send(ctx, "PUT", "/promoters/update", filled({**named, **changes.profile()}))
    return promoter_of(client.document(response))


async def list_promoters(ctx: Ctx, wanted: PromoterList) -> PromoterPage:
    """One page of promoters, with balances and campaigns."""
    if client.is_v2(ctx.credentials):
        filters = {"q": wanted.q, "filters[campaign_id]": wanted.campaign_id}
        found, next_page = await pages.read(ctx, "/company/promoters", wanted, filters)
    else:
        found, next_page = await pages.read(ctx, "/promoters/list", wanted, {"campaign_id": wanted.campaign_id})
    return PromoterPage(promoters=[promoter_of(item) for item in found], next_page=next_page)


async def accept_promoters(ctx: Ctx, which: PromotersOfCampaign) -> Batch:
    """Accept promoters in a campaign."""
    return await _in_campaign(ctx, "accept", which)


async def reject_promoters(ctx: Ctx, which: PromotersOfCampaign) -> Batch:
    """Refuse promoters in a campaign."""
    return await _in_campaign(ctx, "reject", which)


async def block_promoters(ctx: Ctx, which: PromotersOfCampaign) -> Batch:
    """Block promoters in a campaign: all their tracking stops, renewals too."""
    return await _in_campaign(ctx, "block", which)


async def add_promoters_to_campaign(ctx: Ctx, which: PromotersOfCampaign) -> Batch:
    """Add promoters to one more campaign."""
    if client.is_v2(ctx.credentials):
        return await _in_campaign(ctx, "add_to_campaign", which)
    fields: JSONObject = {"campaign_id": which.campaign_id}
    return await batches.one_by_one(ctx, "POST", "/promoters/add_to_campaign", which.promoter_ids, fields)


async def archive_promoters(ctx: Ctx, which: Promoters) -> Batch:
    """Archive promoters: they are blocked everywhere until they are restored."""
    return await batches.run(ctx, "POST", "/company/promoters/archive", which.promoter_ids)


async def restore_promoters(ctx: Ctx, which: Promoters) -> Batch:
    """Bring archived promoters back."""
    return await batches.run(ctx, "POST", "/company/promoters/restore", which.promoter_ids)


async def move_promoters(ctx: Ctx, move: PromoterMove) -> Batch:
    """Move promoters from one campaign to another. In API v1 their referrals always move along."""
    if not client.is_v2(ctx.credentials):
        if not move.move_referrals:
            raise Rejected("API v1 cannot leave the referrals behind.", field="move_referrals")
        fields: JSONObject = {
            "source_campaign_id": move.from_campaign_id,
            "destination_campaign_id": move.to_campaign_id,
        }
        return await batches.one_by_one(ctx, "POST", "/promoters/move_to_campaign", move.promoter_ids, fields)
    return await batches.run(
        ctx,
        "POST",
        "/company/promoters/move_to_campaign",
        move.promoter_ids,
        from_campaign_id=move.from_campaign_id,
        to_campaign_id=move.to_campaign_id,
        soft_move_referrals=move.move_referrals,
    )


async def renew_sign_in(ctx: Ctx, which: PromoterRef) -> RenewedPromoter:
    """Make the token new that signs a promoter in; links with the old one stop working. API v1 only; it is not handed out."""
    if client.is_v2(ctx.credentials):
        raise Rejected("Only API v1 can do this: use a connection with a legacy key and without an Account ID.")
    client.document(await client.send(ctx, "PUT", "/promoters/refresh_token", {"id": which.promoter_id}))
    return RenewedPromoter(promoter_id=which.promoter_id)


async def assign_parent(ctx: Ctx, parent: PromoterParent) -> Batch:
    """Say who recruited promoters, so that upper tiers earn."""
    return await batches.run(
        ctx,
        "POST",
        "/company/promoters/assign_parent",
        parent.promoter_ids,
        parent_promoter_id=parent.parent_promoter_id,
    )


async def _in_campaign(ctx: Ctx, act: str, which: PromotersOfCampaign) -> Batch:
    return await batches.run(
        ctx, "POST", f"/company/promoters/{act}", which.promoter_ids, campaign_id=which.campaign_id
    )
