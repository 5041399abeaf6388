"""Calls about price plans, the schedules that attach them to accounts, and purchases."""

from __future__ import annotations

from datetime import date

from affluent.api.togai import answers
from affluent.api.togai.routing import Call, Rule
from affluent.billing import Billing, schemas
from affluent.billing.errors import Refused
from affluent.kit.jsons import JSONValue


def rules(billing: Billing) -> list[Rule]:
    """What the dialect knows of plans."""
    return [*_price_plans(billing), *_schedules(billing), *_schedules_v2(billing), *_purchases(billing)]


def _price_plans(billing: Billing) -> list[Rule]:
    plans = billing.price_plans

    async def create(call: Call) -> JSONValue:
        return answers.price_plan(await plans.create(call.body(schemas.NewPricePlan)))

    async def find(call: Call) -> JSONValue:
        page = call.paging("type", "status")
        found = await plans.find(
            plan_type=page.filters.get("type", ""),
            status=page.filters.get("status", ""),
            limit=page.size,
            after=page.after,
        )
        return page.answer(found, answers.listed_plan)

    async def get(call: Call) -> JSONValue:
        version = call.whole("version") or 0
        return answers.price_plan(await plans.get(call.path["id"], version=version), version=version)

    async def change(call: Call) -> JSONValue:
        return answers.price_plan(await plans.change(call.path["id"], call.body(schemas.PricePlanChange)))

    async def activate(call: Call) -> JSONValue:
        return answers.price_plan(await plans.activate(call.path["id"], call.body(schemas.Activation)))

    async def archive(call: Call) -> JSONValue:
        await plans.archive(call.path["id"])
        return answers.SUCCESS

    return [
        Rule("POST", "/price_plans", "price_plans:write", create),
        Rule("GET", "/price_plans", "price_plans:read", find),
        Rule("GET", "/price_plans/{id}", "price_plans:read", get),
        Rule("PATCH", "/price_plans/{id}", "price_plans:write", change),
        Rule("DELETE", "/price_plans/{id}", "price_plans:write", archive),
        Rule("POST", "/price_plans/{id}/activate", "price_plans:write", activate),
    ]


def _schedules(billing: Billing) -> list[Rule]:
    schedules = billing.schedules

    async def attach(call: Call) -> JSONValue:
        return answers.schedule_edit(await schedules.edit(call.path["id"], [call.body(schemas.Attachment)]))

    async def edit(call: Call) -> JSONValue:
        edits = call.body(schemas.EditsOfSchedule).edits
        return answers.schedule_edit(await schedules.edit(call.path["id"], edits, dry_run=call.flag("dry_run")))

    async def find(call: Call) -> JSONValue:
        page = call.paging("start_date", "end_date")
        found = await schedules.find(
            call.path["id"],
            since=_day(page.filters.get("start_date", ""), "start_date"),
            until=_day(page.filters.get("end_date", ""), "end_date"),
            limit=page.size,
            after=page.after,
        )
        return page.answer(found, answers.schedule)

    return [
        Rule("POST", "/accounts/{id}/price_plans", "accounts:write", attach),
        Rule("POST", "/accounts/{id}/edit_schedules", "accounts:write", edit),
        Rule("GET", "/accounts/{id}/pricing_schedules", "accounts:read", find),
    ]


def _schedules_v2(billing: Billing) -> list[Rule]:
    """The second version. Its edits have effect at once here, so there is never a draft to be finalised or discarded."""
    schedules = billing.schedules

    async def edit(call: Call) -> JSONValue:
        edits = call.body(schemas.EditsOfScheduleV2).edits
        return answers.schedule_edit(await schedules.edit_v2(call.path["id"], edits, discard=call.flag("discard")))

    async def find(call: Call) -> JSONValue:
        page = call.paging()
        found = await schedules.find(call.path["id"], limit=page.size, after=page.after)
        plans = {one.price_plan_id: await billing.price_plans.get(one.price_plan_id) for one in found}
        return page.answer(found, lambda one: answers.schedule_v2(one, plans[one.price_plan_id]))

    async def discard(call: Call) -> JSONValue:
        await billing.accounts.get(call.path["id"])
        return answers.SUCCESS

    return [
        Rule("POST", "/v2/accounts/{id}/edit_schedules", "accounts:write", edit),
        Rule("GET", "/v2/accounts/{id}/schedules", "accounts:read", find),
        Rule("POST", "/v2/accounts/{id}/finalize_schedules", "accounts:write", find),
        Rule("DELETE", "/v2/accounts/{id}/discard_schedules", "accounts:write", discard),
    ]


def _purchases(billing: Billing) -> list[Rule]:
    purchases = billing.purchases

    async def create(call: Call) -> JSONValue:
        return answers.purchase(await purchases.create(call.path["id"], call.body(schemas.NewPurchase)))

    async def find(call: Call) -> JSONValue:
        page = call.paging()
        found = await purchases.find(call.path["id"], limit=page.size, after=page.after)
        return page.answer(found, answers.listed_purchase)

    async def get(call: Call) -> JSONValue:
        return answers.purchase(await purchases.get(call.path["id"]))

    return [
        Rule("POST", "/accounts/{id}/purchases", "accounts:write", create),
        Rule("GET", "/accounts/{id}/purchases", "accounts:read", find),
        Rule("GET", "/purchases/{id}", "accounts:read", get),
    ]


def _day(text: str, field: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refused("Must be a date, e.g. 2026-07-01.", field=field) from error
