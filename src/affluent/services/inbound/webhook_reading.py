"""Turns the bytes of a webhook into an event draft: verifies, unpacks and parses them, and puts every failure of an app in words.

Only signed content becomes an event: `parse` gets the headers that the signature covers, and the draft carries a hash of the
signed content, so that the same content is accepted once, whatever else was added, dropped or changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC

from affluent.catalog import Catalog
from affluent.domain.event import EventDraft
from affluent.engine.event_drafts import draft_from
from affluent.kit import clock
from affluent.kit.bodies import BadBody, document_of, encoding_of, shown, unpacked
from affluent.kit.jsons import dumps
from affluent.kit.logs import logger
from affluent.kit.redact import redact_text
from affluent.sdk import App, Incoming, Signed, SyncedRecord, WebhookScheme
from affluent.services.inbound.deliveries import plain

_log = logger("hooks")
_LONGEST_ID = 200
_LONGEST_TYPE = 100
_LONGEST_REASON = 300
_BAD_SIGNATURE = "The signature is missing or wrong. Check the secret on both sides."
NO_SECRET = (
    "There is no webhook secret, so nothing that comes can be believed: every webhook is refused."  # noqa: S105 - a sentence
    " Enter the webhook secret in the connection."
)
ONLY_UNSIGNED = (
    "There is no webhook secret, so only the events are taken that the vendor cannot sign."
    " Enter the webhook secret in the connection."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """What is needed to verify and read the webhooks of a flow connection."""

    flow_connection_id: str
    token: str
    enabled: bool
    app: App
    scheme: WebhookScheme
    source: str
    secrets: tuple[str, ...]
    accepts_unsigned: bool
    """Whether unsigned webhooks are accepted while there is no secret."""
    synced_connection_id: str
    """The connection whose synced customers its events update; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A webhook that was understood."""

    draft: EventDraft
    synced_records: Sequence[SyncedRecord]
    text: str
    """The body as people can read it."""


def read(hook: Hook, catalog: Catalog, body: bytes, headers: Mapping[str, str], *, most: int) -> Reading:
    """Verify and read one webhook. Raises BadBody with the status and sentence of the refusal."""
    if not hook.secrets and not hook.accepts_unsigned:
        raise BadBody(NO_SECRET, status=401, verdict="no_secret")
    encoding = encoding_of(headers.get("content-encoding", ""))
    content = unpacked(body, encoding, most=most) if encoding else body
    signed = _verified(hook, [body, content] if encoding else [body], headers)
    # What nobody signed is read in one way only, the way in which `verify` looked at it.
    content_type = headers.get("content-type", "") if hook.secrets else ""
    document = document_of(content, content_type)
    known = {*(name.lower() for name in signed.headers), *hook.scheme.unsigned_headers}
    try:
        incoming = hook.scheme.parse(document, {name: headers[name] for name in known if name in headers})
        draft = _draft(hook, catalog, incoming, signed)
    except Exception as error:
        reason = _reason(hook, error)
        raise BadBody(
            f"The body is not an event of {hook.app.title}: {reason}", status=400, verdict="unreadable"
        ) from error
    return Reading(
        draft=draft, synced_records=_synced_records(hook, incoming), text=plain(shown(content, content_type))
    )


def readable(body: bytes, headers: Mapping[str, str], *, most: int) -> str:
    """The beginning of a refused body, as far as it can be shown to people."""
    try:
        encoding = encoding_of(headers.get("content-encoding", ""))
        content = unpacked(body, encoding, most=most) if encoding else body[:most]
    except BadBody:
        content = body[:most]
    return plain(shown(content, headers.get("content-type", "")))[:most]


def short(external_id: str) -> str:
    """An id that fits into an index; a longer one is named by its hash."""
    if len(external_id) <= _LONGEST_ID:
        return plain(external_id)
    return f"{plain(external_id[:100])}/{hashlib.sha256(external_id.encode('utf-8', 'replace')).hexdigest()}"


def _verified(hook: Hook, contents: Sequence[bytes], headers: Mapping[str, str]) -> Signed:
    """The signed part of the body, as it was sent or else unpacked. Raises BadBody if neither verifies."""
    sentence = _BAD_SIGNATURE if hook.secrets else ONLY_UNSIGNED
    for content in contents:
        try:
            signed = hook.scheme.verify(content, headers, hook.secrets)
        except Exception as error:  # noqa: BLE001 - an app may raise anything
            sentence = _reason(hook, error)
            continue
        if isinstance(signed, Signed):
            return signed
    raise BadBody(sentence, status=401, verdict="bad_signature")


def _draft(hook: Hook, catalog: Catalog, incoming: Incoming, signed: Signed) -> EventDraft:
    """The draft of an event; raises whatever is wrong with what the app handed over."""
    if not isinstance(incoming, Incoming):
        raise TypeError(f"the app handed over {type(incoming).__name__} and no event")
    if not incoming.external_id or not incoming.type:
        raise ValueError("it has no id or no type.")
    occurred_at = incoming.occurred_at or clock.now()
    if occurred_at.tzinfo is None:
        occurred_at = occurred_at.replace(tzinfo=UTC)
    clock.from_micros(clock.to_micros(occurred_at))
    dumps(incoming.payload)
    signed_hash = hashlib.sha256(signed.content).hexdigest()
    trigger = catalog.trigger_for(hook.app.key, incoming.type)
    if trigger is None:
        kind = plain(incoming.type)[:_LONGEST_TYPE]
        return EventDraft(
            app=hook.app.key,
            source=hook.source,
            type=kind,
            external_id=short(incoming.external_id),
            signed_hash=signed_hash,
            occurred_at=occurred_at,
            payload=incoming.payload,
            title=f"{kind} (unknown type)",
        )
    return draft_from(
        trigger,
        app=hook.app.key,
        source=hook.source,
        external_id=short(incoming.external_id),
        signed_hash=signed_hash,
        payload=incoming.payload,
        occurred_at=occurred_at,
        only_flow_connection=hook.flow_connection_id if hook.source == hook.flow_connection_id else "",
    )


def _synced_records(hook: Hook, incoming: Incoming) -> Sequence[SyncedRecord]:
    """The customers and accounts in an event; none if they cannot be read, which must not lose the event."""
    if hook.app.mirror is None or not hook.synced_connection_id:
        return ()
    try:
        return [record for record in hook.app.mirror(incoming.payload) if _is_text(*asdict(record).values())]
    except Exception as error:  # noqa: BLE001 - an app may raise anything
        _log.warning("customers of an event could not be read", app=hook.app.key, error=type(error).__name__)
        return ()


def _is_text(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)


def _reason(hook: Hook, error: Exception) -> str:
    """Why an app refused or failed, for people; a ValueError was written for them."""
    text = redact_text(str(error), hook.secrets)[:_LONGEST_REASON]
    if type(error) is ValueError and text:
        return text
    _log.warning("an app failed on a webhook", app=hook.app.key, error=type(error).__name__)
    return f"{hook.app.title} could not read it ({type(error).__name__}: {text})."
