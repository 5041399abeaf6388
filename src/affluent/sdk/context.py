"""What an action is given: its credentials, the effect key, and the client that calls the vendor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from affluent.kit.jsons import JSONObject, JSONValue
from affluent.sdk.facts import Origin
from affluent.sdk.http import Faults, Response

C = TypeVar("C", bound=BaseModel)


class VendorClient(Protocol):
    """Calls the vendor, with request limits, timeouts, address rules, redaction and a record of each exchange."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | list[str]] | None = None,
        json: JSONValue = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        faults: Faults | None = None,
        is_read: bool | None = None,
    ) -> Response:
        """Send one request and return the answer, or raise the AppError that it means.

        `path` is joined to the connection's base URL unless it is a whole URL. `faults` are looked at first, then
        the action's, then the app's, then the default table (sdk.errors). `is_read` says that this request changes
        nothing although the action writes (default: GET and HEAD do not).
        """
        ...

    async def reach(self, host: str, port: int, *, message: JSONObject) -> str:
        """The IP address at which a vendor that speaks no HTTP may be connected to.

        Waits for a slot of the limit, checks the address, and records `message`: what the action is about to tell the vendor,
        without secrets. A preview ends here. Raises Misconfigured with the field `host`, or Unavailable.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(Generic[C]):
    """The first argument of every action, test, poll and look-up."""

    credentials: C
    http: VendorClient
    effect_key: str = ""
    """Deterministic key of this effect: the same on every retry. Send it where the vendor takes an idempotency key."""
    now: datetime
    started_at: datetime | None = None
    """When this step of this run was first tried; of polls, tests and look-ups unknown."""
    units: int | None = None
    """What the position says is to be told, in the vendor's own unit; None: the action converts its input's amount."""
    options: BaseModel | None = None
    """The trigger's options, of a poll."""
    notes: list[str] = field(default_factory=list)
    """Sentences that an action adds for the person who reads the run; they stand at its step."""
    server_url: str = ""
    """This server's own address, for connections that point at the billing workspace."""
    source: str = ""
    """The id of the connection, which facts of lists come from."""

    @property
    def origin(self) -> Origin:
        """Where facts of a list come from that is read now."""
        return Origin(source=self.source, happened_at=self.now, learned_at=self.now)
