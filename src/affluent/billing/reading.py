"""From rows to views: customers, accounts with their settings, aliases and plan, price plans, schedules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, select

from affluent.billing.errors import Missing
from affluent.billing.views import Account, Alias, Customer, PricePlan, PricePlanVersion, Schedule, Setting
from affluent.kit import clock
from affluent.store import billing as store
from affluent.store.tables import billing as tables

ACCOUNT, CUSTOMER = "ACCOUNT", "CUSTOMER"


def today() -> date:
    """The day on which plans and credits are judged."""
    return clock.now().date()


def customer(connection: Connection, customer_id: str, *, lock: bool = False) -> Customer:
    """One customer; raises Missing."""
    row = store.one(connection, tables.customers, tables.customers.c.id == customer_id, lock=lock)
    if row is None:
        raise Missing(f"There is no customer {customer_id!r}.")
    return customer_of(row)


def customer_of(row: Row[Any]) -> Customer:
    """A customer's row as a view."""
    return Customer(
        id=row.id,
        key=row.key,
        name=row.name,
        email=row.email,
        address=row.address,
        status=row.status,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def account(connection: Connection, account_id: str, *, lock: bool = False) -> Account:
    """One account; raises Missing."""
    row = store.one(connection, tables.accounts, tables.accounts.c.id == account_id, lock=lock)
    if row is None:
        raise Missing(f"There is no account {account_id!r}.")
    return accounts_of(connection, [row])[0]


def accounts_of(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[Account, ...]:
    """Accounts' rows as views, with what hangs on them read in one go."""
    if not rows:
        return ()
    ids = [row.id for row in rows]
    owners = {
        row.id: row
        for row in store.some(connection, tables.customers, tables.customers.c.id.in_({r.customer_id for r in rows}))
    }
    settings, aliases, plans = (
        settings_of(connection, ACCOUNT, ids),
        _aliases_of(connection, ids),
        _plans_of(connection, ids),
    )
    return tuple(
        Account(
            id=row.id,
            key=row.key,
            customer_id=row.customer_id,
            customer_key=owners[row.customer_id].key,
            name=row.name,
            email=row.email or owners[row.customer_id].email,
            currency=row.currency,
            status=row.status,
            address=row.address,
            net_term_days=row.net_term_days,
            metadata=row.metadata,
            tags=tuple(row.tags),
            billing_information=row.billing_information,
            aliases=tuple(aliases[row.id]),
            settings=tuple(settings[row.id]),
            price_plan_id=plans[row.id][0],
            price_plan_name=plans[row.id][1],
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in rows
    )


def settings_of(connection: Connection, entity_type: str, ids: Iterable[str]) -> defaultdict[str, list[Setting]]:
    """The settings of entities of one type, by entity id."""
    table = tables.settings
    found: defaultdict[str, list[Setting]] = defaultdict(list)
    conditions = (table.c.entity_type == entity_type, table.c.entity_id.in_(set(ids)))
    for row in store.some(connection, table, *conditions, order=[table.c.full_id]):
        found[row.entity_id].append(setting_of(row))
    return found


def setting_of(row: Row[Any]) -> Setting:
    """A setting's row as a view."""
    return Setting(
        full_id=row.full_id,
        id=row.id,
        namespace=row.namespace,
        entity_type=row.entity_type,
        entity_id=row.entity_id,
        name=row.name,
        value=row.value,
        data_type=row.data_type,
        updated_at=row.updated_at,
    )


def alias_of(row: Row[Any]) -> Alias:
    """An alias' row as a view."""
    return Alias(
        id=row.id,
        value=row.value,
        effective_from=row.effective_from,
        effective_until=row.effective_until,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def price_plan(connection: Connection, price_plan_id: str, *, version: int = 0, lock: bool = False) -> PricePlan:
    """One plan at a version, 0: its newest; raises Missing."""
    row = store.one(connection, tables.price_plans, tables.price_plans.c.id == price_plan_id, lock=lock)
    if row is None:
        raise Missing(f"There is no price plan {price_plan_id!r}.")
    return price_plans_of(connection, [row], version=version)[0]


def price_plans_of(connection: Connection, rows: Sequence[Row[Any]], *, version: int = 0) -> tuple[PricePlan, ...]:
    """Plans' rows as views; with a version, that one's details."""
    table = tables.price_plan_versions
    versions: defaultdict[str, dict[int, PricePlanVersion]] = defaultdict(dict)
    wanted = table.c.price_plan_id.in_({row.id for row in rows})
    for found in store.some(connection, table, wanted, order=[table.c.version]):
        versions[found.price_plan_id][found.version] = PricePlanVersion(
            id=found.id, version=found.version, details=found.details, created_at=found.created_at
        )
    plans = []
    for row in rows:
        shown = versions[row.id].get(version or row.version)
        if shown is None:
            raise Missing(f"The price plan {row.id} has no version {version}; its newest is {row.version}.")
        plans.append(
            PricePlan(
                id=row.id,
                name=row.name,
                description=row.description,
                type=row.type,
                status=row.status,
                version=shown.version,
                currencies=tuple(shown.details["supportedCurrencies"]),
                active_currencies=tuple(row.active_currencies),
                details=shown.details,
                versions=tuple(versions[row.id].values()),
                created_at=row.created_at,
                updated_at=row.updated_at,
            )
        )
    return tuple(plans)


def schedules(
    connection: Connection, account_id: str, *, since: date | None = None, until: date | None = None
) -> list[Schedule]:
    """The plans of an account by time, those that touch the given span."""
    table, plans = tables.pricing_schedules, tables.price_plans
    query = (
        select(table, plans.c.name, plans.c.description)
        .join_from(table, plans, plans.c.id == table.c.price_plan_id)
        .where(table.c.account_id == account_id)
        .order_by(table.c.start_date)
    )
    if since is not None:
        query = query.where(table.c.end_date >= since.isoformat())
    if until is not None:
        query = query.where(table.c.start_date <= until.isoformat())
    return [
        Schedule(
            id=row.id,
            account_id=row.account_id,
            price_plan_id=row.price_plan_id,
            price_plan_name=row.name,
            price_plan_description=row.description,
            version=row.version,
            start_date=date.fromisoformat(row.start_date),
            end_date=date.fromisoformat(row.end_date),
            is_overridden=row.is_overridden,
            created_at=row.created_at,
        )
        for row in connection.execute(query)
    ]


def _aliases_of(connection: Connection, ids: Sequence[str]) -> defaultdict[str, list[Alias]]:
    table = tables.account_aliases
    found: defaultdict[str, list[Alias]] = defaultdict(list)
    for row in store.some(connection, table, table.c.account_id.in_(ids), order=[table.c.id]):
        found[row.account_id].append(alias_of(row))
    return found


def _plans_of(connection: Connection, ids: Sequence[str]) -> defaultdict[str, tuple[str | None, str | None]]:
    table, plans, day = tables.pricing_schedules, tables.price_plans, today().isoformat()
    query = (
        select(table.c.account_id, plans.c.id, plans.c.name)
        .join_from(table, plans, plans.c.id == table.c.price_plan_id)
        .where(table.c.account_id.in_(ids), table.c.start_date <= day, table.c.end_date >= day)
    )
    found: defaultdict[str, tuple[str | None, str | None]] = defaultdict(lambda: (None, None))
    for account_id, plan_id, name in connection.execute(query):
        found[account_id] = (plan_id, name)
    return found
