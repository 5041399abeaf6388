"""One try of one step: mapping → typed input → effect key → intent → vendor call → outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

from pydantic import BaseModel

from affluent.domain.mapping import MappingError
from affluent.domain.money.effects import State
from affluent.domain.run import Fate, Outcome
from affluent.engine import effect_keys as keys
from affluent.engine import effects
from affluent.engine.circuit_breaker import CircuitBreaker
from affluent.engine.leases import LeasedRun
from affluent.engine.limits import Limiter
from affluent.engine.plans import PlannedStep
from affluent.engine.positions import Asked, Decision, Drop, Hold, Positions, Proceed, Refuse, Tells
from affluent.engine.step_attempt import CircuitOpen, StepAttempt, facts_of_answer, note_defect, note_error, stand_by
from affluent.engine.step_input import decided_input, typed_input
from affluent.engine.vendor_http import HttpVendorClient, Network
from affluent.kit import clock
from affluent.kit.jsons import JSONValue, kind_of
from affluent.kit.logs import logger
from affluent.kit.redact import redact
from affluent.sdk import (
    AppError,
    AuthFailed,
    Context,
    Effect,
    NotReferred,
    OutcomeUnknown,
    Rejected,
    Unavailable,
)
from affluent.store.bulk import Row
from affluent.store.database import Database, StoreUnavailable, retry_while_unavailable

_log = logger("engine")
_OWNER_BUSY = timedelta(seconds=1)
_ASKED_AGAIN = timedelta(minutes=1)
_LONGEST_ON_ITS_WAY = timedelta(minutes=5)
"""A key is not used any more when its vendor forgets it within this time: a request may wait for its slot, and be slow."""


class LeaseLost(Exception):
    """Another process has taken over the run."""


class StepRunner:
    """Executes tries of steps; one per process."""

    def __init__(
        self,
        *,
        database: Database,
        network: Network,
        limiter: Limiter,
        breaker: CircuitBreaker,
        positions: Positions | None = None,
        settle_seconds: float = 10,
    ) -> None:
        self._database = database
        self._positions = positions
        self._network = network
        self._limiter = limiter
        self._breaker = breaker
        # After a look-up said "not there", a write is sent again only when the lost request is this old: it may be on its way.
        self._settle = timedelta(seconds=settle_seconds)
        # A request whose sender died may be worked on for as long as the sender would have waited; it may even live elsewhere.
        self._settle_lost = self._settle + timedelta(seconds=network.timeout_seconds)

    async def attempt(
        self, run: LeasedRun, planned: PlannedStep, position: int, data: Mapping[str, JSONValue]
    ) -> StepAttempt:
        """Try a step once. Raises LeaseLost and CancelledError; every other end is in the returned attempt."""
        started = perf_counter()
        attempt = StepAttempt()
        vendor_client = self._vendor_client(run, planned, attempt)
        try:
            action_input = await typed_input(planned, data)
            await self._apply(run, planned, position, action_input, vendor_client, attempt)
        except AppError as error:
            note_error(attempt, error)
            if isinstance(error, NotReferred):
                await self._look_ahead(run, planned, position, attempt)
            if attempt.outcome is Outcome.AUTH_FAILED and planned.bound is None:
                attempt.outcome = Outcome.REJECTED  # no connection waits to be repaired
        except MappingError as error:
            attempt.end(Outcome.REJECTED, "mapping", f"{error.field}: {error.reason}")
        except LeaseLost:
            raise
        except StoreUnavailable as error:
            attempt.end(Outcome.RETRY, "store_unavailable", str(error), counts=False)
        except Exception as error:  # noqa: BLE001 - a defect of one app must not stop the others; it is logged
            _log.exception("step failed by a defect", run=run.id, step=planned.step.id)
            note_defect(attempt, planned, error, was_answered=vendor_client.answered)
        finally:
            attempt.milliseconds = round((perf_counter() - started) * 1000)
            self._report_to_breaker(planned, vendor_client, attempt)
        attempt.exchanges = vendor_client.exchanges
        if attempt.effect is not None:
            attempt.effect = _effect_after(attempt.effect, attempt, vendor_client)
        attempt.facts = facts_of_answer(planned, attempt)
        return attempt

    async def _apply(
        self,
        run: LeasedRun,
        planned: PlannedStep,
        position: int,
        action_input: BaseModel,
        vendor_client: HttpVendorClient,
        attempt: StepAttempt,
    ) -> None:
        """Do what the action does; a write commits its intent first, unless nothing can have been sent before."""
        action, decision = planned.action, await self._decide(run, planned, position, action_input)
        action_input = decided_input(action_input, decision)
        attempt.action_input = action_input
        attempt.input = action_input.model_dump(mode="json", exclude_none=True)
        stands_by = isinstance(decision, (Hold, Drop, Refuse))
        # Where there is nothing to tell, the position names no record either.
        has_key = not stands_by or _names_record(planned, action_input)
        key = effect_key(run, planned, action_input) if has_key else _key_of_step(run, planned)
        tells = decision.tells if decision is not None else Tells()
        context = self._context(run, planned, position, key, vendor_client, tells.units)
        if action.effect is not Effect.READ:
            attempt.effect_key = key
            attempt.effect = effect_row(run, planned, position, key=key, attempt=attempt, tells=tells)
            if isinstance(decision, (Hold, Drop, Refuse)):
                stand_by(attempt, decision)
                return
            if not await self._intend(run, planned, position, context, vendor_client, attempt):
                return
        self._check_breaker(planned, attempt)
        output = await action.run(context, action_input)
        attempt.outcome = Outcome.READ if action.effect is Effect.READ else Outcome.APPLIED
        attempt.output = output.model_dump(mode="json") if output is not None else {}
        notes = [decision.note] if isinstance(decision, Proceed) and decision.note else []
        attempt.sentence = " ".join([*notes, *context.notes])

    async def _intend(
        self,
        run: LeasedRun,
        planned: PlannedStep,
        position: int,
        context: Context[Any],
        vendor_client: HttpVendorClient,
        attempt: StepAttempt,
    ) -> bool:
        """Commit the intent of a write, unless nothing can have been sent before. Returns whether the vendor may be called.

        The attempt has its effect only from then on: what was not intended is not recorded.
        """
        action, action_input, row = planned.action, attempt.action_input, attempt.effect
        assert action_input is not None and row is not None  # noqa: PT018, S101 - the caller has just set them
        attempt.effect = None
        if action.effect is Effect.IDEMPOTENT_WRITE:
            vendor_client.keeps_failures = action.repeats_failures(action_input)
        if action.effect is Effect.WRITE or action.key_field or not run.is_first_try:
            since = _maybe_sent_since(run, planned, position)
            if since is not None:
                row = {**row, "created_at": clock.to_micros(since)}
            intent = effects.Intent(row=row, lease=run.lease, same=action.same)
            effect_status = await self._commit_intent(intent, since)
            if not await self._may_call(planned, effect_status, intent, action_input, context, attempt):
                return False
            vendor_client.confirm = lambda: self._confirm(intent)
        attempt.effect = row
        return True

    async def _decide(
        self, run: LeasedRun, planned: PlannedStep, position: int, action_input: BaseModel
    ) -> Decision | None:
        """What the position says of a call; None where no position decides."""
        if self._positions is None or planned.action.position is None or planned.bound is None:
            return None
        return await self._positions.decide(_asked(run, planned, position, action_input))

    async def _look_ahead(self, run: LeasedRun, planned: PlannedStep, position: int, attempt: StepAttempt) -> None:
        """Whether "nobody referred this customer" is final, and when it is taken up again if not."""
        if self._positions is None or planned.action.position is None or planned.bound is None:
            return
        if attempt.action_input is None:
            return
        now = clock.now()
        outlook = await self._positions.outlook(_asked(run, planned, position, attempt.action_input), now)
        attempt.sentence = f"{attempt.sentence} {outlook.sentence}".strip()
        attempt.again_at = outlook.again_at
        if outlook.state is State.DUE:
            attempt.again_at = now + _ASKED_AGAIN
        elif outlook.state is State.REJECTED:
            attempt.outcome, attempt.code = Outcome.REJECTED, "referral_denied"

    def _context(
        self,
        run: LeasedRun,
        planned: PlannedStep,
        position: int,
        key: str,
        vendor_client: HttpVendorClient,
        units: int | None,
    ) -> Context[Any]:
        earlier, now = run.earlier.get(position), clock.now()
        return Context(
            credentials=planned.bound.credentials if planned.bound else None,
            http=vendor_client,
            effect_key=keys.for_vendor(key, planned.action.key_limit),
            now=now,
            started_at=earlier.started_at if earlier else now,
            server_url=self._network.own_url,
            units=units,
        )

    async def _commit_intent(self, intent: effects.Intent, since: datetime | None) -> effects.EffectStatus:
        """Commit an intent; after a commit without an answer it is written again, which changes nothing.

        `since`: an earlier try may have sent the effect without committing an intent, so a new one counts as sent then.
        """
        effect_status = await retry_while_unavailable(
            lambda: self._database.group(effects.intend, intent), waiting=f"the intent of run {intent.row['run_id']}"
        )
        if effect_status.is_new and since is not None:
            return replace(effect_status, is_new=False, was_sent=True, updated_at=since, doubtful_since=since)
        return effect_status

    async def _confirm(self, intent: effects.Intent) -> None:
        """After a long wait for its slot a call is made only if the run is still ours. Raises LeaseLost."""
        if not await self._database.group(effects.confirm, intent):
            raise LeaseLost

    async def _may_call(
        self,
        planned: PlannedStep,
        effect_status: effects.EffectStatus,
        intent: effects.Intent,
        action_input: BaseModel,
        context: Context[Any],
        attempt: StepAttempt,
    ) -> bool:
        """Whether the vendor may be called. If not, `attempt` says why."""
        if not effect_status.is_mine:
            raise LeaseLost
        if effect_status.difference is not None:
            raise _KeyTaken(planned, intent.row, effect_status.difference)
        if effects.may_send(effect_status):
            return True
        if effect_status.fate in (Fate.APPLIED, Fate.ALREADY_APPLIED):
            attempt.outcome, attempt.output = Outcome.ALREADY_APPLIED, effect_status.output or {}
            attempt.sentence = "Applied before, so nothing was sent."
            return False
        if effect_status.owner_is_busy:
            attempt.end(Outcome.RETRY, "effect_held", "Another run is applying the same effect.", counts=False)
            attempt.retry_after = _OWNER_BUSY
            return False
        if planned.action.effect is Effect.IDEMPOTENT_WRITE and _is_known(planned, effect_status, action_input):
            attempt.in_doubt = True
            return True
        return await self._may_call_after_look_up(planned, effect_status, intent, action_input, context, attempt)

    async def _may_call_after_look_up(
        self,
        planned: PlannedStep,
        effect_status: effects.EffectStatus,
        intent: effects.Intent,
        action_input: BaseModel,
        context: Context[Any],
        attempt: StepAttempt,
    ) -> bool:
        """Ask the vendor whether an effect in doubt is there. False: it is. Raises OutcomeUnknown while nobody knows."""
        row, look_up = intent.row, planned.action.look_up
        if look_up is None:
            attempt.effect = row
            raise OutcomeUnknown(_unknown_outcome_text(planned, effect_status, action_input))
        self._check_breaker(planned, attempt)
        try:
            output = await look_up(context, action_input)
        except AuthFailed:
            raise
        except AppError as error:
            raise OutcomeUnknown(f"Looking up whether it was applied did not succeed: {error.message}") from error
        if output is not None:
            attempt.effect = row
            attempt.outcome, attempt.output = Outcome.ALREADY_APPLIED, output.model_dump(mode="json")
            attempt.sentence = f"The answer was lost; {planned.app.title} confirms that it was applied."
            return False
        age = clock.now() - (effect_status.updated_at or clock.now())
        if age < timedelta():  # the clock stepped back: count from now on
            await self._confirm(intent)
        settle = self._settle if effect_status.fate is Fate.UNKNOWN else self._settle_lost
        if age < settle:
            attempt.retry_after = min(settle - age, settle)
            raise OutcomeUnknown(
                f"{planned.app.title} does not show it yet; it is looked up again before anything is sent."
            )
        await self._database.group(effects.send_again, row)
        return True

    def _vendor_client(self, run: LeasedRun, planned: PlannedStep, attempt: StepAttempt) -> HttpVendorClient:
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
            priority=run.priority,
            may_come_back=True,
            effect=action.effect,
            faults=action.faults,
            app_faults=app.faults,
            secrets=bound.secrets if bound else (),
            exchanges=attempt.exchanges,
        )

    def _check_breaker(self, planned: PlannedStep, attempt: StepAttempt) -> None:
        if planned.bound is None or attempt.may_call:
            return
        until = self._breaker.blocked_until(planned.bound.id, clock.now())
        if until is not None:
            raise CircuitOpen(f"{planned.app.title} is not answering; calls wait.", retry_after=until - clock.now())
        attempt.may_call = True

    def _report_to_breaker(self, planned: PlannedStep, vendor_client: HttpVendorClient, attempt: StepAttempt) -> None:
        if planned.bound is None or not attempt.may_call:
            return
        if vendor_client.answered:
            self._breaker.answered(planned.bound.id)
        elif attempt.code in (Unavailable.code, OutcomeUnknown.code) and vendor_client.exchanges:
            self._breaker.failed(planned.bound.id, clock.now())
        else:
            self._breaker.abandoned(planned.bound.id)


class _KeyTaken(Rejected):
    """The key belongs to an effect with other content: this one is not done, and nothing may be sent under the key."""

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


def _maybe_sent_since(run: LeasedRun, planned: PlannedStep, position: int) -> datetime | None:
    """Since when an earlier try may have sent the effect without committing an intent; None: it cannot have."""
    action = planned.action
    if action.effect is Effect.IDEMPOTENT_WRITE and not action.key_field:
        return run.maybe_sent_since(position)
    return None


def _is_known(planned: PlannedStep, effect_status: effects.EffectStatus, action_input: BaseModel) -> bool:
    """Whether the vendor still knows the key of a request that may have been applied, so that a repeat tells its outcome."""
    if effect_status.fate is Fate.UNKNOWN and planned.action.repeats_failures(action_input):
        return False
    since: datetime = effect_status.doubtful_since or clock.now()
    return clock.now() - since + _LONGEST_ON_ITS_WAY < planned.action.remembers(action_input)


def _unknown_outcome_text(planned: PlannedStep, effect_status: effects.EffectStatus, action_input: BaseModel) -> str:
    title = planned.app.title
    lost = f"It is not known whether {title} applied this: the answer was lost"
    if planned.action.effect is Effect.WRITE:
        return f"{lost} and this action has no look-up."
    if effect_status.fate is Fate.UNKNOWN and planned.action.repeats_failures(action_input):
        return f"{lost}, {title} would repeat the failure it gave first, and this action has no look-up."
    hours = planned.action.remembers(action_input) / timedelta(hours=1)
    since = f"{effect_status.doubtful_since:%Y-%m-%d %H:%M} UTC" if effect_status.doubtful_since else "long ago"
    return f"{lost} ({since}), {title} knows a key for {hours:g} hours, and this action has no look-up. Nothing was sent again."


def effect_key(run: LeasedRun, planned: PlannedStep, action_input: BaseModel) -> str:
    """The key of an effect: the same on every retry, resume and replay. Raises Rejected when its key field names no record."""
    action = planned.action
    where = planned.bound.id if planned.bound else "-"
    if action.key_field:
        value = getattr(action_input, action.key_field)
        is_named = value not in (None, "") and not isinstance(value, (bool, list, dict, BaseModel))
        if not is_named:
            raise Rejected(
                f"{action.key_field}: {kind_of(value or None)} names no record; give its id.", field=action.key_field
            )
        return keys.of_record(where, planned.app.key, action.key, str(value))
    return _key_of_step(run, planned)


def _key_of_step(run: LeasedRun, planned: PlannedStep) -> str:
    return f"{run.event_id}/{run.flow_connection_id}/{planned.step.id}"


def _names_record(planned: PlannedStep, action_input: BaseModel) -> bool:
    return not planned.action.key_field or getattr(action_input, planned.action.key_field) not in (None, "")


def effect_row(
    run: LeasedRun, planned: PlannedStep, position: int, *, key: str, attempt: StepAttempt, tells: Tells
) -> Row:
    """The row of an effect that is about to be sent."""
    action_input = attempt.action_input
    now = clock.to_micros(clock.now())
    amount = currency = None
    if planned.action.money is not None:
        amount, currency = (getattr(action_input, name) for name in planned.action.money)
    return {
        "key": key,
        "app": planned.app.key,
        "action": planned.action.key,
        "connection_id": planned.bound.id if planned.bound else "",
        "kind": planned.action.effect.value,
        "fate": Fate.INTENDED.value,
        "sent": True,
        "run_id": run.id,
        "position": position,
        "event_id": run.event_id,
        "account_id": run.account_id,
        "amount_minor": amount,
        "currency": currency,
        "input": redact(attempt.input),
        "output": None,
        "sentence": "",
        "created_at": now,
        "updated_at": now,
        "tells": tells.tells,
        "sale_id": tells.sale_id,
        "units": tells.units,
        "answers_to": tells.answers_to,
        "again_at": None,
    }


def _asked(run: LeasedRun, planned: PlannedStep, position: int, action_input: BaseModel) -> Asked:
    bound = planned.bound
    return Asked(
        run_id=run.id,
        position=position,
        connection_id=bound.id if bound else "",
        app=planned.app.key,
        action=planned.action,
        action_input=action_input,
        credentials=bound.credentials if bound else None,
        account_id=run.account_id,
        occurred_at=run.occurred_at,
    )


_FATES = {
    Outcome.APPLIED: Fate.APPLIED,
    Outcome.ALREADY_APPLIED: Fate.ALREADY_APPLIED,
    Outcome.NOT_APPLICABLE: Fate.NOT_APPLICABLE,
    Outcome.REJECTED: Fate.REJECTED,
    Outcome.UNKNOWN: Fate.UNKNOWN,
}


def _effect_after(row: Row, attempt: StepAttempt, vendor_client: HttpVendorClient) -> Row:
    """The effect's row after a try. A retry or refused key was certainly not applied; an unknown outcome stays in doubt.

    So does an action of several requests that failed after the vendor had accepted the first, and an idempotent write that
    is tried again after a lost answer or a 5xx: it may be repeated, but only as long as the vendor knows its key.
    """
    is_halfway = vendor_client.wrote and attempt.outcome in (Outcome.RETRY, Outcome.AUTH_FAILED, Outcome.REJECTED)
    fate = attempt.fate or (Fate.UNKNOWN if is_halfway else _FATES.get(attempt.outcome, Fate.INTENDED))
    is_repeated = (
        row["kind"] == Effect.IDEMPOTENT_WRITE.value
        and attempt.outcome in (Outcome.RETRY, Outcome.AUTH_FAILED)
        and (attempt.in_doubt or vendor_client.in_doubt)
    )
    return {
        **row,
        "fate": fate.value,
        "sent": fate is Fate.UNKNOWN or is_repeated,
        "output": attempt.output,
        "sentence": attempt.sentence,
        "updated_at": clock.to_micros(clock.now()),
        "again_at": clock.to_micros(attempt.again_at) if attempt.again_at is not None else None,
    }
