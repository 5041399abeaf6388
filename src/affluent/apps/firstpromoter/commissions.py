"""Managing commissions: listing, adding by hand, approving, denying, fulfilling."""

from __future__ import annotations

from typing import Literal

from affluent.apps.firstpromoter import batches, client, pages, referrals
from affluent.apps.firstpromoter.batches import Batch
from affluent.apps.firstpromoter.client import Ctx, filled, given
from affluent.apps.firstpromoter.commission_schemas import (
    Commission,
    CommissionIds,
    CommissionList,
    CommissionNotes,
    CommissionPage,
    CustomCommission,
    SaleCommission,
)
from affluent.kit.jsons import JSONObject
from affluent.sdk import FOREVER, AlreadyApplied, App, Effect, NotApplicable, Unavailable

_BATCH = {"200": "Done for all", "202": "Waited for until it is done", "422": "Refused: parked"}
_CREATED = {"200": "Created", "same event id": "Created before: counts as done"}


def declare(app: App) -> None:
    """Declare the commission actions."""
    app.action("list_commissions", title="List commissions", effect=Effect.READ, sample="list_commissions.json")(
        list_commissions
    )
    app.action(
        "create_sale_commission",
        title="Create a commission for a sale",
        effect=Effect.WRITE,
        sample="create_sale_commission.json",
        key_field="event_id",
        same=("referral_id", ("uid", "email"), "sale_amount"),
        look_up=find_created,
        answers=_CREATED,
    )(create_sale_commission)
    app.action(
        "create_custom_commission",
        title="Create a commission of your own",
        effect=Effect.WRITE,
        sample="create_custom_commission.json",
        key_field="event_id",
        same=("promoter_campaign_id", "amount"),
        look_up=find_created,
        answers=_CREATED,
    )(create_custom_commission)
    app.action(
        "update_commission", title="Update a commission's notes", effect=Effect.IDEMPOTENT_WRITE,
        sample="update_commission.json", key_lasts=FOREVER, same=("commission_id",),
    )(update_commission)  # fmt: skip
    for function, title in (
        (approve_commissions, "Approve commissions"),
        (deny_commissions, "Deny commissions"),
        (mark_commissions_fulfilled, "Mark commissions fulfilled"),
        (mark_commissions_unfulfilled, "Mark commissions unfulfilled"),
    ):
        key = function.__name__
        app.action(
            key, title=title, effect=Effect.IDEMPOTENT_WRITE, sample=f"{key}.json", answers=_BATCH, key_lasts=FOREVER
        )(function)


async def list_commissions(ctx: Ctx, wanted: CommissionList) -> CommissionPage:
    """One page of commissions, by search and filters."""
    if client.is_v2(ctx.credentials):
        filters = {
            "q": wanted.q,
            "filters[status]": wanted.status,
            "filters[fulfilled]": wanted.fulfilled,
            "filters[promoter_id]": wanted.promoter_id,
            "filters[campaign_id]": wanted.campaign_id,
            "filters[created_at][from]": wanted.created_from,
            "filters[created_at][to]": wanted.created_to,
        }
        found, next_page = await pages.read(ctx, "/company/commissions", wanted, filters)
    else:
        filters = {"promoter_id": wanted.promoter_id, "campaign_id": wanted.campaign_id}
        found, next_page = await pages.read(ctx, "/rewards/list", wanted, filters)
    return CommissionPage(commissions=[commission_of(item) for item in found], next_page=next_page)


async def create_sale_commission(ctx: Ctx, new: SaleCommission) -> Commission:
    """Credit a sale by hand: the only way to state a past date or a billing period. Searched for first, created once."""
    fields = given(new, exclude=("uid", "email"))
    if new.referral_id is None:
        found = await referrals.find(ctx, uid=new.uid, email=new.email)
        if found is None:
            raise NotApplicable("Not referred: FirstPromoter knows no referral of this customer.")
        fields["referral_id"] = found.referral_id
    return await _create(ctx, new, {"commission_type": "sale", **fields})


async def create_custom_commission(ctx: Ctx, new: CustomCommission) -> Commission:
    """Give a promoter a bonus. Searched for first, created once under its id."""
    return await _create(ctx, new, {"commission_type": "custom", **given(new)})


async def _create(ctx: Ctx, new: SaleCommission | CustomCommission, fields: JSONObject) -> Commission:
    client.needs_v2(ctx, "Creating a commission")
    known = await find_created(ctx, new)
    if known is not None:
        raise AlreadyApplied("A commission with this event id exists.", output=known)
    response = await ctx.http.request("POST", "/company/commissions", json=fields)
    body = response.json()
    # The description answers an array; an object is what one would expect.
    created = body if isinstance(body, dict) else next(iter(client.rows(response)), None)
    if created is None:
        raise Unavailable("FirstPromoter answered without the commission.", status=response.status)
    return commission_of(created)


async def find_created(ctx: Ctx, new: SaleCommission | CustomCommission) -> Commission | None:
    """The commission with this event id, or None."""
    found = client.rows(await ctx.http.request("GET", "/company/commissions", query={"q": new.event_id}, is_read=True))
    return next((commission_of(item) for item in found if item.get("event_id") == new.event_id), None)


async def update_commission(ctx: Ctx, notes: CommissionNotes) -> Commission:
    """Change the notes of a commission; nothing else of it can be changed."""
    client.needs_v2(ctx, "Changing notes")
    fields = filled({"internal_note": notes.internal_note, "external_note": notes.external_note})
    response = await ctx.http.request("PUT", f"/company/commissions/{notes.commission_id}", json=fields)
    return commission_of(client.document(response))


async def approve_commissions(ctx: Ctx, which: CommissionIds) -> Batch:
    """Approve commissions, so that they are paid or fulfilled."""
    return await _decide(ctx, which, "approve", "approved")


async def deny_commissions(ctx: Ctx, which: CommissionIds) -> Batch:
    """Refuse commissions."""
    return await _decide(ctx, which, "deny", "denied")


async def mark_commissions_fulfilled(ctx: Ctx, which: CommissionIds) -> Batch:
    """Say that rewards which are not paid in money were delivered."""
    return await batches.run(ctx, "POST", "/company/commissions/mark_fulfilled", which.commission_ids)


async def mark_commissions_unfulfilled(ctx: Ctx, which: CommissionIds) -> Batch:
    """Take back that rewards were delivered."""
    return await batches.run(ctx, "POST", "/company/commissions/mark_unfulfilled", which.commission_ids)


async def _decide(ctx: Ctx, which: CommissionIds, act: str, status: Literal["approved", "denied"]) -> Batch:
    if client.is_v2(ctx.credentials):
        return await batches.run(ctx, "POST", f"/company/commissions/{act}", which.commission_ids)
    for number in which.commission_ids:
        await client.send(ctx, "PUT", "/rewards/update", {"id": number, "status": status})
    return Batch(processed=len(which.commission_ids), batch_ids=[])


def commission_of(body: JSONObject) -> Commission:
    """A commission of v2 or a reward of v1."""
    person = body.get("referral") or body.get("lead")
    known = referrals.attribution(person, referrals.membership_of(body), body.get("promoter"))
    sale_amount = body.get("sale_amount") if "sale_amount" in body else body.get("conversion_amount")
    return Commission.model_validate({**body, **known, "commission_id": body["id"], "sale_amount": sale_amount})
