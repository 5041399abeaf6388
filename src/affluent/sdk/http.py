"""A vendor's answer, and the default table from answer to error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from affluent.kit.jsons import InvalidJSON, JSONValue, loads
from affluent.sdk.errors import AppError, AuthFailed, OutcomeUnknown, RateLimited, Rejected, Unavailable

_LONGEST_RETRY_AFTER = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One HTTP answer, read whole. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    sent_at: datetime | None = None

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> JSONValue:
        """The body as JSON; None when it is empty or not JSON."""
        if not self.body:
            return None
        try:
            return loads(self.body)
        except InvalidJSON:
            return None

    def text(self, limit: int = 300) -> str:
        """The start of the body as text, for messages."""
        return self.body[: limit * 4].decode("utf-8", "replace")[:limit]

    def retry_after(self) -> timedelta | None:
        """The vendor's Retry-After, given in seconds or as a date; a week at most."""
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return min(timedelta(seconds=int(value[:9])), _LONGEST_RETRY_AFTER)
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return min(max(at - (self.sent_at or at), timedelta()), _LONGEST_RETRY_AFTER)


Fault = type[AppError] | Callable[[Response], AppError | None]
"""What a status means: an error class, or a function of the answer that gives an error, or None when all is well."""
Faults = Mapping[int, Fault]


def message_of(response: Response) -> str:
    """The vendor's own words: `message`, `error` or `error.description` of a JSON body, else the start of the text."""
    body = response.json()
    if isinstance(body, dict):
        for key in ("message", "error", "detail", "description"):
            value = body.get(key)
            if isinstance(value, dict):
                value = value.get("description") or value.get("message")
            if isinstance(value, str) and value:
                return value
    if isinstance(body, str) and body:
        return body
    if "html" in response.headers.get("content-type", ""):
        return "an HTML page"
    return response.text().strip() or "an empty answer"


def _by_fault(fault: Fault, response: Response, vendor: str) -> AppError | None:
    if isinstance(fault, type):
        error: AppError = fault(f"{vendor} answered {response.status}: {message_of(response)}", status=response.status)
        return error
    return fault(response)


def classify(response: Response, faults: Faults, *, vendor: str, is_write: bool) -> AppError | None:
    """The error that this answer means, by the app's own faults first, then by the default table."""
    status = response.status
    fault = faults.get(status)
    if fault is not None:
        return _by_fault(fault, response, vendor)
    if response.ok:
        return None
    sentence = f"{vendor} answered {status}: {message_of(response)}"
    if status in (401, 403):
        return AuthFailed(
            f"{vendor} refused the credentials ({status}). Check the key of this connection.", status=status
        )
    if status in (408, 425, 429):
        return RateLimited(sentence, retry_after=response.retry_after(), status=status)
    if status >= 500:
        if is_write:
            return OutcomeUnknown(sentence, status=status)
        return Unavailable(sentence, retry_after=response.retry_after(), status=status)
    return Rejected(sentence, status=status)
