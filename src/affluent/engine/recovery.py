"""Finds runs with unknown effects that a look-up at the vendor can settle."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import Connection, select

from affluent.domain.run import Fate, RunState
from affluent.kit import clock
from affluent.sdk import App
from affluent.store import tables

_PATIENCE = timedelta(minutes=15)
_MOST = 200


def tellable(connection: Connection, apps: Mapping[str, App]) -> list[str]:
    """Ids of ended runs whose effect is unknown although its action has a look-up: resuming them asks the vendor again."""
    effects, runs = tables.effects, tables.runs
    rows = connection.execute(
        select(effects.c.app, effects.c.action, effects.c.run_id)
        .join_from(effects, runs, effects.c.run_id == runs.c.id)
        .where(
            effects.c.fate.in_((Fate.UNKNOWN.value, Fate.INTENDED.value)),
            effects.c.sent,
            effects.c.updated_at < clock.now() - _PATIENCE,
            runs.c.state == RunState.UNKNOWN.value,
        )
        .order_by(effects.c.updated_at)
        .limit(_MOST)
    )
    return [row.run_id for row in rows if _has_look_up(apps, row.app, row.action)]


def _has_look_up(apps: Mapping[str, App], app: str, action: str) -> bool:
    known = apps.get(app)
    return known is not None and action in known.actions and known.actions[action].look_up is not None
