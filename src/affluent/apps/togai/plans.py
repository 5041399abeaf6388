"""Actions on an account's price plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from affluent.apps.togai.client import Ctx, at, document, pages, read
from affluent.apps.togai.schemas import Attachment, Detachment, PlanToAttach, PlanToDetach
from affluent.kit.jsons import JSONObject, text_of
from affluent.sdk import AlreadyApplied, Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A plan in an account's pricing schedule; both days belong to it."""

    id: str
    plan_id: str
    plan_name: str
    start: date
    end: date


async def attach_price_plan(ctx: Ctx, wanted: PlanToAttach) -> Attachment:
    """Attach a price plan to an account, from today or tomorrow on. One that is attached for that time is left alone."""
    entries = await _schedule(ctx, wanted.account_id)
    today = ctx.now.date()
    first = wanted.effective_from or today
    if any(entry.start <= today <= entry.end for entry in entries):
        first = max(first, today + timedelta(days=1))
    last = wanted.effective_until
    if last < first:
        raise Rejected(f"The plan would end on {last}, before it begins.", field="effective_until")
    covering = [entry for entry in entries if entry.start <= first and entry.end >= last]
    _refuse_attached(wanted, covering, wanted.price_plan)
    plan = await _active_plan(ctx, wanted.price_plan)
    _refuse_attached(wanted, covering, plan["id"])
    edit = {"mode": "ASSOCIATE", "pricePlanId": plan["id"]}
    now = await _edit_schedule(ctx, wanted.account_id, edit, first, last)
    made = [entry for entry in now if entry.plan_id == plan["id"] and entry.end >= first]
    stated = Entry(id="", plan_id=plan["id"], plan_name=text_of(plan.get("name")), start=first, end=last)
    return _attachment(wanted.account_id, next(iter(made), stated))


def _refuse_attached(wanted: PlanToAttach, covering: Sequence[Entry], plan: str) -> None:
    there = next((entry for entry in covering if plan in (entry.plan_id, entry.plan_name)), None)
    if there is not None:
        output = _attachment(wanted.account_id, there)
        raise AlreadyApplied(f"{output.price_plan_name or plan} is attached already.", output=output)


async def detach_price_plan(ctx: Ctx, wanted: PlanToDetach) -> Detachment:
    """Take a price plan, or whatever plan there is, from an account, from tomorrow on. None attached counts as done."""
    entries = await _schedule(ctx, wanted.account_id)
    tomorrow = ctx.now.date() + timedelta(days=1)
    first = max(wanted.effective_from or tomorrow, tomorrow)
    known = wanted.price_plan
    going = [entry for entry in entries if entry.end >= first and known in ("", entry.plan_id, entry.plan_name)]
    left = Detachment(account_id=wanted.account_id, effective_from=first.isoformat())
    if not going:
        raise AlreadyApplied("No such plan is attached from that day on.", output=left)
    for entry in going:
        await _edit_schedule(ctx, wanted.account_id, {"mode": "DISASSOCIATE"}, max(first, entry.start), entry.end)
    return left.model_copy(update={"price_plan_ids": sorted({entry.plan_id for entry in going})})


async def _edit_schedule(ctx: Ctx, account_id: str, edit: JSONObject, first: date, last: date) -> list[Entry]:
    """The one place that knows how a schedule is changed; newer documentation names another endpoint for it."""
    body = {**edit, "effectiveFrom": first.isoformat(), "effectiveUntil": last.isoformat()}
    said = document(await ctx.http.request("POST", at("accounts", account_id, "price_plans"), json=body))
    return [_entry(item) for item in said.get("pricingSchedules") or []]


async def _schedule(ctx: Ctx, account_id: str) -> list[Entry]:
    return [_entry(item) async for item in pages(ctx, at("accounts", account_id, "pricing_schedules"))]


async def _active_plan(ctx: Ctx, wanted: str) -> JSONObject:
    plan = await _plan(ctx, wanted)
    if plan is None:
        raise Rejected(f"Togai has no price plan with the id or name {wanted!r}.", field="price_plan")
    if plan.get("type") == "PURCHASE":
        raise Rejected(
            f"{plan['name']} is bought once and cannot be attached; choose a recurring plan.", field="price_plan"
        )
    if plan.get("status") != "ACTIVE":
        raise Rejected(
            f"{plan['name']} is {plan.get('status')}; only an active plan can be attached.", field="price_plan"
        )
    return plan


async def _plan(ctx: Ctx, wanted: str) -> JSONObject | None:
    try:
        return await read(ctx, at("price_plans", wanted))
    except Rejected as refusal:  # not an id: it may be a name
        if refusal.status not in (400, 404):
            raise
    named = [plan async for plan in pages(ctx, "/price_plans") if plan.get("name") == wanted]
    active = [plan for plan in named if plan.get("status") == "ACTIVE"]
    return next(iter([*active, *named]), None)


def _entry(said: JSONObject) -> Entry:
    return Entry(
        id=text_of(said.get("id")),
        plan_id=text_of(said.get("pricePlanId")),
        plan_name=text_of(said.get("pricePlanName") or (said.get("pricePlanInfo") or {}).get("name")),
        start=date.fromisoformat(said["startDate"][:10]),
        end=date.fromisoformat(said["endDate"][:10]),
    )


def _attachment(account_id: str, entry: Entry) -> Attachment:
    return Attachment(
        account_id=account_id,
        price_plan_id=entry.plan_id,
        price_plan_name=entry.plan_name,
        schedule_id=entry.id,
        effective_from=entry.start.isoformat(),
        effective_until=entry.end.isoformat(),
    )
