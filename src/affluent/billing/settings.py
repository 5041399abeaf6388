"""Settings: values that integrations keep on an entity."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from affluent.billing import reading
from affluent.billing.errors import Missing, Refused, Taken
from affluent.billing.ledger import Changed, Ledger
from affluent.billing.schemas import InlineSetting, NewSetting, SettingChange
from affluent.billing.views import Setting, Slice
from affluent.kit import clock
from affluent.store import billing as store
from affluent.store.tables import billing as tables

S = tables.settings
_ENTITIES = {
    "CUSTOMER": tables.customers,
    "ACCOUNT": tables.accounts,
    "INVOICE": tables.invoices,
    "PRICE_PLAN": tables.price_plans,
}
"""Entities kept here; settings of others (ORGANIZATION, USAGE_METER, …) are kept without a look at the entity."""


Saved = Callable[[Connection, Sequence[str], str, str], None]
"""Told of a saved setting in its transaction: the accounts that it is about, its id, and its value."""


class Settings:
    """Use cases of settings."""

    def __init__(self, ledger: Ledger, saved: Saved) -> None:
        self._ledger = ledger
        self._saved = saved

    async def create(self, new: NewSetting) -> Setting:
        """Keep a new setting. Raises Missing for an unknown entity, Taken when there is one of this id."""

        def unit(connection: Connection) -> Changed[Setting]:
            _entity(connection, new.entity_type, new.entity_id)
            setting = add(connection, new.entity_type, new.entity_id, new)
            self._tell(connection, setting)
            return setting, ()

        return await self._ledger.change(unit)

    async def get(self, full_id: str) -> Setting:
        """One setting by its full id; raises Missing."""
        return await self._ledger.read(lambda connection: _one(connection, full_id))

    async def change(self, full_id: str, change: SettingChange) -> Setting:
        """Change name, value or type; raises Missing."""

        def unit(connection: Connection) -> Changed[Setting]:
            _one(connection, full_id)
            values = change.model_dump(exclude_none=True)
            row = store.change(connection, S, S.c.full_id == full_id, **values, updated_at=clock.now())
            if row is None:
                raise _missing(full_id)
            setting = reading.setting_of(row)
            self._tell(connection, setting)
            return setting, ()

        return await self._ledger.change(unit)

    def _tell(self, connection: Connection, setting: Setting) -> None:
        accounts = tables.accounts
        if setting.entity_type == reading.ACCOUNT:
            self._saved(connection, [setting.entity_id], setting.id, setting.value)
        elif setting.entity_type == reading.CUSTOMER:
            rows = store.some(
                connection, accounts, accounts.c.customer_id == setting.entity_id, order=[accounts.c.key], limit=200
            )
            self._saved(connection, [row.id for row in rows], setting.id, setting.value)

    async def delete(self, full_id: str) -> None:
        """Remove a setting; raises Missing."""

        def unit(connection: Connection) -> Changed[None]:
            if not store.remove(connection, S, S.c.full_id == full_id):
                raise _missing(full_id)
            return None, ()

        await self._ledger.change(unit)

    async def find(
        self,
        *,
        entity_type: str = "",
        entity_id: str = "",
        setting_id: str = "",
        namespace: str = "",
        limit: int = 20,
        after: str = "",
    ) -> Slice[Setting]:
        """Settings by full id; empty conditions match all."""
        wanted = {
            S.c.entity_type: entity_type,
            S.c.entity_id: entity_id,
            S.c.id: setting_id,
            S.c.namespace: namespace,
        }
        conditions = [column == value for column, value in wanted.items() if value]

        def unit(connection: Connection) -> Slice[Setting]:
            rows = store.page(connection, S, *conditions, key=S.c.full_id, limit=limit, after=after, ascending=True)
            following = rows[limit - 1].full_id if len(rows) > limit else ""
            return Slice(items=tuple(reading.setting_of(row) for row in rows[:limit]), next=following)

        return await self._ledger.read(unit)


def add(connection: Connection, entity_type: str, entity_id: str, new: InlineSetting) -> Setting:
    """Keep a setting of an entity that is known to be there; raises Taken."""
    full_id = f"setting.{new.namespace}.{new.id}.{entity_type}.{entity_id}"
    if store.one(connection, S, S.c.full_id == full_id) is not None:
        raise Taken(f"The setting {full_id} is there already; change it with PATCH.", field="id")
    now = clock.now()
    values = {
        "full_id": full_id,
        "id": new.id,
        "namespace": new.namespace,
        "entity_type": entity_type,
        "entity_id": entity_id,
        "name": new.name,
        "value": new.value,
        "data_type": new.data_type,
        "created_at": now,
        "updated_at": now,
    }
    return reading.setting_of(store.add(connection, S, values))


def add_all(connection: Connection, entity_type: str, entity_id: str, given: Sequence[InlineSetting]) -> None:
    """Keep the settings that came with a new entity; raises Refused when an id comes twice."""
    if len({(one.namespace, one.id) for one in given}) < len(given):
        raise Refused("The same setting is given twice.", field="settings")
    for one in given:
        add(connection, entity_type, entity_id, one)


def _entity(connection: Connection, entity_type: str, entity_id: str) -> None:
    table = _ENTITIES.get(entity_type)
    if table is not None and store.one(connection, table, table.c.id == entity_id) is None:
        raise Missing(f"There is no {entity_type} {entity_id!r}.", field="entityId")


def _one(connection: Connection, full_id: str) -> Setting:
    row = store.one(connection, S, S.c.full_id == full_id)
    if row is None:
        raise _missing(full_id)
    return reading.setting_of(row)


def _missing(full_id: str) -> Missing:
    return Missing(f"There is no setting {full_id!r}. A full id is setting.<namespace>.<id>.<entityType>.<entityId>.")
