"""Reconciliation as a use case: books are read page by page and kept, then compared; closed periods do not change."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row

from affluent.domain.reconciliation.legs import lines as lines_of
from affluent.domain.reconciliation.statement import Class, Leg, Line, Totals
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, canonical
from affluent.kit.logs import logger
from affluent.kit.numbers import whole
from affluent.sdk import AppError, Retry, Window
from affluent.services.errors import Conflict, Invalid, NotFound, ServiceError
from affluent.services.reconciliation.journal_claims import Claims
from affluent.services.reconciliation.rules import rules_of
from affluent.services.reconciliation.sources import JOURNAL_APP, WORKSPACE_APP, Sources, rows_of
from affluent.services.reconciliation.views import LineView, StatementView, line, line_of, statement
from affluent.store import bulk, ledger
from affluent.store import snapshots as store
from affluent.store.configuration_lock import alone
from affluent.store.database import Database, StoreUnavailable

_log = logger("reconciliation")
_MARGIN = timedelta(days=3)
_LONGEST = timedelta(days=400)
_EXPORTED = 5_000
_WAITING = frozenset({Class.WAITING})
_GOOD = frozenset({Class.MATCHED, Class.NOT_REFERRED, Class.BELOW_MINIMUM, Class.OUTSIDE_PERIOD})
Progress = Callable[[StatementView], None]


class Reconciliation:
    """Use cases of statements."""

    def __init__(self, *, database: Database, sources: Sources) -> None:
        self._database = database
        self._sources = sources
        self._claims = Claims(sources.apps)

    async def begin(self, first: date, last: date, *, zone: str = "UTC", author: str, name: str = "") -> StatementView:
        """Begin to reconcile the days from first to last in a zone. Raises Invalid; Conflict when the period is closed."""
        start, end = bounds(first, last, zone)
        window = Window(start=start - _MARGIN, end=end + _MARGIN)
        values = {"period_start": start, "period_end": end, "zone": zone, "author": author, "name": name or None}

        def unit(connection: Connection) -> str:
            closed = store.locked_over(connection, start, end)
            if closed is not None:
                raise Conflict(f"This period is closed by {closed.id}. Open that statement, or choose other days.")
            made = store.begin(connection, values, self._sources.plan(connection, window))
            if made is None:
                raise Conflict(f"There is a statement named {name!r} already.", field="name")
            return made

        return await self.get(await self._database.write(alone(unit)))

    async def get(self, statement_id: str) -> StatementView:
        """One statement; raises NotFound."""
        return await self._database.read(lambda connection: _view(connection, statement_id))

    async def find(self, *, limit: int = 50, after: str = "") -> list[StatementView]:
        """Statements, newest first."""

        def unit(connection: Connection) -> list[StatementView]:
            rows = store.found(connection, limit=limit, before=after)
            return [statement(row, store.snapshots_of(connection, row.id)) for row in rows]

        return await self._database.read(unit)

    async def run(self, statement_id: str, progress: Progress | None = None) -> StatementView:
        """Read what is left to read, compare, and return the statement done. Goes on where it was interrupted."""
        lease = await self._database.write(lambda connection: store.take(connection, statement_id))
        if lease is None:
            return await self.get(statement_id)
        try:
            await self._read_books(statement_id, lease, progress)
            await self._add_late_invoices(statement_id)
            await self._add_claims(statement_id, lease)
            await self.compare(statement_id, lease)
        except (AppError, ServiceError) as error:
            again = isinstance(error, Retry)
            values = {"sentence": error.message, "leased_until": clock.now() + timedelta(minutes=1) if again else None}
            phase = {} if again else {"phase": "failed"}
            await self._database.write(lambda c: store.change(c, statement_id, **values, **phase))
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - logged; the statements behind this one go on
            _log.exception("a statement failed by a defect", statement=statement_id)
            sentence = f"A defect of this server ({type(error).__name__}) while the books were read; it was logged."
            failed = {"sentence": sentence, "leased_until": None, "phase": "failed"}
            await self._database.write(lambda c: store.change(c, statement_id, **failed))
        return await self.get(statement_id)

    async def advance(self) -> int:
        """Go on with every statement that nobody is at; returns how many."""
        waiting = await self._database.read(store.unfinished)
        for statement_id in waiting:
            await self.run(statement_id)
        return len(waiting)

    async def lines(
        self,
        statement_id: str,
        *,
        names: Sequence[str] = (),
        leg: str = "",
        currency: str = "",
        limit: int = 50,
        after: str = "",
    ) -> tuple[list[LineView], str]:
        """Lines of a class, and where the next page begins. Matched ones are compared anew from the snapshots."""
        _known(names, leg)
        if list(names) == [Class.MATCHED.value]:
            return await self._compared_anew(statement_id, leg, limit, after, currency=currency, only_matched=True)
        number = whole(after) or 0

        def unit(connection: Connection) -> list[Row[Any]]:
            _one(connection, statement_id)
            return list(
                store.lines(
                    connection, statement_id, names=names, leg=leg, currency=currency, limit=limit, after=number
                )
            )

        rows = await self._database.read(unit)
        following = str(rows[-1].number) if len(rows) == limit else ""
        return [line(line_of(row), row.number) for row in rows], following

    async def lock(self, statement_id: str, *, author: str) -> StatementView:
        """Close the period: it is not reconciled or repaired again. Raises Conflict while it is not done."""

        def unit(connection: Connection) -> None:
            row = _one(connection, statement_id)
            if row.phase != "done":
                raise Conflict("Only a statement that is done can be closed.")
            other = store.locked_over(connection, row.period_start, row.period_end)
            if other is not None and other.id != statement_id:
                raise Conflict(f"A part of this period is closed by {other.id} already.")
            store.change(connection, statement_id, locked_at=clock.now(), locked_by=author)

        await self._database.write(alone(unit))
        return await self.get(statement_id)

    async def unlock(self, statement_id: str) -> StatementView:
        """Open a closed period again."""

        def unit(connection: Connection) -> None:
            _one(connection, statement_id)
            store.change(connection, statement_id, locked_at=None, locked_by="")

        await self._database.write(alone(unit))
        return await self.get(statement_id)

    async def problems(self, statement_id: str) -> list[str]:
        """What does not hold any more: snapshots and lines against their digests. Empty: nothing was changed."""

        def unit(connection: Connection) -> list[str]:
            row = _one(connection, statement_id)
            wrong = [
                f"The snapshot {item.id} of {item.app} was changed after it was taken."
                for item in store.snapshots_of(connection, statement_id)
                if item.phase == "complete" and store.digest_of(connection, item.id) != item.digest
            ]
            kept = [line_of(line_row) for line_row in store.lines(connection, statement_id, limit=10_000_000)]
            if row.digest and _digest(statement_id, kept, row.totals) != row.digest:
                wrong.append("The lines or totals were changed after the comparison.")
            return wrong

        return await self._database.read(unit)

    async def _read_books(self, statement_id: str, lease: int, progress: Progress | None) -> None:
        pending = await self._database.read(lambda connection: store.snapshots_of(connection, statement_id))
        for snapshot in pending:
            current = snapshot
            while current.phase == "reading" and current.app != JOURNAL_APP:
                await self._read_page(current, lease)
                current = await self._snapshot(statement_id, current.id)
                if progress is not None:
                    progress(await self.get(statement_id))

    async def _snapshot(self, statement_id: str, snapshot_id: str) -> Row[Any]:
        return await self._database.read(lambda connection: _snapshot(connection, statement_id, snapshot_id))

    async def _claimed(self, statement_id: str, after: str) -> tuple[list[bulk.Row], str]:
        return await self._database.read(lambda connection: self._claims.page(connection, statement_id, after))

    async def _read_page(self, snapshot: Row[Any], lease: int) -> None:
        window = Window(start=snapshot.window_start, end=snapshot.window_end)
        if snapshot.app == WORKSPACE_APP:
            page = await self._database.read(lambda connection: self._sources.page(connection, window, snapshot.cursor))
        else:
            bound = await self._database.read(lambda c: self._sources.bound(c, snapshot.connection_id))
            page = await self._sources.read(snapshot.app, bound, window, snapshot.cursor)

        def unit(connection: Connection) -> None:
            _still(connection, snapshot.statement_id, lease)
            store.keep(connection, snapshot, rows_of(page.records), page.cursor, more=page.more)

        await self._database.write(unit)

    async def _add_late_invoices(self, statement_id: str) -> None:
        """Invoices that are sold or refunded now, and were paid long before."""

        def unit(connection: Connection) -> None:
            cases = list(store.without_invoice(connection, statement_id))
            late = [
                record
                for start in range(0, len(cases), 500)
                for record in self._sources.invoices(connection, cases[start : start + 500])
            ]
            if late:
                own = store.snapshots_of(connection, statement_id)[0]
                span = {"window_start": own.window_start, "window_end": own.window_end}
                _fill(connection, statement_id, {"app": WORKSPACE_APP, "connection_id": "", **span}, rows_of(late))

        await self._database.write(lambda connection: store.link(connection, statement_id))
        await self._database.write(unit)

    async def _add_claims(self, statement_id: str, lease: int) -> None:
        own = (await self._database.read(lambda c: store.snapshots_of(c, statement_id)))[0]
        span = {"window_start": own.window_start, "window_end": own.window_end}
        source = {"app": JOURNAL_APP, "connection_id": "", **span}
        journal = await self._database.write(lambda c: store.journal_of(c, statement_id, source))
        after = journal.cursor or ""
        while journal.phase == "reading":
            rows, following = await self._claimed(statement_id, after)

            def unit(connection: Connection, rows: list[bulk.Row] = rows, following: str = following) -> None:
                _still(connection, statement_id, lease)
                store.keep(connection, journal, rows, following, more=bool(following))

            await self._database.write(unit)
            if not following:
                return
            after = following

    async def compare(self, statement_id: str, lease: int) -> None:
        """Compare the snapshots that were taken, under a lease; `run` does it when everything is read."""
        compared = await self._database.read(lambda connection: self._compared(connection, statement_id))

        def unit(connection: Connection) -> None:
            _still(connection, statement_id, lease)
            store.write_lines(connection, statement_id, compared.lines)
            totals = compared.totals()
            digest = _digest(statement_id, compared.lines, totals)
            ledger.taken(connection, statement_id, digest)
            store.change(
                connection,
                statement_id,
                phase="done",
                sentence="",
                totals=totals,
                days=compared.days,
                remainder=dict(compared.sums.remainder()),
                digest=digest,
                done_at=clock.now(),
                leased_until=None,
            )

        await self._database.write(unit)

    def _compared(self, connection: Connection, statement_id: str) -> _Compared:
        row = _one(connection, statement_id)
        made = _Compared(lines=[], sums=Totals(), days=[])
        zone, days = ZoneInfo(row.zone), dict[str, list[int]]()
        day_of: dict[int, str] = {}
        for item in lines_of(store.records(connection, statement_id), rules_of(connection, row, self._sources.apps)):
            made.sums.add(item)
            if item.name is not Class.MATCHED:
                made.lines.append(item)
            if item.leg is Leg.SALE:
                hour = item.at // 900_000_000
                day = day_of.get(hour) or day_of.setdefault(hour, _day(item.at, zone))
                counts = days.setdefault(day, [0, 0, 0])
                counts[0 if item.name in _GOOD else 1 if item.name in _WAITING else 2] += 1
        names = ("matched", "pending", "different")
        made.days = [{"day": day, **dict(zip(names, counts, strict=True))} for day, counts in sorted(days.items())]
        return made

    async def everything(self, statement_id: str) -> AsyncIterator[Sequence[LineView]]:
        """All lines, matched ones too, some at a time: for exports. Raises NotFound."""
        after = ""
        while True:
            page_lines, after = await self._compared_anew(statement_id, "", _EXPORTED, after, only_matched=False)
            yield page_lines
            if not after:
                return

    async def _compared_anew(
        self, statement_id: str, leg: str, limit: int, after: str, *, currency: str = "", only_matched: bool
    ) -> tuple[list[LineView], str]:
        def unit(connection: Connection) -> tuple[list[LineView], str]:
            rules = rules_of(connection, _one(connection, statement_id), self._sources.apps)
            page_lines: list[LineView] = []
            for item in lines_of(store.records(connection, statement_id, after=after), rules):
                if len(page_lines) >= limit and page_lines[-1].invoice_id != item.case_id:
                    return page_lines, page_lines[-1].invoice_id
                matches = leg in ("", item.leg) and currency in ("", item.currency)
                if matches and (item.name is Class.MATCHED or not only_matched):
                    page_lines.append(line(item))
            return page_lines, ""

        return await self._database.read(unit)


@dataclass(slots=True, kw_only=True)
class _Compared:
    lines: list[Line]
    sums: Totals
    days: list[JSONObject]

    def totals(self) -> list[JSONObject]:
        """As they are kept."""
        return [
            {
                "currency": currency,
                "leg": leg.value,
                "name": name.value,
                "count": total.count,
                "ours": total.ours,
                "theirs": total.theirs,
                "open": total.open,
            }
            for (currency, leg, name), total in sorted(self.sums.sums.items())
        ]


def bounds(first: date, last: date, zone: str) -> tuple[datetime, datetime]:
    """The instants of whole days in a zone; raises Invalid naming the field."""
    place = clock.zone(zone)
    if place is None:
        raise Invalid(f"{zone[:64]!r} is not a time zone; write e.g. Asia/Kolkata.", field="zone")
    for field, given in (("from", first), ("to", last)):
        if clock.day(given.isoformat()) is None:
            raise Invalid("Must be a day from 1970-01-01 to 2199-12-31.", field=field)
    if last < first:
        raise Invalid("Must not lie before the first day.", field="to")
    start = datetime.combine(first, time(), place)
    end = datetime.combine(last + timedelta(days=1), time(), place)
    if end - start > _LONGEST:
        raise Invalid(f"At most {_LONGEST.days} days at once.", field="to")
    return start, end


def _known(names: Sequence[str], leg: str) -> None:
    for name in names:
        if name not in tuple(Class):
            raise Invalid(f"There is no class {name!r}; there are {', '.join(Class)}.", field="class")
    if leg and leg not in tuple(Leg):
        raise Invalid(f"There is no leg {leg!r}; there are {', '.join(Leg)}.", field="leg")


def _day(at: int, zone: ZoneInfo) -> str:
    return clock.from_micros(at).astimezone(zone).date().isoformat()


def _digest(statement_id: str, lines: Sequence[Line], totals: object) -> str:
    sha = hashlib.sha256(canonical([statement_id, totals]))
    for item in lines:
        sha.update(canonical([*item[:10], [list(pair) for pair in item.records], item.foreign]))
    return sha.hexdigest()


def _view(connection: Connection, statement_id: str) -> StatementView:
    return statement(_one(connection, statement_id), store.snapshots_of(connection, statement_id))


def _one(connection: Connection, statement_id: str) -> Row[Any]:
    row = store.one(connection, statement_id)
    if row is None:
        raise NotFound(f"There is no statement {statement_id}.")
    return row


def _snapshot(connection: Connection, statement_id: str, snapshot_id: str) -> Row[Any]:
    return next(item for item in store.snapshots_of(connection, statement_id) if item.id == snapshot_id)


def _still(connection: Connection, statement_id: str, lease: int) -> None:
    if not store.holds(connection, statement_id, lease):
        raise Conflict("Another worker goes on with this statement.")


def _fill(connection: Connection, statement_id: str, source: dict[str, Any], rows: Sequence[Any]) -> None:
    snapshot_id = store.add_snapshot(connection, statement_id, source)
    store.keep(connection, _snapshot(connection, statement_id, snapshot_id), rows, None, more=False)
