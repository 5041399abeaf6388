"""Every night the month so far is reconciled; new unexplained money becomes an event that flows can listen to."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from affluent.domain.event import EventDraft
from affluent.engine.intake import Intake
from affluent.kit import clock
from affluent.kit.jsons import JSONObject
from affluent.kit.logs import logger
from affluent.kit.money import Money
from affluent.services.errors import Conflict
from affluent.services.reconciliation.service import Reconciliation
from affluent.services.reconciliation.views import StatementView
from affluent.store import tables
from affluent.store.database import Database

_log = logger("reconciliation")
_HOUR = 3
APP, EVENT = "reconciliation", "statement.unexplained"
NIGHTLY = "nightly/"


class Nightly:
    """Begins nightly statements, goes on with unfinished ones, and tells of what they found."""

    def __init__(self, *, database: Database, reconciliation: Reconciliation, intake: Intake, zone: str) -> None:
        self._database = database
        self._reconciliation = reconciliation
        self._intake = intake
        self._zone = zone
        self._begun: date | None = None

    async def sweep(self) -> None:
        """Whatever is due now; called every few seconds."""
        await self._begin()
        if await self._reconciliation.advance():
            await self._tell()

    async def _begin(self) -> None:
        """Of several processes one begins: the name of the statement is taken once."""
        here = clock.now().astimezone(ZoneInfo(self._zone))
        if here.hour < _HOUR or self._begun == here.date():
            return
        last = here.date() - timedelta(days=1)
        if await self._database.read(_has_books):
            try:
                name = f"{NIGHTLY}{last.isoformat()}"
                await self._reconciliation.begin(
                    last.replace(day=1), last, zone=self._zone, author="nightly", name=name
                )
            except Conflict as known:  # another process was first, or the period is closed
                _log.info("no nightly statement", reason=known.message)
        self._begun = here.date()

    async def _tell(self) -> None:
        nightly = [item for item in await self._reconciliation.find(limit=40) if item.name.startswith(NIGHTLY)]
        done = [item for item in nightly if item.phase == "done"]
        if not done or not _is_worse(done[0], done[1] if len(done) > 1 else None):
            return
        payload = payload_of(done[0])
        await self._database.write(lambda connection: self._accept(connection, payload))

    def _accept(self, connection: Connection, payload: JSONObject) -> None:
        links = tables.flow_connections
        query = select(links.c.id).where(links.c.enabled, links.c.trigger_app == APP, links.c.trigger_event == EVENT)
        drafts = [
            EventDraft(
                app=APP,
                source=link,
                type=EVENT,
                external_id=payload["statement_id"],
                occurred_at=clock.now(),
                payload=payload,
                title=payload["summary"],
                only_flow_connection=link,
            )
            for link in connection.execute(query).scalars()
        ]
        if drafts:
            self._intake.accept(connection, drafts)


def payload_of(statement: StatementView) -> JSONObject:
    """What a statement tells."""
    last = statement.period_end.astimezone(ZoneInfo(statement.zone)) - timedelta(seconds=1)
    first = statement.period_start.astimezone(ZoneInfo(statement.zone))
    open_ones = [figure for figure in statement.figures if figure.unexplained]
    count = sum(figure.unexplained_count for figure in open_ones)
    amounts = " and ".join(figure.text["unexplained"] for figure in open_ones)
    days = f"{first.date()} to {last.date()}"
    return {
        "statement_id": statement.id,
        "first_day": first.date().isoformat(),
        "last_day": last.date().isoformat(),
        "summary": f"{amounts} unexplained in {count} comparison{'s' if count != 1 else ''} of {days}",
        "remainders": [
            {
                "currency": figure.currency,
                "amount": format(Money(figure.unexplained, figure.currency).major, "f"),
                "lines": figure.unexplained_count,
            }
            for figure in open_ones
        ],
    }


def _is_worse(now: StatementView, before: StatementView | None) -> bool:
    """Whether there is unexplained money that the night before did not have; a new month begins anew."""
    earlier = before.remainder if before is not None and before.period_start == now.period_start else {}
    return any(left > earlier.get(currency, 0) for currency, left in now.remainder.items())


def _has_books(connection: Connection) -> bool:
    """Whether there is anything to compare with the workspace."""
    return connection.execute(select(tables.connections.c.id).limit(1)).first() is not None
