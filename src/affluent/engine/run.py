"""Executes one run, step by step, from where its journal ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from affluent.domain.expression import ExpressionError, shorten
from affluent.domain.run import Outcome, RunState
from affluent.engine import expressions
from affluent.engine.journal import Entry, Journal, Verdict
from affluent.engine.journal_entries import end, entry_for, finish, pause, step_row
from affluent.engine.leases import LeasedRun, Unreadable
from affluent.engine.plans import Plan, PlanBroken, PlannedStep, Plans
from affluent.engine.step import LeaseLost, StepRunner, Try
from affluent.kit import clock, crash
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.kit.logs import logger
from affluent.store.bulk import Row
from affluent.store.database import Database, StoreUnavailable

_log = logger("engine")
_LONGEST_STORE_PAUSE = 5.0
_LONGEST_GOODBYE = 1.0

T = TypeVar("T")


class Executor:
    """Executes claimed runs. One per process, shared by all its runs."""

    def __init__(self, *, database: Database, journal: Journal, plans: Plans, steps: StepRunner) -> None:
        self._database = database
        self._journal = journal
        self._plans = plans
        self._steps = steps

    async def execute(self, claimed: LeasedRun) -> None:
        """Execute a run until it ends, waits, or its lease is lost. Never raises, except when it is cancelled."""
        try:
            try:
                await self._execute(claimed)
            except PlanBroken as error:
                await self._record(end(claimed, RunState.FAILED, str(error), cause="flow"))
            except Exception as error:
                if isinstance(error, LeaseLost):
                    raise
                await self._failed_by_defect(claimed, error)
        except LeaseLost:
            _log.info("lease lost", run=claimed.id)
        except asyncio.CancelledError:
            await self._hand_back(claimed)
            raise

    async def set_aside(self, run: Unreadable) -> None:
        """End a run that cannot be read as failed, so that it is seen and what stands behind it goes on."""
        reason = f"This run was set aside, because what is stored of it cannot be read: {run.reason}"
        await self._set_aside(run.id, run.lease, reason)

    async def _failed_by_defect(self, claimed: LeasedRun, error: Exception) -> None:
        """End a run that we could not execute; when even that cannot be recorded, with nothing of what it carries."""
        _log.exception("run failed by a defect", run=claimed.id, exc_info=error)
        sentence = f"A defect of this server ({type(error).__name__}); it was logged."
        try:
            await self._record(end(claimed, RunState.FAILED, sentence, cause="defect"))
        except LeaseLost:
            raise
        except Exception as again:  # noqa: BLE001 - logged; a run that never ends would hold its place in line for ever
            _log.exception("the end of a run cannot be recorded", run=claimed.id, exc_info=again)
            await self._set_aside(claimed.id, claimed.lease, sentence)

    async def _set_aside(self, run_id: str, lease: int, sentence: str) -> None:
        await self._patiently(
            run_id,
            lambda: self._database.write(
                lambda connection: self._journal.set_aside(connection, run_id, lease, sentence)
            ),
        )

    async def _execute(self, claimed: LeasedRun) -> None:
        plan = await self._patiently(
            claimed.id,
            lambda: self._plans.get(claimed.flow_connection_id, claimed.flow_id, claimed.flow_version),
        )
        data = _data(claimed, plan)
        pending: list[Row] = []
        if claimed.cancel:
            await self._record(end(claimed, RunState.CANCELLED, "Cancelled by a person."))
            return
        refusal = await _refused_by_trigger(plan, data) if claimed.position == 0 else None
        if refusal is not None:
            await self._record(end(claimed, *refusal))
            return
        for position in range(claimed.position, len(plan.steps)):
            verdict = await self._step(claimed, plan, position, data, pending)
            if verdict is None:
                return
            if verdict.cancel:
                await self._record(end(claimed, RunState.CANCELLED, "Cancelled by a person.", position=position + 1))
                return
        await self._record(finish(claimed, plan, data, pending))

    async def _step(
        self, claimed: LeasedRun, plan: Plan, position: int, data: dict[str, JSONValue], pending: list[Row]
    ) -> Verdict | None:
        """Execute one step. None: the run ended or waits."""
        planned = plan.steps[position]
        started = clock.now()
        wanted, problem = await _condition(planned, data)
        if not wanted:
            row = step_row(claimed, planned, position, started, Try(outcome=Outcome.CONDITION_FALSE, sentence=problem))
            data["steps"][planned.step.id] = {"outcome": Outcome.CONDITION_FALSE.value}
            pending.append(row)
            if planned.step.on_condition_false == "stop":
                await self._record(finish(claimed, plan, data, pending, position=position))
                return None
            return Verdict(is_mine=True)
        if problem or planned.problem:
            this = Try(outcome=Outcome.REJECTED, sentence=problem or planned.problem, code="flow")
        elif planned.bound is not None and planned.bound.status != "active":
            await self._record(pause(claimed, planned, position, pending))
            return None
        else:
            this = await self._steps.attempt(claimed, planned, position, data)
        row = step_row(claimed, planned, position, started, this)
        entry = entry_for(claimed, planned, position, this, [*pending, row])
        if entry.state is not RunState.RUNNING:
            await self._record(entry)
            return None
        pending.clear()
        data["steps"][planned.step.id] = {**(this.output or {}), "outcome": this.outcome.value}
        is_last = position == len(plan.steps) - 1
        stops = this.outcome is Outcome.NOT_APPLICABLE and planned.step.on_not_applicable == "stop"
        if is_last or stops:
            ending = finish(claimed, plan, data, entry.steps, position=position)
            ending.attempts, ending.effects, ending.identities = entry.attempts, entry.effects, entry.identities
            await self._record(ending)
            return None
        return await self._record(entry)

    async def _record(self, entry: Entry) -> Verdict:
        """Write an entry; a database that is away for a while is waited for, because what happened must not be forgotten."""
        crash.point("journal.before")
        verdict = await self._patiently(
            entry.run_id, lambda: _to_its_end(self._database.hand_in(self._journal.record, entry))
        )
        if not verdict.is_mine:
            raise LeaseLost
        crash.point("journal.after")
        if entry.broken_connection is not None:
            self._plans.forget()
        return verdict

    async def _patiently(self, run_id: str, work: Callable[[], Awaitable[T]]) -> T:
        """The work, repeated as long as the database is away."""
        wait = 0.1
        while True:
            try:
                return await work()
            except StoreUnavailable as error:
                _log.warning("run waits for the database", run=run_id, reason=str(error))
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_STORE_PAUSE)

    async def _hand_back(self, claimed: LeasedRun) -> None:
        """The process is stopping: queue the run again, as it stands in the journal."""
        try:
            async with asyncio.timeout(_LONGEST_GOODBYE):
                await self._database.write(
                    lambda connection: self._journal.hand_back(connection, claimed.id, claimed.lease)
                )
        except (StoreUnavailable, TimeoutError):
            _log.warning("run not handed back; it continues after the next start", run=claimed.id)


async def _to_its_end(written: asyncio.Future[T]) -> T:
    """What is being written is written, also when the process is told to stop meanwhile: then the stop comes after it."""
    try:
        return await asyncio.shield(written)
    except asyncio.CancelledError:
        await asyncio.wait([written], timeout=_LONGEST_GOODBYE)
        raise


def _data(claimed: LeasedRun, plan: Plan) -> dict[str, JSONValue]:
    steps: JSONObject = {}
    for position, earlier in claimed.earlier.items():
        if position < claimed.position:
            output = earlier.output if isinstance(earlier.output, dict) else {}
            steps[earlier.step_id] = {**output, "outcome": earlier.outcome}
    event: JSONObject = {
        "id": claimed.event_id,
        "type": claimed.event_type,
        "occurred_at": claimed.occurred_at.isoformat(),
    }
    return {"trigger": claimed.payload, "steps": steps, "inputs": plan.inputs, "event": event}


async def _refused_by_trigger(plan: Plan, data: Mapping[str, JSONValue]) -> tuple[RunState, str, str] | None:
    condition = plan.definition.trigger.condition
    if not condition:
        return None
    try:
        if await expressions.evaluate(condition, data) is True:
            return None
    except ExpressionError as error:
        return RunState.FAILED, f"The trigger's condition cannot be judged: {error}", "mapping"
    return RunState.SKIPPED, plan.definition.trigger.skip_reason or "The trigger's condition is not met.", ""


async def _condition(planned: PlannedStep, data: Mapping[str, JSONValue]) -> tuple[bool, str]:
    """Whether to execute the step, and why not (or what is wrong with the condition)."""
    condition = planned.step.condition
    if not condition:
        return True, ""
    try:
        met = await expressions.evaluate(condition, data)
    except ExpressionError as error:
        return True, f"The condition cannot be judged: {error}"
    if not isinstance(met, bool):
        return True, f"The condition gives {shorten(met)}; it must give true or false."
    return met, "" if met else planned.step.skip_reason or f"Condition not met: {condition}"
