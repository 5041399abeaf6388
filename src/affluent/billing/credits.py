"""Credits: promotional amounts, granted once and for good, until they expire or are voided."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, or_

from affluent.billing import amounts, events, reading
from affluent.billing.accounts import open_account
from affluent.billing.errors import Missing, Refused
from affluent.billing.ledger import Changed, Ledger, billing_id
from affluent.billing.schemas import NewCredit, NewCredits
from affluent.billing.views import Credit, CreditBalance, Slice
from affluent.domain.event import EventDraft
from affluent.kit import clock
from affluent.kit.money import Money
from affluent.store import billing as store
from affluent.store.tables import billing as tables

C = tables.granted_credits


class Credits:
    """Use cases of credits."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def grant(self, new: NewCredits) -> tuple[Credit, ...]:
        """Grant all, or none. A repeated idempotency key answers the first credit. Raises Missing or Refused."""

        def unit(connection: Connection) -> Changed[tuple[Credit, ...]]:
            granted: list[Credit] = []
            drafts: list[EventDraft] = []
            # Locked in one order by everybody, so that two grants never wait for each other.
            for account_id in sorted({one.account_id for one in new.credit_requests}):
                reading.account(connection, account_id, lock=True)
            for index, one in enumerate(new.credit_requests):
                credit, told = _grant(connection, one, f"creditRequests.{index}")
                granted.append(credit)
                drafts += told
            return tuple(granted), drafts

        return await self._ledger.change(unit)

    async def get(self, credit_id: str) -> Credit:
        """One credit; raises Missing."""
        return await self._ledger.read(lambda connection: credit_of(_one(connection, credit_id)))

    async def find(
        self, *, account_id: str = "", credit_id: str = "", status: str = "", limit: int = 50, after: str = ""
    ) -> Slice[Credit]:
        """Credits, newest first; empty conditions match all."""
        conditions = [column == value for column, value in ((C.c.account_id, account_id), (C.c.id, credit_id)) if value]
        if status:
            conditions.append(_has_status(status))

        def unit(connection: Connection) -> Slice[Credit]:
            rows = store.page(connection, C, *conditions, key=C.c.id, limit=limit, after=after)
            following = rows[limit - 1].id if len(rows) > limit else ""
            return Slice(items=tuple(credit_of(row) for row in rows[:limit]), next=following)

        return await self._ledger.read(unit)

    async def void(self, credit_id: str) -> Credit:
        """Take the credit back; once more changes nothing. Raises Missing, and Refused when it has expired."""

        def unit(connection: Connection) -> Changed[Credit]:
            row = _one(connection, credit_id, lock=True)
            credit = credit_of(row)
            if credit.status == "VOIDED":
                return credit, ()
            if credit.status == "EXPIRED":
                raise Refused(f"The credit {credit_id} has expired; there is nothing left to void.")
            now = clock.now()
            changed = store.change(connection, C, C.c.id == credit_id, voided_at=now, updated_at=now)
            return credit_of(changed or row), ()

        return await self._ledger.change(unit)

    async def balance(self, account_id: str) -> CreditBalance:
        """What the account's credits come to today; raises Missing."""
        return await self._ledger.read(lambda connection: balance_of(connection, account_id))


def balance_of(connection: Connection, account_id: str) -> CreditBalance:
    """What the credits of an account come to today; raises Missing."""
    account = reading.account(connection, account_id)
    rows = store.some(connection, C, C.c.account_id == account_id, _has_status("ACTIVE"))
    current = [credit_of(row) for row in rows]
    begun = [credit for credit in current if credit.effective_from <= reading.today()]
    active = amounts.total([credit.amount for credit in current], account.currency)
    available = amounts.total([credit.amount for credit in begun], account.currency)
    return CreditBalance(
        active=active,
        available=available,
        inapplicable=active + -available,
        updated_at=max((credit.updated_at for credit in current), default=account.created_at),
    )


def credit_of(row: Row[Any]) -> Credit:
    """A credit's row as a view; its status is judged by today."""
    expired = row.effective_until is not None and row.effective_until < reading.today().isoformat()
    return Credit(
        id=row.id,
        account_id=row.account_id,
        customer_id=row.customer_id,
        purpose=row.purpose,
        priority=row.priority,
        amount=Money(row.amount_minor, row.currency),
        applicable_entity_ids=tuple(row.applicable_entity_ids),
        effective_from=date.fromisoformat(row.effective_from),
        effective_until=date.fromisoformat(row.effective_until) if row.effective_until else None,
        grantor_id=row.grantor_id,
        idempotency_key=row.idempotency_key,
        status="VOIDED" if row.voided_at else "EXPIRED" if expired else "ACTIVE",
        voided_at=row.voided_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _grant(connection: Connection, new: NewCredit, place: str) -> Changed[Credit]:
    account = open_account(connection, new.account_id)
    amount = amounts.exactly(new.credit_amount, account.currency, f"{place}.creditAmount")
    if new.effective_until is not None and new.effective_until < new.effective_from:
        raise Refused("Must not lie before effectiveFrom.", field=f"{place}.effectiveUntil")
    if new.idempotency_key is not None:
        known = store.one(connection, C, C.c.account_id == account.id, C.c.idempotency_key == new.idempotency_key)
        if known is not None:
            if known.amount_minor != amount.minor_units:
                raise Refused("It was used for a credit of another amount.", field=f"{place}.idempotencyKey")
            return credit_of(known), ()
    now = clock.now()
    values = {
        "id": billing_id("cred"),
        "account_id": account.id,
        "customer_id": account.customer_id,
        "purpose": new.purpose,
        "priority": new.priority,
        "currency": account.currency,
        "amount_minor": amount.minor_units,
        "applicable_entity_ids": list(new.applicable_entity_ids or ()),
        "effective_from": new.effective_from.isoformat(),
        "effective_until": new.effective_until.isoformat() if new.effective_until else None,
        "grantor_id": new.grantor_id or "",
        "idempotency_key": new.idempotency_key,
        "voided_at": None,
        "created_at": now,
        "updated_at": now,
    }
    credit = credit_of(store.add(connection, C, values))
    return credit, [events.credit_granted(events.party(connection, account.id), credit)]


def _has_status(status: str) -> ColumnElement[bool]:
    day = reading.today().isoformat()
    living, lasting = C.c.voided_at.is_(None), or_(C.c.effective_until.is_(None), C.c.effective_until >= day)
    if status == "VOIDED":
        return C.c.voided_at.is_not(None)
    if status == "EXPIRED":
        return and_(living, C.c.effective_until < day)
    return and_(living, lasting) if status == "ACTIVE" else C.c.id.is_(None)


def _one(connection: Connection, credit_id: str, *, lock: bool = False) -> Row[Any]:
    row = store.one(connection, C, C.c.id == credit_id, lock=lock)
    if row is None:
        raise Missing(f"There is no credit {credit_id!r}.")
    return row
