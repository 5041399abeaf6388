"""Why this amount: from any id to the chain behind it, every link with its time, its author and its values.

invoice lines → net → event → flow version → expression and values → request and answer → sale → commission
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, text

from affluent.domain.event import WORKSPACE
from affluent.engine.effect_keys import of_record
from affluent.kit import clock
from affluent.kit.ids import first_id
from affluent.kit.jsons import JSONObject, JSONValue, dumps
from affluent.sdk import App
from affluent.services.errors import NotFound
from affluent.services.reconciliation.views import amount_text, money_text
from affluent.services.runs.views import RunDetail, StepView, detail
from affluent.store import bulk, tables
from affluent.store.database import Database
from affluent.store.schema.types import readable
from affluent.store.tables import billing as tables_billing
from affluent.store.tables import money

_MOST = 20
_OF_ACCOUNT = 5
"""Of an account the newest events: its timeline has the others."""
_RECENT = timedelta(days=2)
_TEXT_LIMIT = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link of the chain."""

    what: str
    """invoice, net, event, flow_version, expression, request, answer, sale, commission, payment, refund or comparison."""
    title: str
    at: datetime | None
    by: str = ""
    """Who is responsible for it: the author of a flow version, the app that answered."""
    detail: JSONValue = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Everything behind one amount, as it was when it was asked for."""

    asked_for: str
    found_by: str
    subject: str
    """What people call it, e.g. INV-2043 · Northwind Labs."""
    account_id: str
    links: tuple[Link, ...]
    runs: tuple[RunDetail, ...]
    made_at: datetime


@dataclass(frozen=True, slots=True)
class _Found:
    by: str
    case_id: str
    event_ids: tuple[str, ...]


class Why:
    """Answers why. `apps` are all apps of the catalogue."""

    def __init__(self, *, database: Database, apps: Mapping[str, App]) -> None:
        self._database = database
        self._apps = apps

    async def ask(self, asked_for: str) -> Chain:
        """The chain behind a commission, sale, invoice, payment, refund, account, run, event or effect. Raises NotFound."""
        return await self._database.read(lambda connection: self._ask(connection, asked_for.strip()))

    async def knows(self, asked_for: str) -> str:
        """What an id is known as, e.g. "commission in the books"; "" when no index has it. Cheap: only look-ups."""

        def unit(connection: Connection) -> str:
            match = self._look_up(connection, asked_for.strip())
            return match.by if match else ""

        return await self._database.read(unit)

    def _ask(self, connection: Connection, asked_for: str) -> Chain:
        match = self._find(connection, asked_for)
        if match is None:
            raise NotFound(
                f"Nothing here is known as {asked_for!r}. Give the id or number of an invoice, or the id of a sale, commission,"
                " payment, account or run."
            )
        runs = _runs(connection, match.event_ids)
        records = _records(connection, match.case_id) if match.case_id else ()
        links = [
            *(link for event in _events(connection, match.event_ids) for link in _of_event(event)),
            *(link for run in runs for link in self._of_run(connection, run)),
            *(_of_record(row) for row in records),
            *_comparisons(connection, match.case_id),
        ]
        first = runs[0].run if runs else None
        return Chain(
            asked_for=asked_for,
            found_by=match.by,
            subject=first.title if first else match.case_id or asked_for,
            account_id=first.account_id if first else next((row.account_id for row in records), ""),
            links=tuple(links),
            runs=runs,
            made_at=clock.now(),
        )

    def _find(self, connection: Connection, asked_for: str) -> _Found | None:
        """By the cheapest index that knows the id, else among the newest answers."""
        match = self._look_up(connection, asked_for)
        if match is not None:
            return match
        recent = _recently_answered(connection, asked_for)
        return _Found("answer of a vendor", "", recent) if recent else None

    def _look_up(self, connection: Connection, asked_for: str) -> _Found | None:
        """Every way is one look-up."""
        direct = _direct(connection, asked_for)
        if direct is not None:
            return direct
        record = connection.execute(
            select(money.snapshot_records).where(money.snapshot_records.c.id == asked_for)
            .order_by(money.snapshot_records.c.snapshot_id.desc()).limit(1)
        ).one_or_none()  # fmt: skip
        case_id = record.case_id if record is not None else asked_for
        event_ids = (*self._told(connection, case_id), *self._written(connection, {case_id, asked_for}))
        if record is not None or event_ids:
            by = f"{record.kind} in the books" if record is not None else "its id at a vendor"
            return _Found(by, case_id, tuple(dict.fromkeys(event_ids)))
        account = _of_account(connection, asked_for)
        if account:
            return _Found("account", "", account)
        invoice = _numbered(connection, asked_for)
        return self._look_up(connection, invoice) if invoice else None

    def _told(self, connection: Connection, case_id: str) -> Sequence[str]:
        """The events that tell of an invoice."""
        names = [
            name.format(id=case_id)
            for app in self._apps.values()
            if app.books is not None
            for name in (*app.books.told_as, *app.books.refund_told_as)
        ]
        sources = [WORKSPACE, *connection.execute(select(tables.flow_connections.c.id)).scalars()]
        events = tables.events
        query = select(events.c.id).where(events.c.source.in_(sources), events.c.external_id.in_(names))
        return connection.execute(query.order_by(events.c.id)).scalars().all()

    def _written(self, connection: Connection, ids: set[str]) -> Sequence[str]:
        """The events whose effects carry one of these ids in their key."""
        links = connection.execute(select(tables.connections.c.id, tables.connections.c.app)).all()
        keys = [
            of_record(link.id, link.app, action, id_)
            for link in links
            if (app := self._apps.get(link.app)) is not None
            for action, declared in app.actions.items()
            if declared.key_field
            for id_ in ids
        ]
        sql = text(
            f"SELECT event_id FROM effects WHERE key IN {bulk.each(connection.dialect.name)} ORDER BY created_at"
        )
        return connection.execute(sql, {"keys": dumps([*keys, *ids])}).scalars().all()

    def _of_run(self, connection: Connection, run: RunDetail) -> list[Link]:
        versions = tables.flow_versions
        version = connection.execute(
            select(versions).where(versions.c.flow_id == run.run.flow_id, versions.c.number == run.run.flow_version)
        ).one_or_none()
        links = [
            Link(
                what="flow_version",
                title=f"{run.run.flow_name}, version {run.run.flow_version}",
                at=version.created_at if version else None,
                by=version.author if version else "",
                detail={"run": run.run.id, "state": run.run.state, "sentence": run.run.sentence,
                        "note": version.note if version else ""},
            )
        ]  # fmt: skip
        inputs = {step["id"]: step.get("inputs", {}) for step in (run.definition or {}).get("steps", [])}
        for step in run.steps:
            links += self._of_step(step, inputs.get(step.step_id, {}))
        return links

    def _of_step(self, step: StepView, expressions: JSONObject) -> list[Link]:
        app = self._apps.get(step.app)
        name, action = (app.title, app.actions.get(step.action)) if app else (step.app, None)
        title = f"{name}: {action.title if action else step.action}"
        values = step.input if isinstance(step.input, dict) else {}
        shown: JSONObject = {
            field: {"expression": expression, "value": values.get(field)} for field, expression in expressions.items()
        }
        if action is not None and action.money is not None and {*action.money} <= values.keys():
            shown["_money"] = money_text(values[action.money[0]], values[action.money[1]])
        head = {"condition": step.condition, "outcome": step.outcome, "effect_key": step.effect_key, "inputs": shown}
        links = [Link(what="expression", title=title, at=step.started_at, detail={**head, "sentence": step.sentence})]
        for attempt in step.attempts:
            links += [
                Link(what="request", title=f"Sent to {name}", at=attempt.started_at, detail=exchange)
                for exchange in attempt.exchanges or []
            ]
        if step.output:
            links.append(
                Link(what="answer", title=f"{name} answered", at=step.finished_at, by=name, detail=step.output)
            )
        return links


def _numbered(connection: Connection, number: str) -> str:
    """The id of an invoice of this server's workspace by the number that people read on it."""
    invoices = tables_billing.invoices
    ids = connection.execute(select(invoices.c.id).where(invoices.c.number == number, invoices.c.id != number))
    return str(ids.scalar() or "")


def _direct(connection: Connection, asked_for: str) -> _Found | None:
    runs, events, effects = tables.runs, tables.events, tables.effects
    ways = (
        ("run", "run_", select(runs.c.event_id).where(runs.c.id == asked_for)),
        ("event", "evt_", select(events.c.id).where(events.c.id == asked_for)),
        ("effect", "", select(effects.c.event_id).where(effects.c.key == asked_for)),
    )
    for by, prefix, query in ways:
        if asked_for.startswith(prefix):
            event_id = connection.execute(query).scalar()
            if event_id is not None:
                payload = readable(
                    connection.execute(select(events.c.payload).where(events.c.id == event_id)).scalar() or "{}"
                )
                invoice = payload.get("invoice") if isinstance(payload, dict) else None
                return _Found(by, str((invoice or {}).get("id", "")), (event_id,))
    return None


def _of_account(connection: Connection, account_id: str) -> tuple[str, ...]:
    events = tables.events
    query = select(events.c.id).where(events.c.account_id == account_id).order_by(events.c.id.desc()).limit(_OF_ACCOUNT)
    return tuple(connection.execute(query).scalars())


def _recently_answered(connection: Connection, asked_for: str) -> tuple[str, ...]:
    """Ids that no snapshot has yet: among the answers of the last days."""
    effects = tables.effects
    recent = (
        select(effects.c.event_id, effects.c.output)
        .where(effects.c.run_id >= first_id("run", clock.now() - _RECENT))
        .order_by(effects.c.run_id.desc())
        .limit(_TEXT_LIMIT)
    )
    needles = (f'"{asked_for}"', f":{asked_for},", f":{asked_for}}}")
    return tuple(
        dict.fromkeys(
            row.event_id
            for row in connection.execute(recent)
            if row.output and any(needle in dumps(row.output) for needle in needles)
        )
    )[:_MOST]


def _events(connection: Connection, event_ids: Sequence[str]) -> Sequence[Row[Any]]:
    events = tables.events
    return connection.execute(select(events).where(events.c.id.in_(event_ids[:_MOST])).order_by(events.c.id)).all()


def _runs(connection: Connection, event_ids: Sequence[str]) -> tuple[RunDetail, ...]:
    runs = tables.runs
    query = select(runs.c.id).where(runs.c.event_id.in_(event_ids[:_MOST])).order_by(runs.c.id).limit(_MOST)
    return tuple(detail(connection, run_id) for run_id in connection.execute(query).scalars())


def _of_event(event: Row[Any]) -> list[Link]:
    payload = readable(event.payload)
    invoice = payload.get("invoice") if isinstance(payload, dict) else None
    links: list[Link] = []
    if isinstance(invoice, dict):
        lines = invoice.get("line_items") or []
        amounts = {name: invoice.get(name) for name in ("net", "tax", "total", "paid", "currency", "status")}
        title = f"Invoice {invoice.get('number') or invoice.get('id')}"
        billed = {"currency": invoice.get("currency"), "lines": lines}
        links.append(Link(what="invoice", title=title, at=event.occurred_at, by="billing", detail=billed))
        shown = f"Net {amount_text(invoice.get('net'), invoice.get('currency'))}"
        links.append(Link(what="net", title=shown, at=event.occurred_at, by="billing", detail=amounts))
    elif event.forgotten_at is not None and event.amount_minor is not None:
        shown = f"Net {money_text(event.amount_minor, event.currency)}"
        taken = {"lines": None, "payload_forgotten_at": event.forgotten_at}
        links.append(Link(what="net", title=shown, at=event.occurred_at, by="billing", detail=taken))
    known = {"id": event.id, "external_id": event.external_id, "source": event.source, "received_at": event.received_at}
    links.append(
        Link(what="event", title=f"{event.app} {event.type}", at=event.occurred_at, by=event.app, detail=known)
    )
    return links


def _records(connection: Connection, case_id: str) -> Sequence[Row[Any]]:
    """What the newest snapshots have of a case."""
    records = money.snapshot_records
    newest = select(records.c.statement_id).where(records.c.case_id == case_id).order_by(records.c.statement_id.desc())
    statement_id = connection.execute(newest.limit(1)).scalar()
    if statement_id is None:
        return ()
    query = (
        select(records, money.snapshots.c.taken_at, money.snapshots.c.app, money.snapshots.c.digest)
        .join_from(records, money.snapshots, money.snapshots.c.id == records.c.snapshot_id)
        .where(records.c.statement_id == statement_id, records.c.case_id == case_id, records.c.kind != "claim")
        .order_by(records.c.at)
    )
    return connection.execute(query).all()


def _of_record(row: Row[Any]) -> Link:
    amount = money_text(row.amount, row.currency)
    seen = {"read_at": row.taken_at, "snapshot": row.snapshot_id, "snapshot_sha256": row.digest}
    facts: JSONObject = {"id": row.id, "about": row.about, "account": row.account_id, "status": row.status, **row.facts}
    title = f"{row.kind.replace('_', ' ').capitalize()} {row.id}: {amount}"
    return Link(what=row.kind, title=title, at=clock.from_micros(row.at), by=row.app, detail={**facts, **seen})


def _comparisons(connection: Connection, case_id: str) -> list[Link]:
    lines, statements = money.statement_lines, money.statements
    newest = (
        select(lines.c.statement_id).where(lines.c.case_id == case_id).order_by(lines.c.statement_id.desc()).limit(1)
    )
    query = (
        select(lines, statements.c.done_at)
        .join_from(lines, statements, statements.c.id == lines.c.statement_id)
        .where(lines.c.statement_id == newest.scalar_subquery(), lines.c.case_id == case_id)
    )
    return [
        Link(
            what="comparison",
            title=f"{row.leg}: {row.name.replace('_', ' ')}",
            at=row.done_at,
            by="reconciliation",
            detail={"ours": money_text(row.ours, row.currency), "theirs": money_text(row.theirs, row.currency), "reason": row.reason},
        )
        for row in connection.execute(query)
    ] if case_id else []  # fmt: skip
