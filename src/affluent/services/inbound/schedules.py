"""Schedules: each moment of a cron line becomes one event, made by the first worker that sees it.

After a time without a worker only the last missed moment fires: a report that is due at nine is written when the server is back
at ten, and a flow that is due every minute does not start sixty times.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row

from affluent.engine.event_drafts import draft_from
from affluent.engine.intake import Intake
from affluent.engine.plans import Bound
from affluent.kit import clock, cron
from affluent.kit.jsons import JSONObject
from affluent.sdk import Rejected, TriggerKind
from affluent.services.inbound.background_jobs import BackgroundJob, drop, go_on, keep
from affluent.services.inbound.job_targets import Target
from affluent.store.database import Database


class Schedules:
    """The background job of a schedule. Its cursor is the next moment of its cron line."""

    kind = "schedule"
    on_request = False
    outlives = False

    def __init__(self, *, database: Database, intake: Intake) -> None:
        self._database = database
        self._intake = intake

    def subject(self, target: Target) -> str | None:
        """The cron line with its time zone."""
        if not target.enabled or target.trigger.kind is not TriggerKind.SCHEDULE:
            return None
        return "@".join(_line(target))

    def unneeded(self, connection: Connection, row: Row[Any]) -> None:
        """A disabled schedule misses nothing: it begins with the next moment when it is enabled again."""
        drop(connection, row)

    def changed(self, connection: Connection, row: Row[Any], values: dict[str, Any]) -> None:
        """Begin with the next moment of another line."""
        go_on(connection, row, values)

    async def perform(self, job: BackgroundJob, target: Target | None, bound: Bound | None) -> None:
        """Fire the moment that is due, unless the job is new, and wait for the next one."""
        del bound
        if target is None:
            return
        line, zone = _line(target)
        now = clock.now()
        try:
            following = cron.following(line, zone, now)
            waited = datetime.fromisoformat(job.cursor) if job.cursor else None
            moment = cron.last(line, zone, waited, now) if waited is not None and waited <= now else None
        except (ValueError, KeyError, OSError) as error:
            raise Rejected(f"The schedule {line!r} in {zone!r} cannot be read: {error}") from error

        def unit(connection: Connection) -> None:
            fired = 0
            if moment is not None:
                draft = draft_from(
                    target.trigger,
                    app=target.app.key,
                    source=target.id,
                    external_id=f"{line}@{zone}/{moment.isoformat()}",
                    payload=payload_of(moment, zone),
                    occurred_at=moment,
                    only_flow_connection=target.id,
                )
                fired = sum(accepted.is_new for accepted in self._intake.accept(connection, [draft]))
            sentence = "" if following else f"The line {line!r} names no moment any more."
            values = {
                "phase": "live" if following else "done",
                "cursor": following.isoformat() if following else None,
                "due_at": following,
            }
            keep(connection, job, **values, items=job.items + fired, sentence=sentence)

        await self._database.write(unit)


def payload_of(moment: datetime, zone: str) -> JSONObject:
    """The payload of a schedule's event: the moment in UTC and in its time zone."""
    return {
        "scheduled_at": moment.astimezone(UTC).isoformat(),
        "local_time": moment.astimezone(ZoneInfo(zone)).isoformat(),
        "timezone": zone,
    }


def _line(target: Target) -> tuple[str, str]:
    given = target.given_options
    return str(given.get("cron", "")), str(given.get("timezone") or "UTC")
