"""Views in the dialect's words. Amounts are exact JSON numbers; what is unknown is left out, not null."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from affluent.billing.customers import CreatedCustomer
from affluent.billing.views import (
    Account,
    Alias,
    Contact,
    Customer,
    PricePlan,
    PricePlanVersion,
    Purchase,
    Schedule,
    ScheduleEdit,
    Setting,
)
from affluent.kit.jsons import JSONObject, number
from affluent.kit.money import Money

SUCCESS: JSONObject = {"success": True}
_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_PHONE = 20
_USUAL_CYCLE = {"interval": "MONTHLY", "gracePeriod": 0}


def customer(view: Customer) -> JSONObject:
    """A customer."""
    return {
        "id": view.id,
        "togaiCustomerId": view.key,
        "name": view.name,
        "primaryEmail": view.email,
        "billingAddress": _one_line(view.address),
        "address": dict(view.address),
        "status": view.status,
        "createdAt": moment(view.created_at),
        "updatedAt": moment(view.updated_at),
    }


def created_customer(view: CreatedCustomer) -> JSONObject:
    """A new customer with its settings and account."""
    answer = customer(view.customer)
    for name in ("status", "createdAt", "updatedAt"):
        del answer[name]
    return {**answer, "settings": [_inline(one) for one in view.settings], "account": account(view.account)}


def contact(view: Contact) -> JSONObject:
    """A contact. The dialect takes longer phone numbers than it gives."""
    return without_none(
        {
            "username": view.username,
            "name": view.name,
            "email": view.email,
            "phone": view.phone if 0 < len(view.phone) <= _LONGEST_PHONE else None,
            "verified": view.verified,
            "loginAccess": view.login_access,
            "createdBy": view.created_by or None,
            "createdAt": moment(view.created_at),
        }
    )


def account(view: Account) -> JSONObject:
    """An account."""
    answer: JSONObject = {
        "id": view.id,
        "togaiAccountId": view.key,
        "togaiCustomerId": view.customer_key,
        "name": view.name,
        "customerId": view.customer_id,
        "status": view.status,
        "invoiceCurrency": view.currency,
        "aliases": [{"alias": alias.value} for alias in view.aliases],
        "netTermDays": view.net_term_days,
        "address": dict(view.address),
        "primaryEmail": view.email,
        # The dialect's own limit; GET /settings has them all.
        "settings": [_inline(one) for one in view.settings[:10]],
        "metadata": dict(view.metadata),
        "tags": list(view.tags),
    }
    if view.billing_information:  # known to the vendor's client, not to its description
        answer["billingInformation"] = view.billing_information
    return answer


def alias(view: Alias) -> JSONObject:
    """An alias; without bounds it holds for ever."""
    return {
        "id": view.id,
        "value": view.value,
        "effectiveFrom": moment(view.effective_from or _EVER),
        "effectiveUntil": moment(view.effective_until or _FOREVER),
        "createdAt": moment(view.created_at),
        "updatedAt": moment(view.updated_at),
    }


def setting(view: Setting) -> JSONObject:
    """A setting of an entity."""
    return {**_inline(view), "id": view.id, "entityType": view.entity_type, "entityId": view.entity_id}


def listed_plan(view: PricePlan) -> JSONObject:
    """A price plan in a list."""
    return without_none(
        {
            "id": view.id,
            "name": view.name,
            "version": view.version,
            "description": view.description or None,
            "status": view.status,
            "usageMeters": [],
            "pricePlanDetails": _details(view, view.details),
            "createdAt": moment(view.created_at),
            "updatedAt": moment(view.updated_at),
            "type": view.type,
        }
    )


def price_plan(view: PricePlan, *, version: int = 0) -> JSONObject:
    """A price plan with its versions as a schedule, or with one of them."""
    shown = [one for one in view.versions if version in (0, one.version)]
    ends = {one.version: following.created_at for one, following in zip(view.versions, view.versions[1:], strict=False)}
    return without_none(
        {
            "id": view.id,
            "name": view.name,
            "type": view.type,
            "description": view.description or None,
            "status": view.status,
            "pricingSchedule": [_plan_version(view, one, ends.get(one.version, _FOREVER)) for one in shown],
        }
    )


def schedule_edit(view: ScheduleEdit) -> JSONObject:
    """What an edit leaves."""
    return {
        "accountId": view.account_id,
        "accountName": view.account_name,
        "pricingSchedules": [
            {
                "id": one.id,
                "pricePlanId": one.price_plan_id,
                "pricePlanName": one.price_plan_name,
                "startDate": midnight(one.start_date),
                "endDate": midnight(one.end_date),
            }
            for one in view.schedules
        ],
    }


def schedule(view: Schedule) -> JSONObject:
    """A pricing schedule."""
    return {
        "id": view.id,
        "startDate": midnight(view.start_date),
        "endDate": midnight(view.end_date),
        "version": view.version,
        "isOverriden": view.is_overridden,
        "pricePlanId": view.price_plan_id,
        "pricePlanName": view.price_plan_name,
        "pricePlanInfo": _plan_info(view),
    }


def schedule_v2(view: Schedule, plan: PricePlan) -> JSONObject:
    """A pricing schedule as the second version shows it."""
    return {
        "id": view.id,
        "accountId": view.account_id,
        "pricePlanId": view.price_plan_id,
        "version": view.version,
        "deferredRevenue": bool(plan.details.get("deferredRevenue")),
        "allowOngoingCycleUpdates": bool(plan.details.get("allowOngoingCycleUpdates")),
        "pricePlanInfo": _plan_info(view),
        "accountScheduleInfo": {
            "supportedCurrencies": list(plan.currencies),
            "pricingCycleConfig": plan.details.get("pricingCycleConfig", _USUAL_CYCLE),
        },
        "isOverridden": view.is_overridden,
        "startDate": midnight(view.start_date),
        "endDate": midnight(view.end_date),
    }


def purchase(view: Purchase) -> JSONObject:
    """A purchase."""
    return without_none(
        {
            "id": view.id,
            "accountId": view.account_id,
            "pricePlanId": view.price_plan_id,
            "pricePlanVersion": view.price_plan_version,
            "type": view.type,
            "status": view.status,
            "idempotencyKey": view.idempotency_key,
            "effectiveFrom": view.effective_from.isoformat(),
            "effectiveUntil": view.effective_until.isoformat(),
            "invoiceCurrency": view.currency,
            "createdAt": moment(view.created_at),
        }
    )


def listed_purchase(view: Purchase) -> JSONObject:
    """A purchase in a list, which names the plan."""
    return {**purchase(view), "pricePlanName": view.price_plan_name}


def amount(money: Money) -> Any:  # noqa: ANN401 - the JSON edge
    """Money as an exact number in major units."""
    return number(money.major)


def moment(at: datetime) -> str:
    """A time as the dialect writes it."""
    return at.isoformat().replace("+00:00", "Z")


def midnight(day: date) -> str:
    """A day as the time at which it begins."""
    return moment(datetime.combine(day, time(), UTC))


def without_none(answer: JSONObject) -> JSONObject:
    """The answer without what is unknown: the vendor's client refuses null in many places."""
    return {name: value for name, value in answer.items() if value is not None}


def _inline(view: Setting) -> JSONObject:
    return {
        "id": view.id,
        "value": view.value,
        "namespace": view.namespace,
        "name": view.name,
        "dataType": view.data_type,
    }


def _plan_info(view: Schedule) -> JSONObject:
    return without_none({"name": view.price_plan_name, "description": view.price_plan_description or None})


def _plan_version(view: PricePlan, one: PricePlanVersion, ends_at: datetime) -> JSONObject:
    return {
        "id": one.id,
        "pricePlanDetails": _details(view, one.details),
        "startDate": moment(one.created_at),
        "endDate": moment(ends_at),
        "version": one.version,
        "isOverriden": False,
    }


def _details(view: PricePlan, details: JSONObject) -> JSONObject:
    return {**details, "activeCurrencies": list(view.active_currencies), "type": view.type}


def _one_line(address: Any) -> str:  # noqa: ANN401 - the JSON edge
    parts = [address.get(name) for name in ("line1", "line2", "postalCode", "city", "state", "country")]
    return ", ".join(part for part in parts if part)[:1000]
