"""Errors are named by what the engine does next.

    AppError
    ├── Retry                 try again later
    │   ├── RateLimited       the vendor said slow down (Retry-After is obeyed)
    │   ├── Unavailable       the vendor is down or did not answer
    │   └── Wait              nothing is wrong: the step is to go on at a later time
    ├── AuthFailed            pause the connection, ask its owner
    │   └── Misconfigured     address or account id is wrong: same cure
    ├── Rejected              our data; park the run
    ├── OutcomeUnknown        sent, no answer: look up before anything else
    ├── AlreadyApplied        done before; counts as success
    └── NotApplicable         a normal outcome; the step is skipped
        └── NotReferred       nobody referred the customer so far; taken up again when something is learned

Default table (an app states only its exceptions):

    situation                                          raises
    2xx                                                nothing, the response is returned
    401, 403                                           AuthFailed
    408, 425, 429                                      RateLimited
    5xx on a read or an idempotent write               Unavailable
    5xx on a write                                     OutcomeUnknown
    other 3xx and 4xx                                  Rejected
    no connection, refused, DNS                        Unavailable
    timeout or dropped after sending: read, idempotent Unavailable
    timeout or dropped after sending: write            OutcomeUnknown
"""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel

from affluent.kit.jsons import JSONObject


class AppError(Exception):
    """Base of all. `message` is for the person: what happened and what to do, one or two sentences, no secrets."""

    code = "app_error"

    def __init__(self, message: str, *, field: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        """The input or credential field that is to blame, when one is."""
        self.status = status
        """The vendor's HTTP status, when there was an answer."""


class Retry(AppError):
    """Try again later; `retry_after` is the vendor's own wish."""

    code = "retry"

    def __init__(
        self, message: str, *, retry_after: timedelta | None = None, field: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, field=field, status=status)
        self.retry_after = retry_after


class RateLimited(Retry):
    """The vendor said slow down."""

    code = "rate_limited"


class Unavailable(Retry):
    """The vendor is down or did not answer, and nothing was applied that a repeat could double."""

    code = "unavailable"


class Wait(Retry):
    """Nothing is wrong: the step is tried again after `retry_after`. No failure, however often, and others need not wait."""

    code = "wait"


class AuthFailed(AppError):
    """The credentials were refused: the connection needs its owner, its runs wait."""

    code = "auth_failed"


class Misconfigured(AuthFailed):
    """The address or account id is wrong: the connection needs its owner, its runs wait."""

    code = "misconfigured"


class Rejected(AppError):
    """The vendor refused our data: repeating it would be refused again."""

    code = "rejected"


class OutcomeUnknown(AppError):
    """The request may have been applied; look up before anything else."""

    code = "outcome_unknown"


class AlreadyApplied(AppError):
    """The effect is already there. `output` is what the action would have returned, as far as it is known."""

    code = "already_applied"

    def __init__(
        self,
        message: str = "Already applied.",
        *,
        output: BaseModel | JSONObject | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, status=status)
        self.output = output


class NotApplicable(AppError):
    """A normal outcome: there is nothing to do here, and why. The step is skipped."""

    code = "not_applicable"

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        super().__init__(reason, status=status)


class NotReferred(NotApplicable):
    """Nobody referred the customer so far: the step is skipped, and taken up again when a fact about the referral comes."""

    code = "not_referred"
