"""What a use case refuses, in words for people.

ServiceError
├── NotFound          404
├── Invalid           422: names the field
├── Conflict          409: what is there already, or in use
├── Forbidden         403: names the missing scope or role
│   └── Unauthorised  401
├── TooManyTries      429: too many unknown tokens or links from this address
├── ProviderAway      503: where people sign in cannot be reached
└── ProviderWrong     502: what it says is not to be trusted
"""

from __future__ import annotations


class ServiceError(Exception):
    """Base of all. `message` says what was wrong and what to do; `field` names the guilty input."""

    status = 400
    code = "bad_request"

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class NotFound(ServiceError):
    """There is no such thing."""

    status = 404
    code = "not_found"


class Invalid(ServiceError):
    """An input is wrong; `problems` lists all that were found as (field, message)."""

    status = 422
    code = "invalid"

    def __init__(self, message: str, *, field: str = "", problems: list[tuple[str, str]] | None = None) -> None:
        super().__init__(message, field=field)
        self.problems = problems or [(field, message)]


class Conflict(ServiceError):
    """It is there already, or in use."""

    status = 409
    code = "conflict"


class Forbidden(ServiceError):
    """The caller may not do this."""

    status = 403
    code = "forbidden"


class Unauthorised(Forbidden):
    """The caller is not known."""

    status = 401
    code = "unauthorised"


class TooManyTries(ServiceError):
    """The caller guesses, or somebody at the same address."""

    status = 429
    code = "too_many_tries"


class ProviderAway(ServiceError):
    """Nobody can sign in there now."""

    status = 503
    code = "provider_away"


class ProviderWrong(ServiceError):
    """What it said is not good for a sign-in."""

    status = 502
    code = "provider_wrong"
