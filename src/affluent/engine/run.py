"""Executes one run, step by step, from where its journal ends."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TypeVar

from affluent.domain.expression import ExpressionError, shorten
from affluent.domain.run import Outcome, RunState
from affluent.engine import expressions
from affluent.engine.journal import Journal, JournalEntry, RecordResult
from affluent.engine.journal_entries import ending_entry, entry_after_attempt, finishing_entry, pausing_entry, step_row
from affluent.engine.leases import LeasedRun, UnreadableRun
from affluent.engine.plans import Plan, PlanBroken, PlannedStep, Plans
from affluent.engine.step import LeaseLost, StepRunner
from affluent.engine.step_attempt import StepAttempt
from affluent.kit import clock, crash
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.kit.logs import logger
from affluent.store.bulk import Row
from affluent.store.database import Database, StoreUnavailable, retry_while_unavailable

_log = logger("engine")
_LONGEST_GOODBYE = 1.0
"""Seconds that a stopping process waits for a write of a run."""

T = TypeVar("T")


class Executor:
    """Executes leased runs. One per process, shared by all its runs."""

    def __init__(self, *, database: Database, journal: Journal, plans: Plans, steps: StepRunner) -> None:
        self._database = database
        self._journal = journal
        self._plans = plans
        self._steps = steps

    async def execute(self, run: LeasedRun) -> None:
        """Execute a run until it ends, waits, or its lease is lost. Never raises, except when it is cancelled."""
        try:
            try:
                await self._execute(run)
            except PlanBroken as error:
                await self._record(ending_entry(run, RunState.FAILED, str(error), cause="flow"))
            except Exception as error:
                if isinstance(error, LeaseLost):
                    raise
                await self._failed_by_defect(run, error)
        except LeaseLost:
            _log.info("lease lost", run=run.id)
        except asyncio.CancelledError:
            await self._hand_back(run)
            raise

    async def set_aside(self, run: UnreadableRun) -> None:
        """End a run that cannot be read as failed, so that people see it and later runs of its ordering key go on."""
        reason = f"This run was set aside, because what is stored of it cannot be read: {run.reason}"
        await self._set_aside(run.id, run.lease, reason)

    async def _failed_by_defect(self, run: LeasedRun, error: Exception) -> None:
        """End a run as failed by a defect. When even that cannot be recorded, set it aside by its id alone."""
        _log.exception("run failed by a defect", run=run.id, exc_info=error)
        sentence = f"A defect of this server ({type(error).__name__}); it was logged."
        try:
            await self._record(ending_entry(run, RunState.FAILED, sentence, cause="defect"))
        except LeaseLost:
            raise
        except Exception as again:  # noqa: BLE001 - logged; a run that never ends would hold its place in line for ever
            _log.exception("the end of a run cannot be recorded", run=run.id, exc_info=again)
            await self._set_aside(run.id, run.lease, sentence)

    async def _set_aside(self, run_id: str, lease: int, sentence: str) -> None:
        await retry_while_unavailable(
            lambda: self._database.write(
                lambda connection: self._journal.set_aside(connection, run_id, lease, sentence)
            ),
            waiting=f"run {run_id}",
        )

    async def _execute(self, run: LeasedRun) -> None:
        plan = await retry_while_unavailable(
            lambda: self._plans.get(run.flow_connection_id, run.flow_id, run.flow_version), waiting=f"run {run.id}"
        )
        data = _data(run, plan)
        pending: list[Row] = []
        if run.cancel:
            await self._record(ending_entry(run, RunState.CANCELLED, "Cancelled by a person."))
            return
        refusal = await _trigger_refusal(plan, data) if run.position == 0 else None
        if refusal is not None:
            await self._record(ending_entry(run, *refusal))
            return
        for position in range(run.position, len(plan.steps)):
            result = await self._step(run, plan, position, data, pending)
            if result is None:
                return
            if result.cancel:
                await self._record(
                    ending_entry(run, RunState.CANCELLED, "Cancelled by a person.", position=position + 1)
                )
                return
        await self._record(finishing_entry(run, plan, data, pending))

    async def _step(
        self, run: LeasedRun, plan: Plan, position: int, data: dict[str, JSONValue], pending: list[Row]
    ) -> RecordResult | None:
        """Execute one step. Returns None when the run has ended or waits. `pending`: rows of skipped steps not yet written."""
        planned, started = plan.steps[position], clock.now()
        is_met, sentence = await _condition(planned, data)
        if not is_met:
            skipped = StepAttempt(outcome=Outcome.CONDITION_FALSE, sentence=sentence)
            data["steps"][planned.step.id] = {"outcome": skipped.outcome.value}
            pending.append(step_row(run, planned, position, started, skipped))
            if planned.step.on_condition_false != "stop":
                return RecordResult(is_mine=True)
            await self._record(finishing_entry(run, plan, data, pending, position=position))
            return None
        problem = sentence or planned.problem
        if problem:
            attempt = StepAttempt(outcome=Outcome.REJECTED, sentence=problem, code="flow")
        elif planned.bound is not None and planned.bound.status != "active":
            await self._record(pausing_entry(run, planned, position, pending))
            return None
        else:
            attempt = await self._steps.attempt(run, planned, position, data)
        row = step_row(run, planned, position, started, attempt)
        entry = entry_after_attempt(run, planned, position, attempt, [*pending, row])
        if entry.state is not RunState.RUNNING:
            await self._record(entry)
            return None
        pending.clear()
        data["steps"][planned.step.id] = {**(attempt.output or {}), "outcome": attempt.outcome.value}
        return await self._record_step(run, plan, data, entry, attempt.outcome)

    async def _record_step(
        self, run: LeasedRun, plan: Plan, data: dict[str, JSONValue], entry: JournalEntry, outcome: Outcome
    ) -> RecordResult | None:
        """Write the entry of a step that is done; after the last one the end of the run with it, and None is returned."""
        position = entry.position - 1
        stops = outcome is Outcome.NOT_APPLICABLE and plan.steps[position].step.on_not_applicable == "stop"
        if not stops and position < len(plan.steps) - 1:
            return await self._record(entry)
        ending = finishing_entry(run, plan, data, entry.steps, position=position)
        ending.attempts, ending.effects, ending.identities = entry.attempts, entry.effects, entry.identities
        ending.facts = entry.facts
        await self._record(ending)
        return None

    async def _record(self, entry: JournalEntry) -> RecordResult:
        """Write an entry, and wait for a database that is unavailable: what happened must not be forgotten. Raises LeaseLost."""
        crash.point("journal.before")
        result = await retry_while_unavailable(
            lambda: _finish_writing(self._database.hand_in(self._journal.record, entry)), waiting=f"run {entry.run_id}"
        )
        if not result.is_mine:
            raise LeaseLost
        crash.point("journal.after")
        if entry.broken_connection is not None:
            self._plans.forget()
        return result

    async def _hand_back(self, run: LeasedRun) -> None:
        """Queue the run again, as it stands in the journal, because this process is stopping."""
        try:
            async with asyncio.timeout(_LONGEST_GOODBYE):
                await self._database.write(lambda connection: self._journal.hand_back(connection, run.id, run.lease))
        except (StoreUnavailable, TimeoutError):
            _log.warning("run not handed back; it continues after the next start", run=run.id)


async def _finish_writing(write: asyncio.Future[T]) -> T:
    """The result of a write. When the task is cancelled meanwhile, it first waits until the write has ended."""
    try:
        return await asyncio.shield(write)
    except asyncio.CancelledError:
        await asyncio.wait([write], timeout=_LONGEST_GOODBYE)
        raise


def _data(run: LeasedRun, plan: Plan) -> dict[str, JSONValue]:
    steps: JSONObject = {}
    for position, earlier in run.earlier.items():
        if position < run.position:
            output = earlier.output if isinstance(earlier.output, dict) else {}
            steps[earlier.step_id] = {**output, "outcome": earlier.outcome}
    event: JSONObject = {
        "id": run.event_id,
        "type": run.event_type,
        "occurred_at": run.occurred_at.isoformat(),
    }
    return {"trigger": run.payload, "steps": steps, "inputs": plan.inputs, "event": event}


async def _trigger_refusal(plan: Plan, data: Mapping[str, JSONValue]) -> tuple[RunState, str, str] | None:
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
    """Whether to execute the step. Returns with it why not, or what is wrong with the condition, else an empty text."""
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
