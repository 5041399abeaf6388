"""One try of one step: mapping → typed input → effect key → intent → vendor call → what it meant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

from pydantic import BaseModel, ValidationError

from affluent.domain.mapping import MappingError
from affluent.domain.run import Fate, Outcome
from affluent.engine import effect_keys as keys
from affluent.engine import effects, expressions
from affluent.engine.circuit_breaker import CircuitBreaker
from affluent.engine.leases import LeasedRun
from affluent.engine.limits import Limiter
from affluent.engine.plans import PlannedStep
from affluent.engine.vendor_http import HttpVendorClient, Network, Postponed
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue, kind_of
from affluent.kit.logs import logger
from affluent.kit.redact import redact
from affluent.sdk import (
    AlreadyApplied,
    AppError,
    AuthFailed,
    Context,
    Effect,
    NotApplicable,
    OutcomeUnknown,
    Rejected,
    Retry,
    Unavailable,
    Wait,
)
from affluent.store.bulk import Row
from affluent.store.database import Database, StoreUnavailable

_log = logger("engine")
_OWNER_BUSY = timedelta(seconds=1)
_LONGEST_STORE_PAUSE = 5.0
_LONGEST_ON_ITS_WAY = timedelta(minutes=5)
"""So long before its vendor forgets a key it is not used any more: a request may wait for its slot and take its time."""


@dataclass(slots=True, kw_only=True)
class Try:
    """One try of one step, while it goes and when it has ended."""

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
    """False: nothing was tried (breaker open, effect held by another run): no attempt is recorded."""
    may_call: bool = False
    """Whether the breaker let this try through; it then owes the breaker an answer."""
    in_doubt: bool = False
    """Whether an earlier request under this key may have been applied, and this one repeats it."""


class LeaseLost(Exception):
    """Someone else has the run now."""


class StepRunner:
    """Executes tries. Holds what all of them share."""

    def __init__(
        self,
        *,
        database: Database,
        network: Network,
        limiter: Limiter,
        breaker: CircuitBreaker,
        settle_seconds: float = 10,
    ) -> None:
        self._database = database
        self._network = network
        self._limiter = limiter
        self._breaker = breaker
        # After a look-up said "not there", a write is sent again only when the lost request is this old: it may be on its way.
        self._settle = timedelta(seconds=settle_seconds)
        # A request whose sender died may be worked on for as long as the sender would have waited; it may even live elsewhere.
        self._settle_lost = self._settle + timedelta(seconds=network.timeout_seconds)

    async def attempt(
        self, claimed: LeasedRun, planned: PlannedStep, position: int, data: Mapping[str, JSONValue]
    ) -> Try:
        """One try. Raises LeaseLost and CancelledError; every other end is in the answer."""
        started = perf_counter()
        this = Try()
        door = self._door(claimed, planned, this)
        try:
            given = await _typed_input(planned, data)
            this.input = given.model_dump(mode="json", exclude_none=True)
            await self._apply(claimed, planned, position, given, door, this)
        except AppError as error:
            _note(this, error)
            if this.outcome is Outcome.AUTH_FAILED and planned.bound is None:
                this.outcome = Outcome.REJECTED  # no connection waits to be repaired
        except MappingError as error:
            this.outcome, this.code, this.sentence = Outcome.REJECTED, "mapping", f"{error.field}: {error.reason}"
        except LeaseLost:
            raise
        except StoreUnavailable as error:
            this.outcome, this.code, this.counts, this.sentence = Outcome.RETRY, "store_unavailable", False, str(error)
        except Exception as error:  # noqa: BLE001 - a defect of one app must not stop the others; it is logged
            _log.exception("step failed by a defect", run=claimed.id, step=planned.step.id)
            _note_defect(this, planned, error, was_answered=door.answered)
        finally:
            this.milliseconds = round((perf_counter() - started) * 1000)
            self._tell_breaker(planned, door, this)
        this.exchanges = door.exchanges
        if this.effect is not None:
            this.effect = _settled(this.effect, this, door)
        return this

    async def _apply(
        self,
        claimed: LeasedRun,
        planned: PlannedStep,
        position: int,
        given: BaseModel,
        door: HttpVendorClient,
        this: Try,
    ) -> None:
        action, earlier = planned.action, claimed.earlier.get(position)
        key = effect_key(claimed, planned, given)
        context: Context[Any] = Context(
            credentials=planned.bound.credentials if planned.bound else None,
            http=door,
            effect_key=keys.for_vendor(key, action.key_limit),
            now=clock.now(),
            started_at=earlier.started_at if earlier else clock.now(),
            server_url=self._network.own_url,
        )
        this.effect_key = key if action.effect is not Effect.READ else ""
        door.keeps_failures = action.effect is Effect.IDEMPOTENT_WRITE and action.repeats_failures(given)
        if action.effect is not Effect.READ:
            row = effect_row(claimed, planned, position, key, given, this.input)
            is_fresh = claimed.is_first_try and not action.key_field
            if action.effect is Effect.WRITE or not is_fresh:
                traceless = action.effect is Effect.IDEMPOTENT_WRITE and not action.key_field
                since = claimed.maybe_sent_since(position) if traceless else None
                if since is not None:
                    row = {**row, "created_at": clock.to_micros(since)}
                intent = effects.Intent(row=row, lease=claimed.lease, same=action.same)
                standing = await self._intend(intent)
                if standing.is_new and since is not None:
                    standing = replace(standing, is_new=False, was_sent=True, updated_at=since, doubtful_since=since)
                if not await self._cleared(planned, standing, intent, given, context, this):
                    return
                door.confirm = lambda: self._confirm(intent)
            this.effect = row
        self._check_breaker(planned, this)
        output = await action.run(context, given)
        this.outcome = Outcome.READ if action.effect is Effect.READ else Outcome.APPLIED
        this.output = output.model_dump(mode="json") if output is not None else {}

    async def _intend(self, intent: effects.Intent) -> effects.Standing:
        """Commit an intent; after a commit without an answer it is written again, which changes nothing."""
        wait = 0.1
        while True:
            try:
                return await self._database.group(effects.intend, intent)
            except StoreUnavailable as error:
                _log.warning("intent waits for the database", run=intent.row["run_id"], reason=str(error))
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_STORE_PAUSE)

    async def _confirm(self, intent: effects.Intent) -> None:
        """The call waited long for its slot: it is made only if the run is still ours."""
        if not await self._database.group(effects.confirm, intent):
            raise LeaseLost

    async def _cleared(
        self,
        planned: PlannedStep,
        standing: effects.Standing,
        intent: effects.Intent,
        given: BaseModel,
        context: Context[Any],
        this: Try,
    ) -> bool:
        """Whether the call may be made. If not, `this` says why."""
        if not standing.is_mine:
            raise LeaseLost
        if standing.difference is not None:
            raise _OtherEffect(planned, intent.row, standing.difference)
        if effects.may_send(standing):
            return True
        if standing.fate in (Fate.APPLIED, Fate.ALREADY_APPLIED):
            this.outcome, this.output = Outcome.ALREADY_APPLIED, standing.output or {}
            this.sentence = "Applied before, so nothing was sent."
            return False
        if standing.owner_is_busy:
            this.outcome, this.code, this.counts = Outcome.RETRY, "effect_held", False
            this.sentence, this.retry_after = "Another run is applying the same effect.", _OWNER_BUSY
            return False
        if planned.action.effect is Effect.IDEMPOTENT_WRITE and _is_known(planned, standing, given):
            this.in_doubt = True
            return True
        return await self._looked_up(planned, standing, intent, given, context, this)

    async def _looked_up(
        self,
        planned: PlannedStep,
        standing: effects.Standing,
        intent: effects.Intent,
        given: BaseModel,
        context: Context[Any],
        this: Try,
    ) -> bool:
        row, look_up = intent.row, planned.action.look_up
        if look_up is None:
            this.effect = row
            raise OutcomeUnknown(_no_look_up(planned, standing, given))
        self._check_breaker(planned, this)
        try:
            found = await look_up(context, given)
        except AuthFailed:
            raise
        except AppError as error:
            raise OutcomeUnknown(f"Looking up whether it was applied did not succeed: {error.message}") from error
        if found is not None:
            this.effect = row
            this.outcome, this.output = Outcome.ALREADY_APPLIED, found.model_dump(mode="json")
            this.sentence = f"The answer was lost; {planned.app.title} confirms that it was applied."
            return False
        age = clock.now() - (standing.updated_at or clock.now())
        if age < timedelta():  # the clock stepped back: count from now on
            await self._confirm(intent)
        settle = self._settle if standing.fate is Fate.UNKNOWN else self._settle_lost
        if age < settle:
            this.retry_after = min(settle - age, settle)
            raise OutcomeUnknown(
                f"{planned.app.title} does not show it yet; it is looked up again before anything is sent."
            )
        await self._database.group(effects.send_again, row)
        return True

    def _door(self, claimed: LeasedRun, planned: PlannedStep, this: Try) -> HttpVendorClient:
        bound, app, action = planned.bound, planned.app, planned.action
        credentials = bound.credentials if bound else None
        has = credentials is not None
        return HttpVendorClient(
            network=self._network,
            limiter=self._limiter,
            vendor=app.title,
            connection_id=bound.id if bound else "",
            base_url=app.base_url(credentials, self._network.own_url) if has else "",
            headers=app.headers(credentials) if has else {},
            limit=bound.limit if bound else app.limit,
            priority=claimed.priority,
            may_come_back=True,
            effect=action.effect,
            faults=action.faults,
            app_faults=app.faults,
            secrets=bound.secrets if bound else (),
            exchanges=this.exchanges,
        )

    def _check_breaker(self, planned: PlannedStep, this: Try) -> None:
        if planned.bound is None or this.may_call:
            return
        until = self._breaker.blocked_until(planned.bound.id, clock.now())
        if until is not None:
            raise _CircuitOpen(f"{planned.app.title} is not answering; calls wait.", retry_after=until - clock.now())
        this.may_call = True

    def _tell_breaker(self, planned: PlannedStep, door: HttpVendorClient, this: Try) -> None:
        if planned.bound is None or not this.may_call:
            return
        if door.answered:
            self._breaker.answered(planned.bound.id)
        elif this.code in (Unavailable.code, OutcomeUnknown.code) and door.exchanges:
            self._breaker.failed(planned.bound.id, clock.now())
        else:
            self._breaker.abandoned(planned.bound.id)


class _OtherEffect(Rejected):
    """The key is known with other content: it must not pass for done, and nothing may be sent under it."""

    code = "key_taken"

    def __init__(self, planned: PlannedStep, row: Row, other: keys.Difference) -> None:
        whose = "an earlier try of this run" if other.run_id == row["run_id"] else f"run {other.run_id}"
        name = planned.action.key_field
        key = f"{name} {row['key'].rpartition('/')[2]!r}" if name else "this event and step"
        field = planned.action.money[0] if other.field == "amount" and planned.action.money else other.field
        super().__init__(
            f"{field}: {other.given} differs from {other.known}, which {whose} has sent for {key}. Nothing was sent now."
            " If these are two things, give each its own id; if it is one, correct it by hand.",
            field=field,
        )


def _is_known(planned: PlannedStep, standing: effects.Standing, given: BaseModel) -> bool:
    """Whether the vendor still knows the key of a request that may have been applied, and a repeat says what became of it."""
    if standing.fate is Fate.UNKNOWN and planned.action.repeats_failures(given):
        return False
    since: datetime = standing.doubtful_since or clock.now()
    return clock.now() - since + _LONGEST_ON_ITS_WAY < planned.action.remembers(given)


def _no_look_up(planned: PlannedStep, standing: effects.Standing, given: BaseModel) -> str:
    title = planned.app.title
    lost = f"It is not known whether {title} applied this: the answer was lost"
    if planned.action.effect is Effect.WRITE:
        return f"{lost} and this action has no look-up."
    if standing.fate is Fate.UNKNOWN and planned.action.repeats_failures(given):
        return f"{lost}, {title} would repeat the failure it gave first, and this action has no look-up."
    hours = planned.action.remembers(given) / timedelta(hours=1)
    since = f"{standing.doubtful_since:%Y-%m-%d %H:%M} UTC" if standing.doubtful_since else "long ago"
    return f"{lost} ({since}), {title} knows a key for {hours:g} hours, and this action has no look-up. Nothing was sent again."


def _note_defect(this: Try, planned: PlannedStep, error: Exception, *, was_answered: bool) -> None:
    """An answer that our code could not read says nothing of what the vendor did; anything else is a plain failure."""
    what = f"{planned.app.title} {planned.action.title!r} ({type(error).__name__}); it was logged."
    if planned.action.effect is Effect.WRITE and this.exchanges:
        this.outcome, this.code = Outcome.UNKNOWN, OutcomeUnknown.code
        this.sentence = f"It is not known whether this was applied: the answer could not be read by {what}"
    elif was_answered and isinstance(error, (ValueError, TypeError, LookupError, AttributeError)):
        this.outcome, this.code = Outcome.RETRY, "unreadable_answer"
        this.sentence = f"The answer could not be read by {what}"
    else:
        this.outcome, this.code, this.sentence = Outcome.REJECTED, "defect", f"A defect in {what}"


class _CircuitOpen(Retry):
    code = "breaker_open"


def effect_key(claimed: LeasedRun, planned: PlannedStep, given: BaseModel) -> str:
    """Deterministic key of an effect: the same on every retry, resume and replay."""
    action = planned.action
    where = planned.bound.id if planned.bound else "-"
    if action.key_field:
        value = getattr(given, action.key_field)
        is_named = value not in (None, "") and not isinstance(value, (bool, list, dict, BaseModel))
        if not is_named:
            raise Rejected(
                f"{action.key_field}: {kind_of(value or None)} names no record; give its id.", field=action.key_field
            )
        return keys.of_record(where, planned.app.key, action.key, str(value))
    return f"{claimed.event_id}/{claimed.flow_connection_id}/{planned.step.id}"


def effect_row(
    claimed: LeasedRun, planned: PlannedStep, position: int, key: str, given: BaseModel, shown: JSONObject | None
) -> Row:
    """An intended effect."""
    now = clock.to_micros(clock.now())
    amount = currency = None
    if planned.action.money is not None:
        amount, currency = (getattr(given, name) for name in planned.action.money)
    return {
        "key": key,
        "app": planned.app.key,
        "action": planned.action.key,
        "connection_id": planned.bound.id if planned.bound else "",
        "kind": planned.action.effect.value,
        "fate": Fate.INTENDED.value,
        "sent": True,
        "run_id": claimed.id,
        "position": position,
        "event_id": claimed.event_id,
        "account_id": claimed.account_id,
        "amount_minor": amount,
        "currency": currency,
        "input": redact(shown),
        "output": None,
        "sentence": "",
        "created_at": now,
        "updated_at": now,
    }


async def _typed_input(planned: PlannedStep, data: Mapping[str, JSONValue]) -> BaseModel:
    try:
        rendered = await expressions.render(planned.step.inputs, data, ids=planned.action.ids)
        return planned.action.input.model_validate(rendered)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or planned.step.id
        raise Rejected(f"{name}: {plain_reason(first)}", field=name) from error


def plain_reason(error: Any) -> str:  # noqa: ANN401 - pydantic's error details
    """A validation error in words for people, with what was given."""
    reason = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "missing":
        return "is required and the mapping gives nothing for it."
    given = error.get("input")
    shown = (
        f" (it is {given!r})" if isinstance(given, (str, int, float, bool)) and error["type"] != "value_error" else ""
    )
    return f"{reason}{shown}."


def _note(this: Try, error: AppError) -> None:
    this.sentence, this.code, this.status = error.message, error.code, error.status
    match error:
        case AlreadyApplied():
            this.outcome = Outcome.ALREADY_APPLIED
            output = error.output
            this.output = output.model_dump(mode="json") if isinstance(output, BaseModel) else (output or {})
        case NotApplicable():
            this.outcome = Outcome.NOT_APPLICABLE
        case AuthFailed():
            this.outcome = Outcome.AUTH_FAILED
        case OutcomeUnknown():
            this.outcome = Outcome.UNKNOWN
        case Retry():
            this.outcome, this.retry_after = Outcome.RETRY, error.retry_after
            this.counts = not isinstance(error, (_CircuitOpen, Postponed, Wait))
        case _:
            this.outcome = Outcome.REJECTED


_FATES = {
    Outcome.APPLIED: Fate.APPLIED,
    Outcome.ALREADY_APPLIED: Fate.ALREADY_APPLIED,
    Outcome.NOT_APPLICABLE: Fate.NOT_APPLICABLE,
    Outcome.REJECTED: Fate.REJECTED,
    Outcome.UNKNOWN: Fate.UNKNOWN,
}


def _settled(row: Row, this: Try, door: HttpVendorClient) -> Row:
    """The effect's row after a try. A retry or refused key was certainly not applied; an unknown outcome stays in doubt.

    So does an action of several requests that failed after the vendor had accepted the first, and an idempotent write that
    is tried again after a lost answer or a 5xx: it may be repeated, but only as long as the vendor knows its key.
    """
    is_halfway = door.wrote and this.outcome in (Outcome.RETRY, Outcome.AUTH_FAILED, Outcome.REJECTED)
    fate = Fate.UNKNOWN if is_halfway else _FATES.get(this.outcome, Fate.INTENDED)
    is_repeated = (
        row["kind"] == Effect.IDEMPOTENT_WRITE.value
        and this.outcome in (Outcome.RETRY, Outcome.AUTH_FAILED)
        and (this.in_doubt or door.in_doubt)
    )
    return {
        **row,
        "fate": fate.value,
        "sent": fate is Fate.UNKNOWN or is_repeated,
        "output": this.output,
        "sentence": this.sentence,
        "updated_at": clock.to_micros(clock.now()),
    }
