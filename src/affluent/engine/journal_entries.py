"""Builds the journal entries of a run: after a try of a step, when it pauses, and when it ends."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime

from affluent.domain.retry import policy_for
from affluent.domain.run import Outcome, RunState, StepState
from affluent.engine.journal import JournalEntry
from affluent.engine.leases import LeasedRun
from affluent.engine.plans import Plan, PlannedStep
from affluent.engine.step_attempt import StepAttempt
from affluent.kit import clock
from affluent.kit.jsons import JSONValue, text_of
from affluent.kit.redact import redact
from affluent.sdk import Wait
from affluent.store.bulk import Row


def entry_after_attempt(
    run: LeasedRun, planned: PlannedStep, position: int, attempt: StepAttempt, steps: list[Row]
) -> JournalEntry:
    """The entry after a try of a step: the run goes on, waits, pauses or ends."""
    now = clock.now()
    entry = _blank(run, RunState.RUNNING, position=position + 1, sentence="")
    entry.steps = steps
    if attempt.counts:
        entry.attempts = [_attempt_row(run, position, steps[-1]["tries"], attempt)]
    if attempt.effect is not None:
        entry.effects = [attempt.effect]
        entry.facts = [(attempt.effect_key, attempt.facts)] if attempt.facts else []
    match attempt.outcome:
        case Outcome.APPLIED | Outcome.READ | Outcome.ALREADY_APPLIED | Outcome.NOT_APPLICABLE:
            entry.identities = _identity_rows(run, planned, attempt, now)
        case Outcome.AUTH_FAILED:
            _stop(entry, RunState.PAUSED, position, attempt, cause=attempt.code)
            if planned.bound is not None:
                entry.waits_for = planned.bound.id
                entry.broken_connection = (planned.bound.id, planned.bound.version, attempt.sentence)
        case Outcome.HELD:
            entry.leaves_line = True
            _stop(entry, RunState.WAITING, position, attempt, cause=attempt.code)
            _plan_retry(entry, run, attempt, now)
        case Outcome.RETRY | Outcome.UNKNOWN if _may_try_again(planned, attempt):
            entry.leaves_line = attempt.code == Wait.code
            _stop(entry, RunState.WAITING, position, attempt, cause="" if entry.leaves_line else attempt.code)
            _plan_retry(entry, run, attempt, now)
        case Outcome.UNKNOWN:
            _stop(entry, RunState.UNKNOWN, position, attempt, cause=attempt.code)
            entry.finished_at = now
        case _:
            _stop(entry, RunState.FAILED, position, attempt, cause=attempt.code)
            entry.finished_at = now
    return entry


def _may_try_again(planned: PlannedStep, attempt: StepAttempt) -> bool:
    return attempt.outcome is Outcome.RETRY or planned.action.look_up is not None


def _plan_retry(entry: JournalEntry, run: LeasedRun, attempt: StepAttempt, now: datetime) -> None:
    first = run.first_failed_at or now
    if not attempt.counts:
        entry.tries, entry.first_failed_at = run.tries, run.first_failed_at
        entry.due_at = now + attempt.retry_after if attempt.retry_after else now
        return
    entry.tries, entry.first_failed_at = run.tries + 1, first
    following = policy_for(attempt.code).next_at(
        now=now,
        tries=entry.tries,
        first_failed_at=first,
        retry_after=attempt.retry_after,
        chance=random.random(),  # noqa: S311 - jitter, no secret
    )
    if following is None:
        entry.state = RunState.UNKNOWN if attempt.outcome is Outcome.UNKNOWN else RunState.FAILED
        entry.finished_at = now
    else:
        entry.due_at = following


def _stop(entry: JournalEntry, state: RunState, position: int, attempt: StepAttempt, *, cause: str) -> None:
    entry.state, entry.position, entry.sentence, entry.cause = state, position, attempt.sentence, cause


def _blank(run: LeasedRun, state: RunState, *, position: int, sentence: str, cause: str = "") -> JournalEntry:
    return JournalEntry(
        run_id=run.id,
        lease=run.lease,
        ordering_key=run.ordering_key,
        priority=run.priority,
        rank=run.rank,
        state=state,
        position=position,
        tries=0,
        due_at=clock.now(),
        first_failed_at=None,
        sentence=sentence,
        cause=cause,
        started_at=run.started_at,
    )


def ending_entry(
    run: LeasedRun, state: RunState, sentence: str, cause: str = "", *, position: int | None = None
) -> JournalEntry:
    """The entry of a run that ends, at its own position unless another is given."""
    entry = _blank(run, state, position=run.position if position is None else position, sentence=sentence, cause=cause)
    entry.finished_at = clock.now()
    return entry


def pausing_entry(run: LeasedRun, planned: PlannedStep, position: int, pending: list[Row]) -> JournalEntry:
    """The entry of a run that waits for its connection to be repaired, without a try. `pending`: rows of skipped steps."""
    bound = planned.bound
    name = bound.name if bound else planned.app.title
    reason = bound.status_reason if bound else ""
    entry = _blank(
        run, RunState.PAUSED, position=position, sentence=f"Waits for the connection {name!r}. {reason}".strip()
    )
    entry.cause, entry.waits_for, entry.steps = "auth_failed", bound.id if bound else "", list(pending)
    return entry


def finishing_entry(
    run: LeasedRun, plan: Plan, data: Mapping[str, JSONValue], steps: list[Row], *, position: int | None = None
) -> JournalEntry:
    """The entry of a run that is through: succeeded when it wrote, or only read; skipped when there was nothing to do."""
    outcomes = [step.get("outcome", "") for step in data["steps"].values()]
    reasons = [row["sentence"] for row in steps if row["outcome"] in ("not_applicable", "condition_false")]
    wrote = not {"applied", "already_applied"}.isdisjoint(outcomes)
    if wrote or ("read" in outcomes and not reasons):
        state, sentence = RunState.SUCCEEDED, _success(plan, outcomes)
    else:
        state, sentence = RunState.SKIPPED, reasons[-1] if reasons else "There was nothing to do."
    entry = ending_entry(run, state, sentence, position=len(plan.steps) if position is None else position + 1)
    entry.steps = list(steps)
    return entry


def _success(plan: Plan, outcomes: list[str]) -> str:
    wrote = sum(outcome == "applied" for outcome in outcomes)
    before = sum(outcome == "already_applied" for outcome in outcomes)
    steps = "1 step" if len(plan.steps) == 1 else f"{len(plan.steps)} steps"
    text = f"{wrote} of {steps} applied" if wrote or not before else ""
    if before:
        text += (", " if text else "") + f"{before} applied before and not repeated"
    return text + "."


def step_row(run: LeasedRun, planned: PlannedStep, position: int, started: datetime, attempt: StepAttempt) -> Row:
    """The row of a step after a try."""
    earlier = run.earlier.get(position)
    ended = attempt.outcome not in (Outcome.RETRY, Outcome.AUTH_FAILED, Outcome.HELD)
    return {
        "run_id": run.id,
        "position": position,
        "step_id": planned.step.id,
        "app": planned.app.key,
        "action": planned.action.key,
        "connection_id": planned.bound.id if planned.bound else None,
        "state": _STATES[attempt.outcome].value,
        "outcome": attempt.outcome.value,
        "sentence": attempt.sentence,
        "condition": planned.step.condition or None,
        "input": redact(attempt.input) if attempt.effect is None else attempt.effect["input"],
        "output": attempt.output,
        "effect": planned.action.effect.value,
        "effect_key": attempt.effect_key,
        "tries": (earlier.tries if earlier else 0)
        + (1 if attempt.counts and attempt.outcome is not Outcome.CONDITION_FALSE else 0),
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
    Outcome.HELD: StepState.WAITING,
    Outcome.UNKNOWN: StepState.UNKNOWN,
    Outcome.CRASHED: StepState.FAILED,
}


def _attempt_row(run: LeasedRun, position: int, number: int, attempt: StepAttempt) -> Row:
    ended = clock.to_micros(clock.now())
    return {
        "run_id": run.id,
        "position": position,
        "number": number,
        "started_at": ended - attempt.milliseconds * 1000,
        "milliseconds": attempt.milliseconds,
        "outcome": attempt.outcome.value,
        "status": attempt.status if attempt.status is not None else _last_status(attempt),
        "sentence": attempt.sentence,
        "exchanges": attempt.exchanges,
    }


def _last_status(attempt: StepAttempt) -> int | None:
    return attempt.exchanges[-1].get("status") if attempt.exchanges else None


def _identity_rows(run: LeasedRun, planned: PlannedStep, attempt: StepAttempt, now: datetime) -> list[Row]:
    if not run.account_id or planned.bound is None or not isinstance(attempt.output, dict):
        return []
    how = "found at the vendor" if attempt.outcome is Outcome.ALREADY_APPLIED else "given by the vendor"
    return [
        {
            "account_id": run.account_id,
            "connection_id": planned.bound.id,
            "kind": kind,
            "external_id": text_of(attempt.output[name]),
            "app": planned.app.key,
            "how": how,
            "created_at": clock.to_micros(now),
            "updated_at": clock.to_micros(now),
        }
        for kind, name in planned.action.identifies.items()
        if text_of(attempt.output.get(name))
    ]
