"""Price plans: drafted, activated, changed in versions, archived."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from affluent.billing import events, reading
from affluent.billing.errors import Refused
from affluent.billing.ledger import Changed, Ledger, billing_id
from affluent.billing.schemas import Activation, NewPricePlan, PricePlanChange
from affluent.billing.views import PricePlan, Slice
from affluent.kit import clock
from affluent.kit.jsons import JSONObject
from affluent.store import billing as store
from affluent.store.tables import billing as tables

P, V = tables.price_plans, tables.price_plan_versions


class PricePlans:
    """Use cases of price plans."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def create(self, new: NewPricePlan) -> PricePlan:
        """A new plan, as a draft."""
        details = new.price_plan_details.model_dump(by_alias=True, exclude_none=True)

        def unit(connection: Connection) -> Changed[PricePlan]:
            now = clock.now()
            values = {
                "id": billing_id("pp"),
                "name": new.name,
                "description": new.description or "",
                "type": new.type,
                "status": "DRAFT",
                "version": 1,
                "active_currencies": [],
                "created_at": now,
                "updated_at": now,
            }
            row = store.add(connection, P, values)
            _add_version(connection, row.id, 1, details)
            plan = reading.price_plan(connection, row.id)
            return plan, [events.price_plan_created(plan)]

        return await self._ledger.change(unit)

    async def get(self, price_plan_id: str, *, version: int = 0) -> PricePlan:
        """One plan at a version, 0: its newest; raises Missing."""
        return await self._ledger.read(
            lambda connection: reading.price_plan(connection, price_plan_id, version=version)
        )

    async def find(
        self, *, plan_type: str = "", status: str = "", limit: int = 20, after: str = ""
    ) -> Slice[PricePlan]:
        """Plans, newest first; empty conditions match all."""
        conditions = [column == value for column, value in ((P.c.type, plan_type), (P.c.status, status)) if value]

        def unit(connection: Connection) -> Slice[PricePlan]:
            rows = store.page(connection, P, *conditions, key=P.c.id, limit=limit, after=after)
            following = rows[limit - 1].id if len(rows) > limit else ""
            return Slice(items=reading.price_plans_of(connection, rows[:limit]), next=following)

        return await self._ledger.read(unit)

    async def activate(self, price_plan_id: str, given: Activation) -> PricePlan:
        """Let the plan be attached, in these currencies or in all it supports. Raises Missing or Refused."""

        def unit(connection: Connection) -> Changed[PricePlan]:
            plan = _living(connection, price_plan_id)
            wanted = given.currencies or list(plan.currencies)
            for currency in wanted:
                if currency not in plan.currencies:
                    raise Refused(
                        f"The plan does not support {currency}; it supports {', '.join(plan.currencies)}.",
                        field="currencies",
                    )
            active = [currency for currency in plan.currencies if currency in {*plan.active_currencies, *wanted}]
            return _changed(connection, price_plan_id, status="ACTIVE", active_currencies=active), ()

        return await self._ledger.change(unit)

    async def change(self, price_plan_id: str, change: PricePlanChange) -> PricePlan:
        """Change the plan: a draft in place, an active one as a new version. Raises Missing or Refused."""
        override = change.price_plan_details
        details = override.model_dump(by_alias=True, exclude_none=True) if override is not None else {}

        def unit(connection: Connection) -> Changed[PricePlan]:
            plan = _living(connection, price_plan_id)
            values: dict[str, Any] = {}
            if change.description is not None:
                values["description"] = change.description
            if details:
                merged = {**plan.details, **details}
                lost = [one for one in plan.active_currencies if one not in merged["supportedCurrencies"]]
                if lost:
                    raise Refused(
                        f"{', '.join(lost)} is active and cannot be taken away.",
                        field="pricePlanDetails.supportedCurrencies",
                    )
                if plan.status == "DRAFT":
                    store.change(
                        connection, V, V.c.price_plan_id == plan.id, V.c.version == plan.version, details=merged
                    )
                else:
                    values["version"] = plan.version + 1
                    _add_version(connection, plan.id, plan.version + 1, merged)
            return _changed(connection, price_plan_id, **values), ()

        return await self._ledger.change(unit)

    async def archive(self, price_plan_id: str) -> None:
        """Archive the plan: it stays where it is attached and is not attached anew. Raises Missing."""

        def unit(connection: Connection) -> Changed[None]:
            plan = reading.price_plan(connection, price_plan_id, lock=True)
            if plan.status != "ARCHIVED":
                _changed(connection, price_plan_id, status="ARCHIVED")
            return None, ()

        await self._ledger.change(unit)


def _living(connection: Connection, price_plan_id: str) -> PricePlan:
    plan = reading.price_plan(connection, price_plan_id, lock=True)
    if plan.status == "ARCHIVED":
        raise Refused(f"The price plan {plan.name} is archived and cannot be changed.")
    return plan


def _changed(connection: Connection, price_plan_id: str, **values: Any) -> PricePlan:  # noqa: ANN401 - a column's own type
    store.change(connection, P, P.c.id == price_plan_id, **values, updated_at=clock.now())
    return reading.price_plan(connection, price_plan_id)


def _add_version(connection: Connection, price_plan_id: str, version: int, details: JSONObject) -> None:
    values = {
        "price_plan_id": price_plan_id,
        "version": version,
        "id": billing_id("sch"),
        "details": details,
        "created_at": clock.now(),
    }
    store.add(connection, V, values)
