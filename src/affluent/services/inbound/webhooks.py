"""Webhooks received: verify, keep the delivery, accept the event; all in one grouped commit.

    what comes                          answer   kept as
    no such hook                        404      unknown_hook
    a hook, but another token           404      wrong_token
    the flow connection is disabled     410      disabled
    no secret to verify with            401      no_secret
    signature missing, wrong or old     401      bad_signature
    larger than allowed, also unpacked  413      too_large
    not sent to its end in time         408      too_slow
    an encoding or charset not known    415      unknown_encoding, unknown_charset
    packed, but not whole               400      not_unpacked
    not JSON, no object, no event       400      not_json, not_an_object, unreadable
    an event, of a known type or not    200      accepted

A refused delivery is cut and counted before it is kept (see deliveries.py), so that nobody can fill the disk with them. It is
kept with the sentence that its sender was answered.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from affluent.catalog import Catalog
from affluent.domain.event import WORKSPACE, Accepted, EventDraft
from affluent.engine.intake import Intake
from affluent.kit import clock, crash
from affluent.kit.bodies import BadBody
from affluent.kit.ids import new_id
from affluent.kit.jsons import JSONObject
from affluent.kit.redact import redact_headers
from affluent.kit.timed_cache import TimedCache
from affluent.sdk import SyncedRecord
from affluent.services.connections.event_source import TRIGGER
from affluent.services.inbound.deliveries import LARGEST_REFUSED, Quota, plain
from affluent.services.inbound.webhook_reading import Hook, Reading, read, readable
from affluent.services.inbound.webhook_secrets import Proofs, proofs_of
from affluent.store import deliveries, directory_sync
from affluent.store import flow_connections as links
from affluent.store.bulk import Row
from affluent.store.database import Database
from affluent.vault.envelope import CannotOpen, Vault

_FRESH_SECONDS = 1.0
_LONGEST_NAME = 200
_LONGEST_HEADER = 1000
_MOST_HEADERS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The response to the vendor."""

    status: int
    body: JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A delivery to store, with the draft of its event if it was accepted."""

    delivery: Row
    draft: EventDraft | None
    synced_connection_id: str = ""
    synced_records: Sequence[SyncedRecord] = ()


class Hooks:
    """Receives webhooks."""

    def __init__(
        self, *, database: Database, catalog: Catalog, vault: Vault, intake: Intake, max_body_bytes: int
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._vault = vault
        self._intake = intake
        self._most = max_body_bytes
        self._hooks: TimedCache[str, Hook | None] = TimedCache(_FRESH_SECONDS)
        self._quota = Quota()

    async def receive(self, flow_connection_id: str, token: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Verify the signature over the raw body, store the delivery, accept the event. Returns when the commit is durable.

        Header names are lower case.
        """
        hook = await self._hook(flow_connection_id)
        if hook is None or not hmac.compare_digest(hook.token.encode(), token.encode()):
            sentence = "There is no webhook at this address. Copy it again from the flow connection."
            verdict = "unknown_hook" if hook is None else "wrong_token"
            return await self._refuse(hook, body, headers, 404, verdict, sentence)
        if not hook.enabled:
            return await self._refuse(hook, body, headers, 410, "disabled", "This flow connection is disabled.")
        try:
            reading = read(hook, self._catalog, body, headers, most=self._most)
        except BadBody as refusal:
            return await self._refuse(hook, body, headers, refusal.status, refusal.verdict, refusal.message)
        accepted = await self._accept(hook, headers, reading)
        return Answer(
            status=200, body={"event": accepted.event_id, "new": accepted.is_new, "runs": len(accepted.run_ids)}
        )

    async def refuse_too_large(
        self, flow_connection_id: str, beginning: bytes, headers: Mapping[str, str], largest: int
    ) -> Answer:
        """Refuse a body that is too large; its beginning is stored."""
        hook = await self._hook(flow_connection_id)
        sentence = f"The body is larger than {largest} bytes."
        return await self._refuse(hook, beginning, headers, 413, "too_large", sentence)

    async def refuse_too_slow(
        self, flow_connection_id: str, beginning: bytes, headers: Mapping[str, str], seconds: float
    ) -> Answer:
        """Refuse a body that did not arrive in time; its beginning is stored."""
        hook = await self._hook(flow_connection_id)
        sentence = f"The body did not come to its end within {seconds:g} seconds. Send it again."
        return await self._refuse(hook, beginning, headers, 408, "too_slow", sentence)

    async def _accept(self, hook: Hook, headers: Mapping[str, str], reading: Reading) -> Accepted:
        arrival = Arrival(
            delivery=_delivery(hook, reading.text, headers, status=200, verdict="accepted", detail=""),
            draft=reading.draft,
            synced_connection_id=hook.synced_connection_id,
            synced_records=reading.synced_records,
        )
        crash.point("accept.before")
        accepted = await self._database.group(self._keep, arrival)
        crash.point("accept.after")
        if accepted is None:  # cannot be: an arrival with a draft is always accepted
            raise RuntimeError(reading.draft.external_id)
        return accepted

    async def _refuse(
        self, hook: Hook | None, body: bytes, headers: Mapping[str, str], status: int, verdict: str, sentence: str
    ) -> Answer:
        if self._quota.take(hook.flow_connection_id if hook else ""):
            text = readable(body, headers, most=LARGEST_REFUSED)
            row = _delivery(hook, text, headers, status=status, verdict=verdict, detail=plain(sentence))
            await self._database.group(self._keep, Arrival(delivery=row, draft=None))
        return Answer(status=status, body={"message": sentence})

    def _keep(self, connection: Connection, arrivals: Sequence[Arrival]) -> list[Accepted | None]:
        good = [arrival.draft for arrival in arrivals if arrival.draft is not None]
        answers = iter(self._intake.accept(connection, good) if good else [])
        accepted = [next(answers) if arrival.draft is not None else None for arrival in arrivals]
        rows = [
            {**arrival.delivery, "event_id": answer.event_id if answer else None}
            for arrival, answer in zip(arrivals, accepted, strict=True)
        ]
        deliveries.add(connection, rows)
        for arrival, answer in zip(arrivals, accepted, strict=True):
            # A repeat may be older than what is known.
            if arrival.synced_records and answer is not None and answer.is_new:
                directory_sync.reflect(connection, arrival.synced_connection_id, arrival.synced_records)
        return accepted

    async def _hook(self, flow_connection_id: str) -> Hook | None:
        return await self._hooks.get(
            flow_connection_id,
            lambda: self._database.read(lambda connection: self._read(connection, flow_connection_id)),
        )

    def _read(self, connection: Connection, flow_connection_id: str) -> Hook | None:
        row = links.by_id(connection, flow_connection_id)
        app = self._catalog.apps.get(row.trigger_app) if row else None
        if row is None or app is None or app.webhook is None:
            return None
        try:
            proofs = proofs_of(connection, self._vault, app, row)
        except CannotOpen:  # sealed with a key that is gone: nothing can be verified, so nothing is believed
            proofs = Proofs()
        return Hook(
            flow_connection_id=row.id,
            token=row.hook_token,
            enabled=row.enabled,
            app=app,
            scheme=app.webhook,
            source=row.trigger_source if app.webhook.secret_field else row.id,
            secrets=proofs.secrets,
            accepts_unsigned=proofs.accepts_unsigned,
            synced_connection_id="" if row.trigger_source == WORKSPACE else row.bindings.get(TRIGGER, ""),
        )


def _delivery(
    hook: Hook | None, text: str, headers: Mapping[str, str], *, status: int, verdict: str, detail: str
) -> Row:
    kept = {name[:_LONGEST_NAME]: value[:_LONGEST_HEADER] for name, value in list(headers.items())[:_MOST_HEADERS]}
    declared = hook.scheme.secret_headers if hook else ()
    return {
        "id": new_id("dlv"),
        "flow_connection_id": hook.flow_connection_id if hook else "",
        "received_at": clock.to_micros(clock.now()),
        "verdict": verdict,
        "status": status,
        "detail": detail,
        "headers": redact_headers(kept, declared=declared, secrets=hook.secrets if hook else ()),
        "body": text,
        "event_id": None,
    }
