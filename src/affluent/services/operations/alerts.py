"""Tells people outside that something needs them: one message for all that is new, never one per run."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import partial
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, func, insert, select, text, update

from affluent.engine.vendor_http import Network
from affluent.kit import clock
from affluent.kit.ids import first_id
from affluent.kit.jsons import dumps
from affluent.kit.logs import logger
from affluent.kit.mailboxes import is_mailbox
from affluent.services.operations.progress import PATIENCE, stalled
from affluent.store import tables
from affluent.store.configuration_lock import alone
from affluent.store.database import Database
from affluent.store.tables import inbound as tables_inbound

_log = logger("alerts")
_NOTE = "alerts"
_AGAIN = timedelta(hours=24)
_WINDOW = timedelta(hours=1)
_SEND_SECONDS = 20
_HERE = ("localhost", "127.0.0.1", "::1")
_OLDEST = text("SELECT min(due_at) FROM runs WHERE finished_at IS NULL AND state = 'queued' AND ready")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing that needs somebody."""

    key: str
    """The same as long as it is the same trouble."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What raises an alert, and where it goes."""

    targets: tuple[str, ...]
    smtp: str
    sender: str
    failures: int
    queue_age: timedelta
    patience: timedelta = PATIENCE
    """How long no run may move although runs are due."""


class Alerts:
    """Looks now and then. What was told is told again only a day later, or after it was well in between."""

    def __init__(self, *, database: Database, network: Network, wishes: Wishes, server_url: str) -> None:
        self._database = database
        self._network = network
        self.wishes = wishes
        """May be replaced when they were changed."""
        self._server_url = server_url

    async def sweep(self) -> int:
        """Tell what is new; returns how many troubles. Of several processes one tells."""
        if not self.wishes.targets:
            return 0
        fresh = await self._database.write(alone(self._claim))
        if not fresh:
            return 0
        message = "\n".join([*(f"• {alert.sentence}" for alert in fresh), f"{self._server_url}/activity"])
        results = [await self._send(target, message) for target in self.wishes.targets]
        if not any(results):
            await self._database.write(alone(lambda connection: self._forget(connection, fresh)))
        return len(fresh)

    def _claim(self, connection: Connection) -> Sequence[Alert]:
        """What is new or was told long ago, noted as told."""
        now, known = clock.now(), _told(connection)
        standing = self._standing(connection, now)
        again = (now - _AGAIN).isoformat()
        fresh = [alert for alert in standing if known.get(alert.key, "") < again]
        kept = {alert.key: known.get(alert.key, "") for alert in standing}
        after = kept | {alert.key: now.isoformat() for alert in fresh}
        if after != known:
            _note(connection, after)
        return fresh

    def _forget(self, connection: Connection, fresh: Sequence[Alert]) -> None:
        """Nobody was reached: try again next time."""
        gone = {alert.key for alert in fresh}
        _note(connection, {key: at for key, at in _told(connection).items() if key not in gone})

    def _standing(self, connection: Connection, now: datetime) -> Sequence[Alert]:
        return [
            *_ailing(connection),
            *_idle(connection),
            *self._failing(connection, now),
            *_unknown(connection),
            *_stalled(connection, self.wishes.patience),
            *self._late(connection, now),
        ]

    def _failing(self, connection: Connection, now: datetime) -> Sequence[Alert]:
        runs = tables.runs
        query = (
            select(runs.c.cause, func.count().label("number"), func.min(runs.c.sentence).label("sentence"))
            .where(runs.c.state == "failed", runs.c.id >= first_id("run", now - _WINDOW))
            .group_by(runs.c.cause)
            .having(func.count() >= self.wishes.failures)
        )
        return [
            Alert(key=f"cause/{row.cause}", sentence=f"{row.number} runs failed within an hour, e.g.: {row.sentence}")
            for row in connection.execute(query)
        ]

    def _late(self, connection: Connection, now: datetime) -> Sequence[Alert]:
        oldest = connection.execute(_OLDEST).scalar()
        age = now - clock.from_micros(oldest) if oldest else timedelta()
        if age < self.wishes.queue_age:
            return []
        minutes = int(age.total_seconds() // 60)
        return [Alert(key="queue", sentence=f"A due run has waited for {minutes} minutes. Are workers running?")]

    async def _send(self, target: str, message: str) -> bool:
        kind, _, address = target.partition(":")
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                if kind == "mailto":
                    await asyncio.to_thread(self._mail, address, message)
                else:
                    await self._post(address if kind == "slack" else target, message)
        except Exception as error:  # noqa: BLE001 - an alert that cannot be sent is logged and sent later
            _log.warning("an alert could not be sent", kind=kind, reason=type(error).__name__)
            return False
        return True

    async def _post(self, url: str, message: str) -> None:
        body, headers = dumps({"text": message}), {"Content-Type": "application/json"}
        async with self._network.session(url).post(url, data=body, headers=headers, allow_redirects=False) as answer:
            if answer.status >= 300:
                raise ConnectionError(f"answered {answer.status}")

    def _mail(self, address: str, message: str) -> None:
        if not (is_mailbox(address) and is_mailbox(self.wishes.sender)):
            raise ValueError("alerts_to or alerts_from holds something that is no e-mail address")
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.wishes.sender, address, "Affluent needs attention"
        mail.set_content(message)
        server = urlsplit(self.wishes.smtp)
        # A password goes only to who the certificate says it is; without one any encryption is better than none.
        trusted = ssl.create_default_context() if server.username else None
        kind: Callable[..., smtplib.SMTP] = smtplib.SMTP
        if server.scheme == "smtps":
            kind = partial(smtplib.SMTP_SSL, context=trusted)
        with kind(server.hostname or "localhost", server.port or 0, timeout=_SEND_SECONDS) as session:
            session.ehlo()
            is_open = server.scheme == "smtp" and not session.has_extn("starttls")
            if server.scheme == "smtp" and not is_open:
                session.starttls(context=trusted)
            if server.username:
                if is_open and server.hostname not in _HERE:
                    raise ConnectionError("the mail server offers no encryption, so it is sent no password")
                session.login(unquote(server.username), unquote(server.password or ""))
            session.send_message(mail)


def _stalled(connection: Connection, patience: timedelta) -> Sequence[Alert]:
    stall = stalled(connection, patience=patience)
    return [Alert(key="stalled", sentence=stall.sentence)] if stall else []


def _ailing(connection: Connection) -> Sequence[Alert]:
    table = tables.connections
    rows = connection.execute(select(table).where(table.c.status == "needs_attention").order_by(table.c.id))
    return [
        Alert(key=f"connection/{row.id}/{row.version}", sentence=f"{row.name} needs attention: {row.status_reason}")
        for row in rows
    ]


def _idle(connection: Connection) -> Sequence[Alert]:
    """Webhooks that have gone silent, and polls, schedules and registrations that keep failing: one alert a connection."""
    table = tables_inbound.duties
    rows = connection.execute(
        select(table.c.kind, table.c.connection_id, func.min(table.c.note).label("note"), func.count().label("number"))
        .where(table.c.note != "")
        .group_by(table.c.kind, table.c.connection_id)
        .order_by(table.c.kind, table.c.connection_id)
    )
    return [
        Alert(
            key=f"duty/{row.kind}/{row.connection_id}",
            sentence=row.note if row.number == 1 else f"{row.note} The same of {row.number - 1} more.",
        )
        for row in rows
    ]


def _unknown(connection: Connection) -> Sequence[Alert]:
    effects = tables.effects
    query = select(func.count()).where(effects.c.fate == "unknown", effects.c.fate.in_(("intended", "unknown")))
    number = connection.execute(query).scalar() or 0
    if not number:
        return []
    return [Alert(key="unknown", sentence=f"Of {number} writes nobody knows whether the vendor applied them.")]


def _told(connection: Connection) -> Mapping[str, str]:
    notes = tables.notes
    return dict(connection.execute(select(notes.c.value).where(notes.c.key == _NOTE)).scalar() or {})


def _note(connection: Connection, reported: Mapping[str, str]) -> None:
    notes = tables.notes
    if not connection.execute(update(notes).where(notes.c.key == _NOTE).values(value=dict(reported))).rowcount:
        connection.execute(insert(notes).values(key=_NOTE, value=dict(reported)))
