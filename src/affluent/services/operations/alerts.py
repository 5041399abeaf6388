"""Sends alerts by mail, Slack or webhook: one message for everything that is new, never one for each run."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from functools import partial
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from affluent.engine.vendor_http import Network
from affluent.kit import clock
from affluent.kit.ids import first_id
from affluent.kit.jsons import dumps
from affluent.kit.logs import logger
from affluent.kit.mailboxes import is_mailbox
from affluent.services.money.payouts import PayoutCheckView, Payouts, payout_text
from affluent.services.operations.progress import PATIENCE, stalled
from affluent.store import alerts as store
from affluent.store import connections as connection_store
from affluent.store import runs as run_store
from affluent.store.configuration_lock import alone
from affluent.store.database import Database

_log = logger("alerts")
_AGAIN = timedelta(hours=24)
_WINDOW = timedelta(hours=1)
_CHECKED_AGAIN = timedelta(hours=1)
_SEND_SECONDS = 20
_HERE = ("localhost", "127.0.0.1", "::1")


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
    payout_day: int = 0
    """Day of the month on which promoters are paid; 0: none is known."""
    payout_hold_days: int = 0


class Alerts:
    """Looks for trouble at intervals. An alert is sent again after a day, or when the trouble ended in between and came back."""

    def __init__(self, *, database: Database, network: Network, wishes: Wishes, server_url: str) -> None:
        self._database = database
        self._network = network
        self.wishes = wishes
        """May be replaced when they were changed."""
        self._server_url = server_url
        self._payout_alerts: Sequence[Alert] = ()
        self._payouts_checked_at: datetime | None = None

    async def sweep(self, payouts: Payouts | None = None) -> int:
        """Send the alerts that are new and return how many. Of several processes only one sends them."""
        if not self.wishes.targets:
            return 0
        of_payouts = await self._of_payouts(payouts, clock.now()) if payouts is not None else ()
        fresh = await self._database.write(alone(lambda connection: self._claim(connection, of_payouts)))
        if not fresh:
            return 0
        message = "\n".join([*(f"• {alert.sentence}" for alert in fresh), f"{self._server_url}/activity"])
        results = [await self._send(target, message) for target in self.wishes.targets]
        if not any(results):
            await self._database.write(alone(lambda connection: self._forget(connection, fresh)))
        return len(fresh)

    async def _of_payouts(self, payouts: Payouts, now: datetime) -> Sequence[Alert]:
        """What should not be paid to promoters tomorrow. It reads all commissions, so it is looked at once an hour."""
        tomorrow = (now + timedelta(days=1)).astimezone(ZoneInfo(payouts.zone)).date()
        if not is_payout_day(tomorrow, self.wishes.payout_day):
            self._payouts_checked_at = None
            return ()
        if self._payouts_checked_at is None or now - self._payouts_checked_at >= _CHECKED_AGAIN:
            checks = [
                await payouts.check(tracker.id, as_of=tomorrow, hold_days=self.wishes.payout_hold_days)
                for tracker in await payouts.trackers()
            ]
            self._payout_alerts = [_payout_alert(check) for check in checks if not check.is_clean]
            self._payouts_checked_at = now
        return self._payout_alerts

    def _claim(self, connection: Connection, payouts: Sequence[Alert]) -> Sequence[Alert]:
        """The alerts that are new or were sent long ago; they are saved as sent."""
        now, known = clock.now(), store.sent(connection)
        standing = [*self._standing(connection, now), *payouts]
        again = (now - _AGAIN).isoformat()
        fresh = [alert for alert in standing if known.get(alert.key, "") < again]
        kept = {alert.key: known.get(alert.key, "") for alert in standing}
        after = kept | {alert.key: now.isoformat() for alert in fresh}
        if after != known:
            store.save_sent(connection, after)
        return fresh

    def _forget(self, connection: Connection, fresh: Sequence[Alert]) -> None:
        """Nobody was reached: send them again next time."""
        gone = {alert.key for alert in fresh}
        store.save_sent(connection, {key: at for key, at in store.sent(connection).items() if key not in gone})

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
        causes = run_store.failed_since(connection, first_id("run", now - _WINDOW), at_least=self.wishes.failures)
        return [
            Alert(key=f"cause/{row.cause}", sentence=f"{row.number} runs failed within an hour, e.g.: {row.sentence}")
            for row in causes
        ]

    def _late(self, connection: Connection, now: datetime) -> Sequence[Alert]:
        oldest = run_store.oldest_queued(connection)
        age = now - oldest if oldest else timedelta()
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
        with _connected(self.wishes.smtp) as session:
            session.send_message(mail)


@contextmanager
def _connected(smtp: str) -> Iterator[smtplib.SMTP]:
    """A session with the mail server, encrypted where the server offers it, and logged in."""
    server = urlsplit(smtp)
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
        yield session


def is_payout_day(day: date, payout_day: int) -> bool:
    """Whether promoters are paid on a day; in a month that is too short, on its last one. 0: never."""
    return bool(payout_day) and day.day == min(payout_day, monthrange(day.year, day.month)[1])


def _payout_alert(check: PayoutCheckView) -> Alert:
    parts = []
    for name, words in (("held", "should not be paid"), ("paid_wrongly", "was paid although it should not")):
        sums = check.sums(name)
        amounts = " and ".join(payout_text(amount, currency) for currency, amount in sorted(sums.items()))
        number = sum(1 for item in getattr(check, name) if item.held)
        if sums:
            parts.append(f"{amounts} of {number} commission{'s' if number != 1 else ''} {words}")
    sentence = (
        f"Promoters of {check.name} are paid on {check.as_of}: {'; '.join(parts)}. The payout check under "
        "Reconciliation has the reasons."
    )
    return Alert(key=f"payout/{check.connection_id}/{check.as_of}", sentence=sentence)


def _stalled(connection: Connection, patience: timedelta) -> Sequence[Alert]:
    stall = stalled(connection, patience=patience)
    return [Alert(key="stalled", sentence=stall.sentence)] if stall else []


def _ailing(connection: Connection) -> Sequence[Alert]:
    return [
        Alert(key=f"connection/{row.id}/{row.version}", sentence=f"{row.name} needs attention: {row.status_reason}")
        for row in connection_store.needing_attention(connection)
    ]


def _idle(connection: Connection) -> Sequence[Alert]:
    """Webhooks that have gone silent, and polls, schedules and registrations that keep failing: one alert a connection."""
    return [
        Alert(
            key=f"duty/{row.kind}/{row.connection_id}",
            sentence=row.note if row.number == 1 else f"{row.note} The same of {row.number - 1} more.",
        )
        for row in store.noted_jobs(connection)
    ]


def _unknown(connection: Connection) -> Sequence[Alert]:
    number = store.unknown_effects(connection)
    if not number:
        return []
    return [Alert(key="unknown", sentence=f"Of {number} writes nobody knows whether the vendor applied them.")]
