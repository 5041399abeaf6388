"""What our own journal says of each invoice, refund and payment: found by effect key and by event, without a scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select, text

from affluent.domain.event import WORKSPACE
from affluent.domain.reconciliation.statement import Said
from affluent.domain.run import Fate, RunState
from affluent.engine import effect_keys as keys
from affluent.kit.jsons import JSONObject, dumps
from affluent.sdk import App
from affluent.store import bulk, snapshots, tables
from affluent.store.schema.types import readable

_PAGE = 500
_FATES = {
    Fate.APPLIED: Said.APPLIED,
    Fate.ALREADY_APPLIED: Said.APPLIED,
    Fate.NOT_APPLICABLE: Said.DECLINED,
    Fate.DROPPED: Said.DECLINED,
    Fate.REJECTED: Said.FAILED,
    Fate.UNKNOWN: Said.UNKNOWN,
}
_STATES = {
    RunState.SUCCEEDED: Said.DECLINED,
    RunState.SKIPPED: Said.DECLINED,
    RunState.FAILED: Said.FAILED,
    RunState.CANCELLED: Said.FAILED,
    RunState.UNKNOWN: Said.UNKNOWN,
}
"""Of runs that have no such effect; all other states wait."""
_ASKED = {"invoice": ("sale",), "refund": ("sale_refund",), "payment": ("sale", "receipt")}
"""Kind of record → what is written under its id."""


class Claims:
    """Reads claims. `apps` are those that keep books."""

    def __init__(self, apps: Mapping[str, App]) -> None:
        self._writes = {
            (app.key, action): what for app in apps.values() if app.books for action, what in app.books.writes.items()
        }
        self._apps = apps
        self._versions: dict[tuple[str, int], set[str]] = {}

    def page(self, connection: Connection, statement_id: str, after: str) -> tuple[list[bulk.Row], str]:
        """Claims of up to 500 records, and the id to go on after; "" at the end."""
        kinds = tuple(_ASKED)
        page_records = snapshots.keys(connection, statement_id, kinds, after=after, limit=_PAGE)
        rows = self._effects(connection, page_records)
        known = {(row["case_id"], row["facts"]["of"]) for row in rows}
        rows += [
            row for row in self._runs(connection, page_records) if (row["case_id"], row["facts"]["of"]) not in known
        ]
        return rows, page_records[-1].id if len(page_records) == _PAGE else ""

    def _effects(self, connection: Connection, page_records: Sequence[Row[Any]]) -> list[bulk.Row]:
        by_key: dict[str, tuple[Row[Any], str]] = {}
        links = connection.execute(select(tables.connections.c.id, tables.connections.c.app)).all()
        for record in page_records:
            for link in links:
                for (app, action), what in self._writes.items():
                    if link.app == app and what in _ASKED[record.kind]:
                        by_key[keys.of_record(link.id, app, action, record.id)] = (record, what)
        if not by_key:
            return []
        sql = text(
            "SELECT e.key, e.app, e.fate, e.sentence, e.amount_minor, e.currency, e.run_id, e.updated_at, e.output, e.account_id,"
            " r.state, r.sentence AS run_sentence FROM effects e LEFT JOIN runs r ON r.id = e.run_id WHERE e.key IN "
            + bulk.each(connection.dialect.name)
        )
        return [
            self._of_effect(row, *by_key[row.key]) for row in connection.execute(sql, {"keys": dumps(list(by_key))})
        ]

    def _of_effect(self, row: Row[Any], record: Row[Any], what: str) -> bulk.Row:
        fate = Fate(row.fate)
        claim = _FATES.get(fate) or _of_state(row.state)
        output = readable(row.output) if row.output else {}
        facts: JSONObject = {
            "of": what,
            "sentence": row.sentence or row.run_sentence or "",
            "run_id": row.run_id,
            "effect_key": row.key,
        }
        app = self._apps.get(row.app)
        books = app.books if app is not None else None
        if claim is Said.APPLIED and books is not None and not books.is_listed(output):
            facts["earned_nothing"] = True
        return _row(row.key, record, claim, facts, row.amount_minor or 0, row.currency or "", row.updated_at)

    def _runs(self, connection: Connection, page_records: Sequence[Row[Any]]) -> list[bulk.Row]:
        """Runs that have no such effect yet, or never will: queued, stuck before their call, or ended by a condition."""
        by_event: dict[str, tuple[Row[Any], str]] = {}
        for record in page_records:
            for app in self._apps.values():
                if app.books is not None and record.kind == "invoice":
                    by_event |= {name.format(id=record.id): (record, "sale") for name in app.books.told_as}
                elif app.books is not None and record.kind == "refund":
                    by_event |= {
                        name.format(id=record.about): (record, "sale_refund") for name in app.books.refund_told_as
                    }
        if not by_event:
            return []
        events = self._events(connection, list(by_event))
        sql = text(
            "SELECT id, state, sentence, event_id, flow_id, flow_version, created_at, amount_minor, currency FROM runs"
            f" WHERE event_id IN {bulk.each(connection.dialect.name)}"
        )
        rows: list[bulk.Row] = []
        for run in connection.execute(sql, {"keys": dumps(list(events))}).all():
            record, what = by_event[events[run.event_id]]
            if what in self._written_by(connection, run.flow_id, run.flow_version):
                facts = {"of": what, "sentence": run.sentence, "run_id": run.id, "effect_key": ""}
                claim, amount = _of_state(run.state), run.amount_minor or 0
                rows.append(_row(f"{run.id}/{what}", record, claim, facts, amount, run.currency or "", run.created_at))
        return rows

    def _events(self, connection: Connection, external_ids: list[str]) -> dict[str, str]:
        """Event id → external id, from every source that tells of billing."""
        links = tables.flow_connections
        sources = {WORKSPACE, *connection.execute(select(links.c.id)).scalars()}
        sql = text(
            "SELECT id, external_id FROM events WHERE source = :source AND external_id IN "
            + bulk.each(connection.dialect.name)
        )
        packed = dumps(external_ids)
        return {
            row.id: row.external_id
            for source in sorted(sources)
            for row in connection.execute(sql, {"source": source, "keys": packed})
        }

    def _written_by(self, connection: Connection, flow_id: str, version: int) -> set[str]:
        known = self._versions.get((flow_id, version))
        if known is None:
            versions = tables.flow_versions
            query = select(versions.c.definition).where(versions.c.flow_id == flow_id, versions.c.number == version)
            definition = connection.execute(query).scalar() or {}
            steps = [(step.get("app"), step.get("action")) for step in definition.get("steps", [])]
            known = self._versions[flow_id, version] = {self._writes[step] for step in steps if step in self._writes}
        return known


def _of_state(state: str | None) -> Said:
    """Of an effect without a fate, or a run without an effect."""
    return _STATES.get(RunState(state), Said.WAITING) if state else Said.UNKNOWN


def _row(  # noqa: PLR0917 - a row is one flat list of facts
    id_: str, record: Row[Any], claim: Said, facts: JSONObject, amount: int, currency: str, at: int
) -> bulk.Row:
    return {
        "kind": "claim",
        "id": id_,
        "about": record.id,
        "case_id": record.case_id,
        "account_id": record.account_id,
        "amount": amount,
        "currency": currency,
        "at": at,
        "status": claim.value,
        "facts": facts,
    }
