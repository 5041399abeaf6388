"""What the webhooks of a flow connection are verified with, and what to tell people when that is nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Row

from affluent.kit.jsons import JSONObject, loads
from affluent.sdk import App, WebhookScheme
from affluent.services.connections.event_source import TRIGGER
from affluent.store import connections
from affluent.vault.envelope import CannotOpen, Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """The secrets of a hook, current ones first."""

    secrets: tuple[str, ...] = ()
    accepts_unsigned: bool = False
    """Whether a vendor that can prove nothing is believed while there is no secret."""


def proofs_of(connection: Connection, vault: Vault, app: App, row: Row[Any]) -> Proofs:
    """Of a flow connection's row: the secrets of its connection, then its own. Raises CannotOpen."""
    if app.webhook is None:
        return Proofs()
    own: tuple[str, ...] = ()
    if row.hook_secrets:
        own = tuple(loads(vault.open(row.hook_secrets, f"flow_connections/{row.id}")))
    field = app.webhook.secret_field
    held = connections.one(connection, row.bindings.get(TRIGGER, ""))
    if not field or held is None:
        return Proofs(secrets=own)
    opened = loads(vault.open(held.secrets, f"connections/{held.id}"))
    values = (opened.get(field), opened.get(f"previous_{field}"))
    return Proofs(
        secrets=tuple(value for value in values if value) + own,
        accepts_unsigned=_accepts_unsigned(app, app.webhook, {**held.fields, **opened}),
    )


def notice_of(connection: Connection, vault: Vault, app: App, row: Row[Any]) -> str:
    """What people should know about the webhooks of a flow connection; empty when they are verified."""
    try:
        proofs = proofs_of(connection, vault, app, row)
    except CannotOpen:
        return ""  # the connection itself says so
    if proofs.secrets or app.webhook is None:
        return ""
    if proofs.accepts_unsigned:
        return (
            f"There is no webhook secret: only the events are taken that {app.title} cannot sign, and whoever knows the"
            " webhook URL can send them. Enter the webhook secret in the connection where the vendor offers one."
        )
    return (
        f"Every webhook is refused until there is a secret to verify it with: enter the webhook secret of {app.title} in the"
        " connection."
    )


def _accepts_unsigned(app: App, scheme: WebhookScheme, fields: JSONObject) -> bool:
    if scheme.accepts_unsigned is None or app.credentials is None:
        return False
    try:
        return scheme.accepts_unsigned(app.credentials.model_validate(fields))
    except ValidationError:  # credentials of an older release: nothing unsigned is believed on their word
        return False
