"""Events: one deduplicated fact each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from affluent.kit.jsons import JSONObject
from affluent.kit.money import Money

WORKSPACE = "workspace"
"""Source of the events of this server's own billing workspace."""


class Priority(IntEnum):
    """Lower goes first: live events overtake backfill."""

    LIVE = 0
    BACKFILL = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDraft:
    """A fact as it arrives, before it is known whether it is new."""

    app: str
    """Key of the app whose trigger this is, e.g. "togai"."""
    source: str
    """Where it came from: WORKSPACE, a connection id, or a flow connection id. Unique together with external_id."""
    type: str
    """Event type as the vendor names it, e.g. "invoice.paid"."""
    external_id: str
    """The vendor's id of this fact: the same on every delivery."""
    occurred_at: datetime
    payload: JSONObject
    signed_hash: str = ""
    """SHA-256 of what the sender of a webhook proved; unique per source as well. Empty when nobody sent it."""
    account_id: str = ""
    """The account it is about; its events are applied one after another."""
    customer_id: str = ""
    title: str = ""
    """What a person calls it, e.g. "INV-2043 · Northwind Labs"."""
    money: Money | None = None
    """The net amount it moves, when it moves one."""
    priority: Priority = Priority.LIVE
    only_flow_connection: str = ""
    """Set when it is meant for one flow connection alone: Trigger now, a hook of a private flow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of a draft."""

    event_id: str
    is_new: bool
    run_ids: tuple[str, ...] = ()
