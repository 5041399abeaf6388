"""Journal entries: what a try, a pause or an end says of a run."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime

from affluent.domain.retry import policy_for
from affluent.domain.run import Outcome, RunState, StepState
from affluent.engine.journal import Entry
from affluent.engine.leases import LeasedRun
from affluent.engine.plans import Plan, PlannedStep
from affluent.engine.step import Try
from affluent.kit import clock
from affluent.kit.jsons import JSONValue, text_of
from affluent.kit.redact import redact
from affluent.sdk import Wait
from affluent.store.bulk import Row


def entry_for(claimed: LeasedRun, planned: PlannedStep, position: int, this: Try, steps: list[Row]) -> Entry:
    """What the journal says after a try."""
    now = clock.now()
    entry = _blank(claimed, RunState.RUNNING, position=position + 1, sentence="")
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
            entry.leaves_line = this.code == Wait.code
            _stop(entry, RunState.WAITING, position, this, cause="" if entry.leaves_line else this.code)
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


def _plan_retry(entry: Entry, claimed: LeasedRun, this: Try, now: datetime) -> None:
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


def _blank(claimed: LeasedRun, state: RunState, *, position: int, sentence: str, cause: str = "") -> Entry:
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


def end(claimed: LeasedRun, state: RunState, sentence: str, cause: str = "", *, position: int | None = None) -> Entry:
    """The run ends here."""
    entry = _blank(
        claimed, state, position=claimed.position if position is None else position, sentence=sentence, cause=cause
    )
    entry.finished_at = clock.now()
    return entry


def pause(claimed: LeasedRun, planned: PlannedStep, position: int, pending: list[Row]) -> Entry:
    """The connection needs its owner: the run waits without having tried."""
    bound = planned.bound
    name = bound.name if bound else planned.app.title
    reason = bound.status_reason if bound else ""
    entry = _blank(
        claimed, RunState.PAUSED, position=position, sentence=f"Waits for the connection {name!r}. {reason}".strip()
    )
    entry.cause, entry.waits_for, entry.steps = "auth_failed", bound.id if bound else "", list(pending)
    return entry


def finish(
    claimed: LeasedRun, plan: Plan, data: Mapping[str, JSONValue], steps: list[Row], *, position: int | None = None
) -> Entry:
    """The end of a run: skipped when nothing was done, else succeeded."""
    outcomes = [step.get("outcome", "") for step in data["steps"].values()]
    done = [outcome for outcome in outcomes if outcome in ("applied", "already_applied", "read")]
    wrote = [outcome for outcome in outcomes if outcome in ("applied", "already_applied")]
    reasons = [row["sentence"] for row in steps if row["outcome"] in ("not_applicable", "condition_false")]
    skipped = not wrote and (bool(reasons) or not done)
    state = RunState.SKIPPED if skipped else RunState.SUCCEEDED
    sentence = (reasons[-1] if reasons else "There was nothing to do.") if skipped else _success(plan, outcomes)
    entry = end(claimed, state, sentence, position=len(plan.steps) if position is None else position + 1)
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


def step_row(claimed: LeasedRun, planned: PlannedStep, position: int, started: datetime, this: Try) -> Row:
    """What the journal says of a step after a try."""
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
        "input": redact(this.input) if this.effect is None else this.effect["input"],
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


def _attempt_row(claimed: LeasedRun, position: int, number: int, this: Try) -> Row:
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


def _identity_rows(claimed: LeasedRun, planned: PlannedStep, this: Try, now: datetime) -> list[Row]:
    if not claimed.account_id or planned.bound is None or not isinstance(this.output, dict):
        return []
    how = "found at the vendor" if this.outcome is Outcome.ALREADY_APPLIED else "given by the vendor"
    return [
        {
            "account_id": claimed.account_id,
            "connection_id": planned.bound.id,
            "kind": kind,
            "external_id": text_of(this.output[name]),
            "app": planned.app.key,
            "how": how,
            "created_at": clock.to_micros(now),
            "updated_at": clock.to_micros(now),
        }
        for kind, name in planned.action.identifies.items()
        if text_of(this.output.get(name))
    ]
