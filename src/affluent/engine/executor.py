"""Executes one run, step by step, from where its journal ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from datetime import datetime

from affluent.domain.expression import ExpressionError, compile_expression
from affluent.domain.retry import policy_for
from affluent.domain.run import Outcome, RunState, StepState
from affluent.engine.claims import Claimed
from affluent.engine.journal import Entry, Journal, Verdict
from affluent.engine.plans import Plan, PlanBroken, PlannedStep, Plans
from affluent.engine.steps import LeaseLost, StepRunner, Try
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.kit.logs import logger
from affluent.kit.redact import redact
from affluent.store.bulk import Row
from affluent.store.database import Database, StoreUnavailable

_log = logger("engine")
_LONGEST_STORE_PAUSE = 5.0


class Executor:
    """Executes claimed runs. One per process, shared by all its runs."""

    def __init__(self, *, database: Database, journal: Journal, plans: Plans, steps: StepRunner) -> None:
        self._database = database
        self._journal = journal
        self._plans = plans
        self._steps = steps

    async def execute(self, claimed: Claimed) -> None:
        """Execute a run until it ends, waits, or its lease is lost. Never raises, except when it is cancelled."""
        try:
            await self._execute(claimed)
        except LeaseLost:
            _log.info("lease lost", run=claimed.id)
        except asyncio.CancelledError:
            await self._hand_back(claimed)
            raise

    async def _execute(self, claimed: Claimed) -> None:
        try:
            plan = await self._plans.get(claimed.flow_connection_id, claimed.flow_id, claimed.flow_version)
        except PlanBroken as error:
            await self._record(_end(claimed, RunState.FAILED, str(error), cause="flow"))
            return
        data = _data(claimed, plan)
        pending: list[Row] = []
        if claimed.cancel:
            await self._record(_end(claimed, RunState.CANCELLED, "Cancelled by a person."))
            return
        refusal = _refused_by_trigger(plan, data) if claimed.position == 0 else None
        if refusal is not None:
            await self._record(_end(claimed, *refusal))
            return
        for position in range(claimed.position, len(plan.steps)):
            verdict = await self._step(claimed, plan, position, data, pending)
            if verdict is None:
                return
            if verdict.cancel:
                await self._record(_end(claimed, RunState.CANCELLED, "Cancelled by a person.", position=position + 1))
                return
        await self._record(_finish(claimed, plan, data, pending))

    async def _step(
        self, claimed: Claimed, plan: Plan, position: int, data: dict[str, JSONValue], pending: list[Row]
    ) -> Verdict | None:
        """Execute one step. None: the run ended or waits."""
        planned = plan.steps[position]
        started = clock.now()
        wanted, problem = _condition(planned, data)
        if not wanted:
            row = _step_row(claimed, planned, position, started, Try(outcome=Outcome.CONDITION_FALSE, sentence=problem))
            data["steps"][planned.step.id] = {"outcome": Outcome.CONDITION_FALSE.value}
            pending.append(row)
            if planned.step.on_condition_false == "stop":
                await self._record(_finish(claimed, plan, data, pending, position=position))
                return None
            return Verdict(is_mine=True)
        if problem or planned.problem:
            this = Try(outcome=Outcome.REJECTED, sentence=problem or planned.problem, code="flow")
        elif planned.bound is not None and planned.bound.status != "active":
            await self._record(_pause(claimed, planned, position, pending))
            return None
        else:
            this = await self._steps.attempt(claimed, planned, position, data)
        step_row = _step_row(claimed, planned, position, started, this)
        entry = _entry_for(claimed, planned, position, this, [*pending, step_row])
        if entry.state is not RunState.RUNNING:
            await self._record(entry)
            return None
        pending.clear()
        data["steps"][planned.step.id] = {**(this.output or {}), "outcome": this.outcome.value}
        is_last = position == len(plan.steps) - 1
        stops = this.outcome is Outcome.NOT_APPLICABLE and planned.step.on_not_applicable == "stop"
        if is_last or stops:
            ending = _finish(claimed, plan, data, entry.steps, position=position)
            ending.attempts, ending.effects, ending.identities = entry.attempts, entry.effects, entry.identities
            await self._record(ending)
            return None
        return await self._record(entry)

    async def _record(self, entry: Entry) -> Verdict:
        """Write an entry; a database that is away for a while is waited for, because what happened must not be forgotten."""
        pause = 0.1
        while True:
            try:
                verdict = await self._database.group(self._journal.record, entry)
            except StoreUnavailable as error:
                _log.warning("journal waits for the database", run=entry.run_id, reason=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_STORE_PAUSE)
                continue
            if not verdict.is_mine:
                raise LeaseLost
            return verdict

    async def _hand_back(self, claimed: Claimed) -> None:
        """The process is stopping: queue the run again, as it stands in the journal."""
        try:
            await asyncio.shield(
                self._database.write(lambda connection: self._journal.hand_back(connection, claimed.id, claimed.lease))
            )
        except StoreUnavailable:
            _log.warning("run not handed back; it continues after the next start", run=claimed.id)


def _data(claimed: Claimed, plan: Plan) -> dict[str, JSONValue]:
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


def _refused_by_trigger(plan: Plan, data: Mapping[str, JSONValue]) -> tuple[RunState, str, str] | None:
    condition = plan.definition.trigger.condition
    if not condition:
        return None
    try:
        if compile_expression(condition).evaluate(data) is True:
            return None
    except ExpressionError as error:
        return RunState.FAILED, f"The trigger's condition cannot be judged: {error}", "mapping"
    return RunState.SKIPPED, plan.definition.trigger.skip_reason or "The trigger's condition is not met.", ""


def _condition(planned: PlannedStep, data: Mapping[str, JSONValue]) -> tuple[bool, str]:
    """Whether to execute the step, and why not (or what is wrong with the condition)."""
    condition = planned.step.condition
    if not condition:
        return True, ""
    try:
        met = compile_expression(condition).evaluate(data)
    except ExpressionError as error:
        return True, f"The condition cannot be judged: {error}"
    if not isinstance(met, bool):
        return True, f"The condition gives {met!r}; it must give true or false."
    return met, "" if met else planned.step.skip_reason or f"Condition not met: {condition}"


def _entry_for(claimed: Claimed, planned: PlannedStep, position: int, this: Try, steps: list[Row]) -> Entry:
    """What the journal says after a try."""
    now = clock.now()
    entry = _entry(claimed, RunState.RUNNING, position=position + 1, sentence="")
    entry.steps = steps
    if this.counts:
        entry.attempts = [_attempt_row(claimed, position, steps[-1]["tries"], this)]
    if this.effect is not None:
        entry.effects = [this.effect]
    match this.outcome:
        case Outcome.APPLIED | Outcome.READ | Outcome.ALREADY_APPLIED | Outcome.NOT_APPLICABLE:
            entry.identities = _identity_rows(claimed, planned, this, now)
        case Outcome.AUTH_FAILED:
            _stop(entry, RunState.PAUSED, position, this, cause=this.code)
            if planned.bound is not None:
                entry.waits_for = planned.bound.id
                entry.broken_connection = (planned.bound.id, planned.bound.version, this.sentence)
        case Outcome.RETRY | Outcome.UNKNOWN if _may_try_again(planned, this):
            _stop(entry, RunState.WAITING, position, this, cause=this.code)
            _plan_retry(entry, claimed, this, now)
        case Outcome.UNKNOWN:
            _stop(entry, RunState.UNKNOWN, position, this, cause=this.code)
            entry.finished_at = now
        case _:
            _stop(entry, RunState.FAILED, position, this, cause=this.code)
            entry.finished_at = now
    return entry


def _may_try_again(planned: PlannedStep, this: Try) -> bool:
    return this.outcome is Outcome.RETRY or planned.action.look_up is not None


def _plan_retry(entry: Entry, claimed: Claimed, this: Try, now: datetime) -> None:
    first = claimed.first_failed_at or now
    if not this.counts:
        entry.tries, entry.first_failed_at = claimed.tries, claimed.first_failed_at
        entry.due_at = now + this.retry_after if this.retry_after else now
        return
    entry.tries, entry.first_failed_at = claimed.tries + 1, first
    following = policy_for(this.code).next_at(
        now=now,
        tries=entry.tries,
        first_failed_at=first,
        retry_after=this.retry_after,
        chance=random.random(),  # noqa: S311 - jitter, no secret
    )
    if following is None:
        entry.state = RunState.UNKNOWN if this.outcome is Outcome.UNKNOWN else RunState.FAILED
        entry.finished_at = now
    else:
        entry.due_at = following


def _stop(entry: Entry, state: RunState, position: int, this: Try, *, cause: str) -> None:
    entry.state, entry.position, entry.sentence, entry.cause = state, position, this.sentence, cause


def _entry(claimed: Claimed, state: RunState, *, position: int, sentence: str, cause: str = "") -> Entry:
    return Entry(
        run_id=claimed.id,
        lease=claimed.lease,
        ordering_key=claimed.ordering_key,
        priority=claimed.priority,
        rank=claimed.rank,
        state=state,
        position=position,
        tries=0,
        due_at=clock.now(),
        first_failed_at=None,
        sentence=sentence,
        cause=cause,
        started_at=claimed.started_at,
    )


def _end(claimed: Claimed, state: RunState, sentence: str, cause: str = "", *, position: int | None = None) -> Entry:
    entry = _entry(
        claimed, state, position=claimed.position if position is None else position, sentence=sentence, cause=cause
    )
    entry.finished_at = clock.now()
    return entry


def _pause(claimed: Claimed, planned: PlannedStep, position: int, pending: list[Row]) -> Entry:
    """The connection needs its owner: the run waits without having tried."""
    bound = planned.bound
    name = bound.name if bound else planned.app.title
    reason = bound.status_reason if bound else ""
    entry = _entry(
        claimed, RunState.PAUSED, position=position, sentence=f"Waits for the connection {name!r}. {reason}".strip()
    )
    entry.cause, entry.waits_for, entry.steps = "auth_failed", bound.id if bound else "", list(pending)
    return entry


def _finish(
    claimed: Claimed, plan: Plan, data: Mapping[str, JSONValue], steps: list[Row], *, position: int | None = None
) -> Entry:
    """The end of a run: skipped when nothing was done, else succeeded."""
    outcomes = [step.get("outcome", "") for step in data["steps"].values()]
    done = [outcome for outcome in outcomes if outcome in ("applied", "already_applied", "read")]
    wrote = [outcome for outcome in outcomes if outcome in ("applied", "already_applied")]
    reasons = [row["sentence"] for row in steps if row["outcome"] in ("not_applicable", "condition_false")]
    skipped = not wrote and (bool(reasons) or not done)
    state = RunState.SKIPPED if skipped else RunState.SUCCEEDED
    sentence = (reasons[-1] if reasons else "There was nothing to do.") if skipped else _success(plan, outcomes)
    entry = _end(claimed, state, sentence, position=len(plan.steps) if position is None else position + 1)
    entry.steps = list(steps)
    return entry


def _success(plan: Plan, outcomes: list[str]) -> str:
    wrote = sum(outcome == "applied" for outcome in outcomes)
    before = sum(outcome == "already_applied" for outcome in outcomes)
    text = f"{wrote} of {len(plan.steps)} steps applied" if wrote or not before else ""
    if before:
        text += (", " if text else "") + f"{before} applied before and not repeated"
    return text + "."


def _step_row(claimed: Claimed, planned: PlannedStep, position: int, started: datetime, this: Try) -> Row:
    earlier = claimed.earlier.get(position)
    ended = this.outcome not in (Outcome.RETRY, Outcome.AUTH_FAILED)
    return {
        "run_id": claimed.id,
        "position": position,
        "step_id": planned.step.id,
        "app": planned.app.key,
        "action": planned.action.key,
        "connection_id": planned.bound.id if planned.bound else None,
        "state": _STATES[this.outcome].value,
        "outcome": this.outcome.value,
        "sentence": this.sentence,
        "condition": planned.step.condition or None,
        "input": redact(this.input),
        "output": this.output,
        "effect": planned.action.effect.value,
        "effect_key": this.effect_key,
        "tries": (earlier.tries if earlier else 0)
        + (1 if this.counts and this.outcome is not Outcome.CONDITION_FALSE else 0),
        "started_at": clock.to_micros(earlier.started_at if earlier else started),
        "finished_at": clock.to_micros(clock.now()) if ended else None,
    }


_STATES = {
    Outcome.APPLIED: StepState.DONE,
    Outcome.READ: StepState.DONE,
    Outcome.ALREADY_APPLIED: StepState.DONE,
    Outcome.NOT_APPLICABLE: StepState.SKIPPED,
    Outcome.CONDITION_FALSE: StepState.SKIPPED,
    Outcome.REJECTED: StepState.FAILED,
    Outcome.RETRY: StepState.WAITING,
    Outcome.AUTH_FAILED: StepState.WAITING,
    Outcome.UNKNOWN: StepState.UNKNOWN,
    Outcome.CRASHED: StepState.FAILED,
}


def _attempt_row(claimed: Claimed, position: int, number: int, this: Try) -> Row:
    ended = clock.to_micros(clock.now())
    return {
        "run_id": claimed.id,
        "position": position,
        "number": number,
        "started_at": ended - this.milliseconds * 1000,
        "milliseconds": this.milliseconds,
        "outcome": this.outcome.value,
        "status": this.status if this.status is not None else _last_status(this),
        "sentence": this.sentence,
        "exchanges": this.exchanges,
    }


def _last_status(this: Try) -> int | None:
    return this.exchanges[-1].get("status") if this.exchanges else None


def _identity_rows(claimed: Claimed, planned: PlannedStep, this: Try, now: datetime) -> list[Row]:
    if not claimed.account_id or planned.bound is None or not isinstance(this.output, dict):
        return []
    how = "found at the vendor" if this.outcome is Outcome.ALREADY_APPLIED else "given by the vendor"
    return [
        {
            "account_id": claimed.account_id,
            "connection_id": planned.bound.id,
            "kind": kind,
            "external_id": str(this.output[name]),
            "app": planned.app.key,
            "how": how,
            "created_at": clock.to_micros(now),
            "updated_at": clock.to_micros(now),
        }
        for kind, name in planned.action.identifies.items()
        if this.output.get(name) not in (None, "")
    ]
