"""Aliases: other ids of an account, for good or for a time."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import Connection

from affluent.billing import events, reading
from affluent.billing.errors import Missing, Refused, Taken
from affluent.billing.ledger import Changed, Ledger
from affluent.billing.schemas import AddAliases, NewAlias, RemoveAliases
from affluent.billing.views import Account, Alias
from affluent.kit import clock
from affluent.store import billing as store
from affluent.store.tables import billing as tables

L = tables.account_aliases
MOST = 10
"""Aliases that an account may have."""


class Aliases:
    """Use cases of aliases."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def find(self, account_id: str) -> tuple[Alias, ...]:
        """The aliases of an account; raises Missing."""
        account = await self._ledger.read(lambda connection: reading.account(connection, account_id))
        return account.aliases

    async def add(self, account_id: str, given: AddAliases) -> Account:
        """Add aliases. Raises Missing for an unknown account, Taken for an alias of another one."""

        def unit(connection: Connection) -> Changed[Account]:
            before = _account(connection, account_id)
            if not given.aliases and not given.account_aliases:
                raise Refused("Give at least one alias.", field="aliases")
            add(connection, account_id, plain=given.aliases or (), dated=given.account_aliases or ())
            return _told(connection, before)

        return await self._ledger.change(unit)

    async def remove(self, account_id: str, given: RemoveAliases) -> Account:
        """Remove aliases by value, or by id from a time on. Raises Missing for one that the account does not have."""

        def unit(connection: Connection) -> Changed[Account]:
            before = _account(connection, account_id)
            if not given.aliases and not given.account_aliases:
                raise Refused("Give at least one alias.", field="aliases")
            now = clock.now()
            mine = L.c.account_id == account_id
            for value in given.aliases or ():
                if not store.remove(connection, L, mine, L.c.value == value):
                    raise Missing(f"The account {account_id} has no alias {value!r}.", field="aliases")
            for end in given.account_aliases or ():
                if end.from_ is not None and end.from_ > now:
                    changed = store.change(
                        connection, L, mine, L.c.id == end.id, effective_until=end.from_, updated_at=now
                    )
                    found = changed is not None
                else:
                    found = store.remove(connection, L, mine, L.c.id == end.id) > 0
                if not found:
                    raise Missing(f"The account {account_id} has no alias of id {end.id!r}.", field="accountAliases")
            return _told(connection, before)

        return await self._ledger.change(unit)


def add(connection: Connection, account_id: str, *, plain: Sequence[str], dated: Sequence[NewAlias]) -> None:
    """Insert aliases of an account; raises Taken when one belongs to another account."""
    now = clock.now()
    given = [NewAlias(value=value) for value in plain] + list(dated)
    mine = {row.value for row in store.some(connection, L, L.c.account_id == account_id)}
    if len(mine | {alias.value for alias in given}) > MOST:
        raise Refused(f"An account has at most {MOST} aliases.", field="aliases")
    for alias in given:
        if alias.value in mine:
            continue
        starts, ends = alias.effective_from, alias.effective_until
        if starts is not None and ends is not None and ends <= starts:
            raise Refused("Must lie after effectiveFrom.", field="accountAliases.effectiveUntil")
        if store.one(connection, L, L.c.value == alias.value) is not None:
            raise Taken(f"The alias {alias.value!r} belongs to another account.", field="aliases")
        mine.add(alias.value)
        values = {
            "id": str(uuid.uuid4()),
            "account_id": account_id,
            "value": alias.value,
            "effective_from": starts,
            "effective_until": ends,
            "created_at": now,
            "updated_at": now,
        }
        store.add(connection, L, values)


def _account(connection: Connection, account_id: str) -> Account:
    account = reading.account(connection, account_id, lock=True)
    if account.status == "ARCHIVED":
        raise Refused(f"The account {account_id} is archived and cannot be changed.")
    return account


def _told(connection: Connection, before: Account) -> Changed[Account]:
    about = events.party(connection, before.id)
    if about.account.aliases == before.aliases:
        return before, ()
    return about.account, [events.account_updated(about, ["aliases"])]
