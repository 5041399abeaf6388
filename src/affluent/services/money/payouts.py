"""The payout check as a use case: the commissions of one tracker connection, held against all that is known of their sales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, select

from affluent.domain.money.effects import EffectKind
from affluent.domain.money.facts import Fact
from affluent.domain.money.payout import CheckedCommission, PayoutCheck, PayoutRules, PromoterPayout, payout_check
from affluent.domain.money.rounding import Places, iso
from affluent.engine.plans import bind
from affluent.kit import clock
from affluent.kit.csv_text import safe, written
from affluent.kit.money import Money, MoneyError
from affluent.sdk import App
from affluent.sdk.facts import PositionCall
from affluent.services.errors import Conflict, Invalid, NotFound
from affluent.store import facts as store
from affluent.store import tables
from affluent.store.database import Database
from affluent.vault.envelope import Vault

COLUMNS = (
    "row", "promoter_id", "currency", "earned", "pending", "approved", "held", "to_pay", "owed_back", "paid",
    "paid_wrongly", "commission_id", "sale_id", "amount", "reasons", "is_final", "sentence",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerView:
    """A connection whose promoters are paid."""

    id: str
    name: str
    app: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutCheckView:
    """The payout check of one tracker connection. Amounts are minor units of their currency."""

    connection_id: str
    name: str
    as_of: date
    """The last day that counts."""
    zone: str
    hold_days: int
    promoters: tuple[PromoterPayout, ...]
    held: tuple[CheckedCommission, ...]
    paid_wrongly: tuple[CheckedCommission, ...]
    not_money: tuple[CheckedCommission, ...]

    @property
    def is_clean(self) -> bool:
        """Whether all that is approved may be paid, and nothing was paid wrongly."""
        return not any(item.held for item in (*self.held, *self.paid_wrongly))

    def sums(self, name: str) -> dict[str, int]:
        """Currency → the sum of one of the promoters' amounts, e.g. "held"; only those that are not 0."""
        sums: dict[str, int] = {}
        for promoter in self.promoters:
            sums[promoter.currency] = sums.get(promoter.currency, 0) + getattr(promoter, name)
        return {currency: amount for currency, amount in sums.items() if amount}


class Payouts:
    """Use cases of payouts to promoters."""

    def __init__(self, *, database: Database, apps: Mapping[str, App], vault: Vault, zone: str) -> None:
        self._database = database
        self._apps = apps
        self._vault = vault
        self.zone = zone
        """Time zone of the days."""

    async def trackers(self) -> list[TrackerView]:
        """The connections whose promoters can be checked, by name."""
        return await self._database.read(lambda connection: [_view(row) for row in self._rows(connection)])

    async def check(self, connection_id: str = "", *, as_of: date | None = None, hold_days: int = 0) -> PayoutCheckView:
        """Check a tracker's commissions as they stood at the end of a day; today's when none is given.

        The connection may be left out where there is only one. Raises NotFound, Invalid, and Conflict when there is none.
        """
        day = as_of or clock.now().astimezone(ZoneInfo(self.zone)).date()
        end = _end_of(day, self.zone)
        hold = timedelta(days=hold_days)

        def unit(connection: Connection) -> PayoutCheckView:
            row = self._row(connection, connection_id)
            rules = PayoutRules(source=row.id, hold=hold, places=self._places(row))
            made = payout_check(_facts(connection, row.id), as_of=end, rules=rules)
            return _checked(row, made, day, self.zone, hold_days)

        return await self._database.read(unit)

    def _rows(self, connection: Connection) -> Sequence[Row[Any]]:
        keys = [app.key for app in self._apps.values() if _sale_call(app) is not None]
        connections = tables.connections
        query = select(connections).where(connections.c.app.in_(keys)).order_by(connections.c.name, connections.c.id)
        return connection.execute(query).all()

    def _row(self, connection: Connection, connection_id: str) -> Row[Any]:
        rows = self._rows(connection)
        if connection_id:
            known = next((row for row in rows if row.id == connection_id), None)
            if known is None:
                raise NotFound(f"There is no connection {connection_id!r} to an affiliate tracker.")
            return known
        if not rows:
            raise Conflict("There is no connection to an affiliate tracker yet. Connect one under Apps.")
        if len(rows) > 1:
            names = ", ".join(f"{row.id} ({row.name})" for row in rows)
            raise Invalid(f"Name the connection whose promoters are paid: {names}.", field="connection")
        return rows[0]

    def _places(self, row: Row[Any]) -> Places:
        """How the tracker counts each currency; as ISO 4217 does where its credentials cannot be opened."""
        call = _sale_call(self._apps[row.app])
        credentials = bind(row, self._apps, self._vault).credentials
        return call.places(credentials) if call is not None and credentials is not None else iso


def _sale_call(app: App) -> PositionCall | None:
    """How an app is told of a sale; only trackers are."""
    calls = (action.position for action in app.actions.values() if action.position is not None)
    return next((call for call in calls if call.kind is EffectKind.SALE), None)


def _view(row: Row[Any]) -> TrackerView:
    return TrackerView(id=row.id, name=row.name, app=row.app)


def _facts(connection: Connection, source: str) -> list[Fact]:
    """The tracker's commissions, and all that is known of their sales."""
    commissions = store.commissions_of(connection, source)
    ids = {named for fact in commissions for named in (fact.sale_id, fact.entry_id)} - {""}
    heads = {named.partition(":")[0] for named in ids}  # `INV-1:pay_1` is a part of INV-1
    return [*commissions, *store.of_sales(connection, ids | heads)]


def _end_of(day: date, zone: str) -> datetime:
    try:
        following = day + timedelta(days=1)
        return datetime.combine(following, time(), ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))
    except OverflowError as error:
        raise Invalid("Choose a day that the calendar has.", field="as_of") from error


def _checked(row: Row[Any], made: PayoutCheck, day: date, zone: str, hold_days: int) -> PayoutCheckView:
    return PayoutCheckView(
        connection_id=row.id,
        name=row.name,
        as_of=day,
        zone=zone,
        hold_days=hold_days,
        promoters=made.promoters,
        held=made.held,
        paid_wrongly=made.paid_wrongly,
        not_money=made.not_money,
    )


def as_csv(check: PayoutCheckView) -> str:
    """A row for each promoter and currency, then one for each commission that should not be paid, or was wrongly."""
    rows: list[Sequence[object]] = [COLUMNS]
    rows += [_promoter_row(item) for item in check.promoters]
    for name in ("held", "paid_wrongly", "not_money"):
        rows += [_commission_row(name, item) for item in getattr(check, name)]
    return written(rows)


def _promoter_row(item: PromoterPayout) -> Sequence[object]:
    names = ("earned", "pending", "approved", "held", "to_pay", "owed_back", "paid", "paid_wrongly")
    amounts = [_major(getattr(item, name), item.currency) for name in names]
    return ["promoter", safe(item.promoter_id), item.currency, *amounts, "", "", "", "", "", ""]


def _commission_row(name: str, item: CheckedCommission) -> Sequence[object]:
    held = _major(item.held, item.currency)
    return [
        name, safe(item.promoter_id), item.currency, "", "", "", held if name == "held" else "", "", "", "",
        held if name == "paid_wrongly" else "", safe(item.commission_id), safe(item.sale_id),
        item.amount if name == "not_money" else _major(item.amount, item.currency), " ".join(item.reasons),
        "yes" if item.is_final else "no", safe(item.sentence),
    ]  # fmt: skip


def _major(minor: int, currency: str) -> str:
    """An exact decimal; without a currency the tracker's own number."""
    try:
        return format(Money(minor, currency).major, "f")
    except MoneyError:
        return str(minor)


def payout_text(minor: int, currency: str) -> str:
    """For people: USD 2,499.00; without a currency the tracker's own number."""
    try:
        return str(Money(minor, currency))
    except MoneyError:
        return f"{minor:,} {currency or 'without a currency'}"
