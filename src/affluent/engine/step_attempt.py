"""One try of one step as it is noted: how it ended, what it sent, and what its answer says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import BaseModel

from affluent.domain.run import Fate, Outcome
from affluent.engine.plans import PlannedStep
from affluent.engine.positions import Drop, Hold, Refuse
from affluent.engine.vendor_http import Postponed
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.kit.logs import logger
from affluent.sdk import (
    AlreadyApplied,
    AppError,
    AuthFailed,
    Effect,
    NotApplicable,
    OutcomeUnknown,
    Retry,
    Wait,
)
from affluent.sdk.facts import Fact, Origin
from affluent.store.bulk import Row

_log = logger("engine")


class CircuitOpen(Retry):
    """The vendor did not answer for a while, so nothing is sent to it yet."""

    code = "breaker_open"


@dataclass(slots=True, kw_only=True)
class StepAttempt:
    """One try of one step: filled while it goes on, and complete when it has ended."""

    outcome: Outcome = Outcome.CRASHED
    sentence: str = ""
    code: str = ""
    input: JSONObject | None = None
    output: JSONValue = None
    effect_key: str = ""
    effect: Row | None = None
    retry_after: timedelta | None = None
    status: int | None = None
    exchanges: list[JSONObject] = field(default_factory=list)
    milliseconds: int = 0
    counts: bool = True
    """False: nothing was tried (circuit breaker open, effect held by another run): no attempt is recorded."""
    may_call: bool = False
    """Whether the circuit breaker let this try through; it must then be told how the call ended."""
    in_doubt: bool = False
    """Whether an earlier request under this key may have been applied, and this one repeats it."""
    action_input: BaseModel | None = None
    """What the action was given, after the position had its say."""
    fate: Fate | None = None
    """What became of the effect, where nothing was sent because the position said so."""
    again_at: datetime | None = None
    """When an outcome that is not final is taken up again."""
    facts: Sequence[Fact] = ()
    """What the answer says about money."""

    def end(self, outcome: Outcome, code: str, sentence: str, *, counts: bool = True) -> None:
        """Note how the try ended, when neither the action nor the vendor told."""
        self.outcome, self.code, self.sentence, self.counts = outcome, code, sentence, counts


def stand_by(attempt: StepAttempt, decision: Hold | Drop | Refuse) -> None:
    """End a try without a call, because of the position."""
    attempt.counts, attempt.sentence = False, decision.sentence
    if isinstance(decision, Refuse):
        attempt.outcome, attempt.fate, attempt.code = Outcome.REJECTED, Fate.REJECTED, "needs_person"
    elif isinstance(decision, Drop):
        attempt.outcome, attempt.fate = Outcome.NOT_APPLICABLE, Fate.DROPPED
    elif decision.until is None:
        attempt.outcome, attempt.fate = Outcome.NOT_APPLICABLE, Fate.HELD
    else:
        attempt.outcome, attempt.fate, attempt.code = Outcome.HELD, Fate.HELD, "held"
        attempt.retry_after = decision.until - clock.now()


def facts_of_answer(planned: PlannedStep, attempt: StepAttempt) -> Sequence[Fact]:
    """What the answer of a call that counts as done says about money."""
    read, bound = planned.action.facts, planned.bound
    if read is None or bound is None or attempt.action_input is None or not isinstance(attempt.output, dict):
        return ()
    if attempt.outcome not in (Outcome.APPLIED, Outcome.ALREADY_APPLIED, Outcome.READ):
        return ()
    now = clock.now()
    try:
        return read(attempt.action_input, attempt.output, Origin(source=bound.id, happened_at=now, learned_at=now))
    except Exception:  # noqa: BLE001 - a defect of one app must not undo what its vendor has done
        _log.exception("what an answer says about money cannot be read", app=planned.app.key, action=planned.action.key)
        return ()


def note_error(attempt: StepAttempt, error: AppError) -> None:
    """Note what an error means: its class says what the engine does next."""
    attempt.sentence, attempt.code, attempt.status = error.message, error.code, error.status
    match error:
        case AlreadyApplied():
            attempt.outcome = Outcome.ALREADY_APPLIED
            output = error.output
            attempt.output = output.model_dump(mode="json") if isinstance(output, BaseModel) else (output or {})
        case NotApplicable():
            attempt.outcome = Outcome.NOT_APPLICABLE
        case AuthFailed():
            attempt.outcome = Outcome.AUTH_FAILED
        case OutcomeUnknown():
            attempt.outcome = Outcome.UNKNOWN
        case Retry():
            attempt.outcome, attempt.retry_after = Outcome.RETRY, error.retry_after
            attempt.counts = not isinstance(error, (CircuitOpen, Postponed, Wait))
        case _:
            attempt.outcome = Outcome.REJECTED


def note_defect(attempt: StepAttempt, planned: PlannedStep, error: Exception, *, was_answered: bool) -> None:
    """Note an exception of our own code. When the answer to a write could not be read, its outcome is unknown."""
    reader = f"{planned.app.title} {planned.action.title!r} ({type(error).__name__}); it was logged."
    if planned.action.effect is Effect.WRITE and attempt.exchanges:
        sentence = f"It is not known whether this was applied: the answer could not be read by {reader}"
        attempt.end(Outcome.UNKNOWN, OutcomeUnknown.code, sentence)
    elif was_answered and isinstance(error, (ValueError, TypeError, LookupError, AttributeError)):
        attempt.end(Outcome.RETRY, "unreadable_answer", f"The answer could not be read by {reader}")
    else:
        attempt.end(Outcome.REJECTED, "defect", f"A defect in {reader}")
