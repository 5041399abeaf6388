"""One list of the customers that this server bills and of those that other systems keep, newest first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from affluent.billing.directory import Listed
from affluent.billing.views import Account
from affluent.bootstrap import Hub
from affluent.services.directory.directory_sync import SyncedAccount, SyncedCustomer

_OWN, _MIRRORED = "customer.", "mir_"
"""What keys of the two begin with; the same 26 characters of time follow, so that one place is a place in both lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An account on the list."""

    id: str
    name: str
    currency: str
    status: str
    price_plan_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A customer on the list."""

    place: str
    id: str
    name: str
    email: str
    status: str
    accounts: tuple[Line, ...]
    number: int
    """How many accounts it has in all."""
    connection_id: str = ""
    """Of the system that keeps it; empty: this server."""
    source: str = ""
    """Name of that connection."""

    @property
    def address(self) -> str:
        """The address of the customer's page."""
        return f"/customers/{quote(self.id)}{self._query}"

    def address_of(self, account_id: str) -> str:
        """The address of the page of one of its accounts."""
        return f"/accounts/{quote(account_id)}{self._query}"

    @property
    def _query(self) -> str:
        return f"?source={quote(self.connection_id)}" if self.connection_id else ""


async def entries(hub: Hub, *, search: str = "", limit: int = 25, after: str = "") -> tuple[tuple[Entry, ...], str]:
    """A page of both, and the place to go on after; empty on the last page."""
    own, mirrored = await asyncio.gather(
        hub.billing.directory.find(search=search, limit=limit, after=after and _OWN + after),
        hub.mirror.find(search=search, limit=limit, after=after and _MIRRORED + after),
    )
    merged = [*map(_own, own), *map(entry_of, mirrored)]
    merged.sort(key=lambda entry: entry.place, reverse=True)
    has_more = len(merged) > limit or own.next or mirrored.next
    return tuple(merged[:limit]), merged[limit - 1].place if has_more else ""


def _own(listed: Listed) -> Entry:
    return Entry(
        place=listed.customer.key.removeprefix(_OWN),
        id=listed.customer.id,
        name=listed.customer.name,
        email=listed.customer.email,
        status=listed.customer.status,
        accounts=_lines(listed.accounts),
        number=listed.number,
    )


def entry_of(customer: SyncedCustomer) -> Entry:
    """A mirrored customer as a line of the list."""
    return Entry(
        place=customer.key.removeprefix(_MIRRORED),
        id=customer.id,
        name=customer.name,
        email=customer.email,
        status=customer.status,
        accounts=_lines(customer.accounts),
        number=customer.number,
        connection_id=customer.connection_id,
        source=customer.source,
    )


def _lines(accounts: Sequence[Account | SyncedAccount]) -> tuple[Line, ...]:
    return tuple(
        Line(
            id=account.id,
            name=account.name,
            currency=account.currency,
            status=account.status,
            price_plan_name=(account.price_plan_name or "") if isinstance(account, Account) else "",
        )
        for account in accounts
    )
