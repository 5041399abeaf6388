"""Repair: the calls of a plan made through the engine, under the same effect keys, so that nothing can come twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, update

from affluent.domain.event import EventDraft
from affluent.domain.reconciliation.statement import EXPLAINED, Class
from affluent.domain.run import RESUMABLE, Fate, RunState
from affluent.engine.intake import Intake
from affluent.kit import clock
from affluent.kit.jsons import text_of
from affluent.kit.money import Money
from affluent.sdk import App
from affluent.services.connections.owners import refuse_without_rights
from affluent.services.errors import Conflict, NotFound
from affluent.services.flows.flow_connections import FlowConnections
from affluent.services.flows.service import Flows
from affluent.services.reconciliation.nightly import APP
from affluent.services.reconciliation.repair_plan import BY_HAND, REPLAY, RESUME, Call, Planner
from affluent.services.reconciliation.views import line_of
from affluent.services.runs.service import Runs
from affluent.store import ledger, tables
from affluent.store import snapshots as store
from affluent.store.database import Database

EVENT = "correction.asked"
_STEP = "correct"
_MOST = 500
_OPEN = tuple(name.value for name in Class if name not in EXPLAINED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairPlan:
    """What would be done, and the money it moves."""

    statement_id: str
    calls: tuple[Call, ...]
    money: tuple[Money, ...]
    """Net by currency, of the calls that are not by hand."""
    by_hand: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """What was begun; the runs end by themselves."""

    statement_id: str
    run_ids: tuple[str, ...]
    known: int
    """Calls that had been asked for before: their effects are not repeated."""
    by_hand: int


class Repair:
    """Use cases of repair."""

    def __init__(
        self,
        *,
        database: Database,
        apps: Mapping[str, App],
        flows: Flows,
        flow_connections: FlowConnections,
        runs: Runs,
        intake: Intake,
    ) -> None:
        self._database = database
        self._apps = apps
        self._flows = flows
        self._flow_connections = flow_connections
        self._runs = runs
        self._intake = intake

    async def preview(self, statement_id: str, numbers: Sequence[int] = ()) -> RepairPlan:
        """Every call that repairing these lines (none: all open ones) would make. Nothing is sent. Raises NotFound, Conflict."""
        calls = await self._database.read(lambda connection: self._plan(connection, statement_id, numbers))
        sums: dict[str, int] = {}
        for call in calls:
            if call.how != BY_HAND and call.money is not None:
                sums[call.money.currency] = sums.get(call.money.currency, 0) + call.money.minor_units
        return RepairPlan(
            statement_id=statement_id,
            calls=tuple(calls),
            money=tuple(Money(minor, currency) for currency, minor in sorted(sums.items())),
            by_hand=sum(call.how == BY_HAND for call in calls),
        )

    async def apply(self, statement_id: str, numbers: Sequence[int] = (), *, author: str) -> Repaired:
        """Begin the calls. Doing it twice repeats nothing: the same ids, the same keys. Raises NotFound, Conflict."""
        plan = await self.preview(statement_id, numbers)
        used = {call.connection_id for call in plan.calls if call.how != BY_HAND}
        await self._database.write(lambda connection: refuse_without_rights(connection, used))
        run_ids: list[str] = []
        known = 0
        for call in plan.calls:
            begun = await self._begin(call, statement_id, author)
            run_ids += begun
            known += not begun and call.how != BY_HAND
        return Repaired(statement_id=statement_id, run_ids=tuple(run_ids), known=known, by_hand=plan.by_hand)

    def _plan(self, connection: Connection, statement_id: str, numbers: Sequence[int]) -> list[Call]:
        statement = store.one(connection, statement_id)
        if statement is None:
            raise NotFound(f"There is no statement {statement_id}.")
        if statement.phase != "done":
            raise Conflict("The statement is not done yet; repair it when it is.")
        if statement.locked_at is not None:
            raise Conflict("This period is closed. Open it before you repair anything in it.")
        links = connection.execute(select(tables.connections.c.id, tables.connections.c.app)).all()
        planner = Planner(self._apps, [(link.id, link.app) for link in links])
        calls: list[Call] = []
        for row in _open_lines(connection, statement_id, numbers):
            records = store.of_case(connection, statement_id, row.case_id)
            calls += planner.plan(row.number, line_of(row), records)
        return calls

    async def _begin(self, call: Call, statement_id: str, author: str) -> list[str]:
        match call.how:
            case "resume" | "replay":
                return await self._again(call)
            case "send":
                return await self._send(call, statement_id, author)
            case _:
                return []

    async def _again(self, call: Call) -> list[str]:
        """Resume a run that stands, or replay one whose effect is not there any more."""
        state = RunState((await self._runs.get(call.run_id)).run.state)
        if call.how == RESUME and state in RESUMABLE:
            return [(await self._runs.resume(call.run_id)).id]
        if call.how == REPLAY and call.effect_key:
            await self._database.write(lambda connection: reopen(connection, call.effect_key))
        if call.how == REPLAY or state not in RESUMABLE:
            return [(await self._runs.replay(call.run_id)).id]
        return []

    async def _send(self, call: Call, statement_id: str, author: str) -> list[str]:
        link = await self._link(call, author)
        inputs = call.inputs or {}
        draft = EventDraft(
            app=APP,
            source=link,
            type=EVENT,
            external_id=call.effect_key,
            occurred_at=clock.now(),
            payload={"inputs": inputs, "statement_id": statement_id, "line": call.line, "author": author},
            account_id=text_of(inputs.get("uid")),
            title=f"Repair · {call.sentence}"[:200],
            money=call.money,
            only_flow_connection=link,
        )
        (accepted,) = await self._database.write(lambda connection: self._intake.accept(connection, [draft]))
        if accepted.is_new:
            return list(accepted.run_ids)
        return await self._stuck(accepted.event_id)

    async def _stuck(self, event_id: str) -> list[str]:
        """The run of a correction that was asked for before, when it did not get through."""
        runs = tables.runs
        query = select(runs.c.id).where(
            runs.c.event_id == event_id, runs.c.state.in_(("failed", "unknown", "cancelled"))
        )
        stuck = await self._database.read(lambda connection: connection.execute(query).scalars().all())
        return [(await self._runs.resume(run_id)).id for run_id in stuck]

    async def _link(self, call: Call, author: str) -> str:
        """The flow connection that makes such calls: a private flow of one step, made when it is needed first."""
        app = self._apps[call.app]
        name = f"Repair: {app.title}, {app.actions[call.action].title.lower()}"
        links, flows = tables.flow_connections, tables.flows
        query = select(links.c.id, links.c.bindings).join_from(links, flows, flows.c.id == links.c.flow_id)
        query = query.where(flows.c.name == name, links.c.trigger_app == APP, links.c.enabled)
        for row in await self._database.read(lambda connection: connection.execute(query).all()):
            if row.bindings.get(_STEP) == call.connection_id:
                return str(row.id)
        fields = {field: f"{{{{ trigger.inputs.{field} }}}}" for field in call.inputs or {}}
        definition = {
            "name": name,
            "description": "Made by reconciliation: corrects what a statement found, once for each difference.",
            "type": "inbound",
            "trigger": {"app": APP, "trigger": "correction"},
            "steps": [{"id": _STEP, "app": call.app, "action": call.action, "inputs": fields}],
        }
        flow = await self._flows.create(definition, author=author, publish=True)
        made = await self._flow_connections.create(
            flow_id=flow.flow.id, name="Reconciliation", bindings={_STEP: call.connection_id}, inputs={}
        )
        return made.flow_connection.id


def reopen(connection: Connection, key: str) -> None:
    """An applied effect that is not there any more: in doubt again, so that it is sent under the same key, or looked up first."""
    effects = tables.effects
    values = {
        "fate": Fate.UNKNOWN.value,
        "sent": True,
        "sentence": "Reconciliation did not find it there.",
        "updated_at": clock.now(),
    }
    applied = effects.c.fate.in_((Fate.APPLIED.value, Fate.ALREADY_APPLIED.value))
    changed = connection.execute(update(effects).where(effects.c.key == key, applied).values(**values))
    if changed.rowcount:
        ledger.reread(connection, key)


def _open_lines(connection: Connection, statement_id: str, numbers: Sequence[int]) -> list[Row[Any]]:
    if not numbers:
        lines = store.lines(connection, statement_id, names=_OPEN, limit=_MOST)
        return [row for row in lines if row.open]
    rows = [store.line(connection, statement_id, number) for number in numbers[:_MOST]]
    missing = [number for number, row in zip(numbers, rows, strict=False) if row is None]
    if missing:
        raise NotFound(f"This statement has no line {missing[0]}.", field="lines")
    return [row for row in rows if row is not None and row.open]
