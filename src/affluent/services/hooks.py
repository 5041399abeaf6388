"""Webhooks received: verify, keep the delivery, accept the event; all in one grouped commit.

    what comes                          answer   kept as
    no such hook                        404      unknown_hook
    a hook, but another token           404      wrong_token
    the flow connection is disabled     410      disabled
    signature missing or wrong          401      bad_signature
    larger than allowed                 413      too_large
    not JSON, no object, no event       400      not_json, not_an_object, unreadable
    an event, of a known type or not    200      accepted

A refused delivery is cut and counted before it is kept (see deliveries.py), so that nobody can fill the disk with them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy import Row as SqlRow

from affluent.catalog import Catalog
from affluent.domain.event import WORKSPACE, Accepted, EventDraft
from affluent.engine.draft import draft_from
from affluent.engine.intake import Intake
from affluent.kit import clock, crash
from affluent.kit.fresh import Fresh
from affluent.kit.ids import new_id
from affluent.kit.jsons import InvalidJSON, JSONObject, loads
from affluent.kit.redact import redact
from affluent.sdk import App, Incoming, Mirrored, WebhookScheme
from affluent.services.deliveries import LARGEST_REFUSED, Quota, plain
from affluent.services.triggering import TRIGGER
from affluent.store import bulk, mirror, tables
from affluent.store.bulk import Row
from affluent.store.database import Database
from affluent.vault.envelope import Vault

_FRESH_SECONDS = 1.0
_LONGEST_ID = 200
_LONGEST_TYPE = 100
_LONGEST_HEADER = 1000
_MOST_HEADERS = 50
_DELIVERY = [column.name for column in tables.deliveries.columns]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A flow connection as its webhook address sees it."""

    flow_connection_id: str
    token: str
    enabled: bool
    app: App
    scheme: WebhookScheme
    source: str
    secrets: tuple[str, ...]
    mirrored_at: str
    """The connection whose mirror its events feed; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the vendor is told."""

    status: int
    body: JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A delivery to be kept, with the event it carries if it is a good one."""

    delivery: Row
    draft: EventDraft | None
    mirrored_at: str = ""
    mirrored: Sequence[Mirrored] = ()


class Hooks:
    """Receives webhooks."""

    def __init__(self, *, database: Database, catalog: Catalog, vault: Vault, intake: Intake) -> None:
        self._database = database
        self._catalog = catalog
        self._vault = vault
        self._intake = intake
        self._hooks: Fresh[str, Hook | None] = Fresh(_FRESH_SECONDS)
        self._quota = Quota()

    async def receive(self, flow_connection_id: str, token: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Verify over the raw body, keep, accept. Header names are lower case. Returns when the commit is durable."""
        hook = await self._hook(flow_connection_id)
        if hook is None or not hmac.compare_digest(hook.token.encode(), token.encode()):
            sentence = "There is no webhook at this address. Copy it again from the flow connection."
            verdict = "unknown_hook" if hook is None else "wrong_token"
            return await self._refuse(hook, body, headers, 404, verdict, sentence)
        if not hook.enabled:
            return await self._refuse(hook, body, headers, 410, "disabled", "This flow connection is disabled.")
        if not hook.scheme.verify(body, headers, hook.secrets):
            sentence = "The signature is missing or wrong. Check the secret on both sides."
            return await self._refuse(hook, body, headers, 401, "bad_signature", sentence)
        try:
            document = loads(body)
        except InvalidJSON as error:
            return await self._refuse(hook, body, headers, 400, "not_json", f"The body is not JSON: {error}")
        if not isinstance(document, dict):
            return await self._refuse(hook, body, headers, 400, "not_an_object", "The body must be a JSON object.")
        try:
            incoming = hook.scheme.parse(document, headers)
        except (ValueError, KeyError, TypeError) as error:
            return await self._refuse(
                hook, body, headers, 400, "unreadable", f"The body is not an event of {hook.app.title}: {error}"
            )
        accepted = await self._accept(hook, body, headers, incoming)
        return Answer(
            status=200, body={"event": accepted.event_id, "new": accepted.is_new, "runs": len(accepted.run_ids)}
        )

    async def refuse_too_large(
        self, flow_connection_id: str, beginning: bytes, headers: Mapping[str, str], largest: int
    ) -> Answer:
        """Say that a body is too large; its beginning is kept."""
        hook = await self._hook(flow_connection_id)
        sentence = f"The body is larger than {largest} bytes."
        return await self._refuse(hook, beginning, headers, 413, "too_large", sentence)

    async def _accept(self, hook: Hook, body: bytes, headers: Mapping[str, str], incoming: Incoming) -> Accepted:
        trigger = self._catalog.trigger_for(hook.app.key, incoming.type)
        external_id = _short(incoming.external_id)
        occurred_at = incoming.occurred_at or clock.now()
        if trigger is None:
            draft = EventDraft(
                app=hook.app.key,
                source=hook.source,
                type=plain(incoming.type)[:_LONGEST_TYPE],
                external_id=external_id,
                occurred_at=occurred_at,
                payload=incoming.payload,
                title=f"{plain(incoming.type)[:_LONGEST_TYPE]} (unknown type)",
            )
        else:
            draft = draft_from(
                trigger,
                app=hook.app.key,
                source=hook.source,
                external_id=external_id,
                payload=incoming.payload,
                occurred_at=occurred_at,
                only_flow_connection=hook.flow_connection_id if hook.source == hook.flow_connection_id else "",
            )
        arrival = Arrival(
            delivery=_delivery(hook, body, headers, 200, "accepted"),
            draft=draft,
            mirrored_at=hook.mirrored_at,
            mirrored=hook.app.mirror(incoming.payload) if hook.app.mirror and hook.mirrored_at else (),
        )
        crash.point("accept.before")
        accepted = await self._database.group(self._keep, arrival)
        crash.point("accept.after")
        if accepted is None:  # cannot be: an arrival with a draft is always accepted
            raise RuntimeError(incoming.external_id)
        return accepted

    async def _refuse(
        self, hook: Hook | None, body: bytes, headers: Mapping[str, str], status: int, verdict: str, sentence: str
    ) -> Answer:
        if self._quota.take(hook.flow_connection_id if hook else ""):
            row = _delivery(hook, body[:LARGEST_REFUSED], headers, status, verdict)
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
        bulk.insert(connection, tables.deliveries, rows, columns=_DELIVERY)
        for arrival, answer in zip(arrivals, accepted, strict=True):
            if arrival.mirrored and answer is not None and answer.is_new:  # a repeat may be older than what is known
                mirror.reflect(connection, arrival.mirrored_at, arrival.mirrored)
        return accepted

    async def _hook(self, flow_connection_id: str) -> Hook | None:
        return await self._hooks.get(
            flow_connection_id,
            lambda: self._database.read(lambda connection: self._read(connection, flow_connection_id)),
        )

    def _read(self, connection: Connection, flow_connection_id: str) -> Hook | None:
        links = tables.flow_connections
        row = connection.execute(select(links).where(links.c.id == flow_connection_id)).one_or_none()
        app = self._catalog.apps.get(row.trigger_app) if row else None
        if row is None or app is None or app.webhook is None:
            return None
        connection_id = row.bindings.get(TRIGGER, "")
        return Hook(
            flow_connection_id=row.id,
            token=row.hook_token,
            enabled=row.enabled,
            app=app,
            scheme=app.webhook,
            source=row.trigger_source if app.webhook.secret_field else row.id,
            secrets=self._secrets(connection, app.webhook, connection_id, row),
            mirrored_at="" if row.trigger_source == WORKSPACE else connection_id,
        )

    def _secrets(
        self, connection: Connection, scheme: WebhookScheme, connection_id: str, row: SqlRow[Any]
    ) -> tuple[str, ...]:
        own: tuple[str, ...] = ()
        if row.hook_secrets:
            own = tuple(loads(self._vault.open(row.hook_secrets, f"flow_connections/{row.id}")))
        if not scheme.secret_field or not connection_id:
            return own
        held = connection.execute(
            select(tables.connections.c.secrets).where(tables.connections.c.id == connection_id)
        ).scalar()
        if held is None:
            return own
        secrets = loads(self._vault.open(held, f"connections/{connection_id}"))
        values = (secrets.get(scheme.secret_field), secrets.get(f"previous_{scheme.secret_field}"))
        return tuple(value for value in values if value) + own


def _delivery(hook: Hook | None, body: bytes, headers: Mapping[str, str], status: int, verdict: str) -> Row:
    shown = {name[:_LONGEST_ID]: value[:_LONGEST_HEADER] for name, value in list(headers.items())[:_MOST_HEADERS]}
    return {
        "id": new_id("dlv"),
        "flow_connection_id": hook.flow_connection_id if hook else "",
        "received_at": clock.to_micros(clock.now()),
        "verdict": verdict,
        "status": status,
        "headers": redact(shown, hook.secrets if hook else ()),
        "body": plain(body.decode("utf-8", "backslashreplace")),
        "event_id": None,
    }


def _short(external_id: str) -> str:
    """An id that fits into an index; a longer one is named by its hash."""
    if len(external_id) <= _LONGEST_ID:
        return plain(external_id)
    return f"{plain(external_id[:100])}/{hashlib.sha256(external_id.encode('utf-8', 'replace')).hexdigest()}"
