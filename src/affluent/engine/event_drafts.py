"""From a trigger's payload to an event draft: the trigger's subject paths say where account, title and money stand."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from affluent.domain.event import EventDraft, Priority
from affluent.domain.expression import Path, follow
from affluent.kit import clock
from affluent.kit.jsons import JSONObject
from affluent.kit.money import Money, MoneyError
from affluent.sdk import Trigger

_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
_MOST_MONEY = 10**15
"""Minor units of one event: no invoice has more, and the sum of some thousands still fits into a database column."""
_LONGEST = 200
"""A vendor's text becomes a key of indexes and a title; PostgreSQL takes neither a longer key nor a zero byte."""


def draft_from(
    trigger: Trigger,
    *,
    app: str,
    source: str,
    external_id: str,
    payload: JSONObject,
    occurred_at: datetime,
    signed_hash: str = "",
    priority: Priority = Priority.LIVE,
    only_flow_connection: str = "",
) -> EventDraft:
    """The draft of an event of this trigger. Facts that the payload does not have stay empty."""
    subject = trigger.subject
    title, name = (_text(payload, path) for path in (subject.title, subject.name))
    return EventDraft(
        app=app,
        source=source,
        type=trigger.event,
        external_id=external_id,
        signed_hash=signed_hash,
        occurred_at=occurred_at,
        payload=payload,
        account_id=_text(payload, subject.account),
        customer_id=_text(payload, subject.customer),
        title=" · ".join(dict.fromkeys(part for part in (title, name) if part)) or trigger.title,
        money=_money(payload, subject.amount, subject.currency),
        priority=priority,
        only_flow_connection=only_flow_connection,
    )


def storable(draft: EventDraft) -> EventDraft:
    """The draft as both databases keep it and give it back, whoever made it.

    Text without zero bytes and half surrogates, a time between 1970 and 2200 (else now), money that a column holds (else none).
    """
    texts: dict[str, Any] = {
        name: _writable(getattr(draft, name)) for name in ("type", "external_id", "account_id", "customer_id", "title")
    }
    money = draft.money if draft.money is not None and abs(draft.money.minor_units) <= _MOST_MONEY else None
    return replace(draft, occurred_at=clock.plausible(draft.occurred_at) or clock.now(), money=money, **texts)


def _writable(value: object) -> str:
    return _UNWRITABLE.sub("\ufffd", str(value))


def _text(payload: JSONObject, dotted: str) -> str:
    if not dotted:
        return ""
    value = follow(payload, _path(dotted))
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        return ""
    return str(value).replace("\x00", "")[:_LONGEST]


def _money(payload: JSONObject, amount: str, currency: str) -> Money | None:
    value, code = _text(payload, amount), _text(payload, currency)
    if not value or not code:
        return None
    try:
        return Money.parse(value, code)
    except MoneyError:
        return None


def _path(dotted: str) -> Path:
    return tuple(dotted.split("."))
