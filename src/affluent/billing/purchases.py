"""Purchases of plans that are attached: the idempotent way to attach one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from affluent.billing import reading, schedules
from affluent.billing.accounts import open_account
from affluent.billing.errors import Missing, Refused
from affluent.billing.ledger import Changed, Ledger, billing_id
from affluent.billing.schemas import EditOfSchedule, NewPurchase
from affluent.billing.views import Purchase, Slice
from affluent.kit import clock
from affluent.store import billing as store
from affluent.store.tables import billing as tables

P = tables.purchases
FOREVER = date(9999, 1, 1)


class Purchases:
    """Use cases of purchases."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def create(self, account_id: str, new: NewPurchase) -> Purchase:
        """Buy a plan: it has no price of its own here, so it is attached at once.

        The same idempotency key answers the first purchase and attaches nothing. Raises Missing or Refused.
        """

        def unit(connection: Connection) -> Changed[Purchase]:
            account = open_account(connection, account_id)
            if new.idempotency_key is not None:
                known = store.one(
                    connection, P, P.c.account_id == account_id, P.c.idempotency_key == new.idempotency_key
                )
                if known is not None:
                    if known.price_plan_id != new.price_plan_id:
                        raise Refused("It was used for the purchase of another plan.", field="idempotencyKey")
                    return _views(connection, [known])[0], ()
            today = reading.today()
            soonest = today + timedelta(days=1) if account.price_plan_id else today
            start, end = new.effective_from or soonest, new.effective_until or FOREVER
            edit = EditOfSchedule(
                price_plan_id=new.price_plan_id,
                effective_from=start,
                effective_until=end,
                price_plan_details_override=new.association_override,
            )
            _, drafts = schedules.apply(connection, account_id, [edit])
            values = {
                "id": billing_id("purchase"),
                "account_id": account_id,
                "price_plan_id": new.price_plan_id,
                "price_plan_version": reading.price_plan(connection, new.price_plan_id).version,
                "type": new.type,
                "status": "SUCCESS",
                "idempotency_key": new.idempotency_key,
                "effective_from": start.isoformat(),
                "effective_until": end.isoformat(),
                "currency": account.currency,
                "created_at": clock.now(),
            }
            return _views(connection, [store.add(connection, P, values)])[0], drafts

        return await self._ledger.change(unit)

    async def get(self, purchase_id: str) -> Purchase:
        """One purchase; raises Missing."""

        def unit(connection: Connection) -> Purchase:
            row = store.one(connection, P, P.c.id == purchase_id)
            if row is None:
                raise Missing(f"There is no purchase {purchase_id!r}.")
            return _views(connection, [row])[0]

        return await self._ledger.read(unit)

    async def find(self, account_id: str, *, limit: int = 20, after: str = "") -> Slice[Purchase]:
        """Purchases of an account, newest first; raises Missing."""

        def unit(connection: Connection) -> Slice[Purchase]:
            reading.account(connection, account_id)
            rows = store.page(connection, P, P.c.account_id == account_id, key=P.c.id, limit=limit, after=after)
            following = rows[limit - 1].id if len(rows) > limit else ""
            return Slice(items=_views(connection, rows[:limit]), next=following)

        return await self._ledger.read(unit)


def _views(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[Purchase, ...]:
    table = tables.price_plans
    ids = {row.price_plan_id for row in rows}
    names = {plan.id: plan.name for plan in store.some(connection, table, table.c.id.in_(ids))}
    return tuple(_view(row, names[row.price_plan_id]) for row in rows)


def _view(row: Row[Any], plan_name: str) -> Purchase:
    return Purchase(
        id=row.id,
        account_id=row.account_id,
        price_plan_id=row.price_plan_id,
        price_plan_name=plan_name,
        price_plan_version=row.price_plan_version,
        type=row.type,
        status=row.status,
        idempotency_key=row.idempotency_key,
        effective_from=date.fromisoformat(row.effective_from),
        effective_until=date.fromisoformat(row.effective_until),
        currency=row.currency,
        created_at=row.created_at,
    )
