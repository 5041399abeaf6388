"""What an app says about facts that come in: webhooks, polls, lists of what there is, and webhooks registered by us."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One event read from a webhook's body or a vendor's list."""

    type: str
    external_id: str
    """The vendor's id of this event: the same on redelivery."""
    payload: JSONObject
    occurred_at: datetime | None = None
    """When it happened. A time outside the years 1970 to 2199 counts as none said: software writes an unset time so."""

    def __post_init__(self) -> None:
        """Take the time in UTC, if it can be one."""
        object.__setattr__(self, "occurred_at", clock.plausible(self.occurred_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedRecord:
    """A customer or an account as another system keeps it. Empty: not said, what was known before stays."""

    kind: Literal["customer", "account"]
    id: str
    customer_id: str = ""
    """Of an account: whose it is."""
    name: str = ""
    email: str = ""
    currency: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What was proved of a webhook: nothing else of it may decide whether its event is new."""

    content: bytes
    """All that the signature covers, e.g. the body. The hub takes the same content in once, whatever stands around it."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers that the signature covers as well; only these are handed to `parse`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookScheme:
    """How a vendor's webhooks are verified and read. The functions are pure; header names are lower case.

    Whatever they raise, the delivery is refused and kept with the reason; a ValueError's text is shown as it is.
    """

    verify: Callable[[bytes, Mapping[str, str], Sequence[str]], Signed | None]
    """(raw body, headers, secrets: current first, then the old one during a rotation) → what is proved; None: nothing.
    Raises ValueError with a sentence when more is known than that the signature is wrong."""
    parse: Callable[[JSONObject, Mapping[str, str]], Incoming]
    """(body, headers that are signed or listed in `unsigned_headers`) → the event; raises ValueError with a sentence when
    the body is not one."""
    secret_field: str = "webhook_secret"  # noqa: S105 - the name of a field, not its value
    """Credential field with the secret; empty when the secret belongs to the flow connection."""
    unsigned_headers: Sequence[str] = ()
    """Headers that `parse` needs although anybody could change them, e.g. with the vendor's id of the event."""
    secret_headers: Sequence[str] = ()
    """Headers with a proof that is never shown. Names with signature, secret, token, key and the like are hidden anyway."""
    accepts_unsigned: Callable[[Any], bool] | None = None
    """(credentials) → whether webhooks are taken while there is no secret, because the vendor cannot prove anything.
    `verify` then decides with no secrets. None: without a secret nothing is taken."""
    new_secret: Callable[[], str] = lambda: secrets.token_urlsafe(32)
    """A secret for a flow connection, in the form that the senders' libraries expect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of what a vendor has, and where to go on."""

    items: Sequence[Incoming]
    cursor: JSONValue = None
    """Handed to the next call, whatever it is; kept in the same commit as the items."""
    more: bool = False
    """True: the next page may be asked for at once. False: this walk has ended, and the next one begins with `cursor`."""


Poll = Callable[[Any, JSONValue], Awaitable[Page]]
"""(ctx, cursor) → a page. The first cursor is None: begin with the oldest. `ctx.options` is the trigger's options.

The hub remembers the external id of every item, so let walks overlap: begin a few minutes before the newest item seen,
or at the first page each time when the vendor knows no times. An item that a shifting page hid comes with the next walk.
"""


class PollOptions(BaseModel):
    """Options of a poll; a trigger's own options may extend it. A flow connection can choose otherwise."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    start: Literal["now", "everything"] = Field(
        "now", title="Begin", description="now: only what is new from now on; everything: also what is there already."
    )
    every_seconds: int = Field(300, ge=5, le=86_400, title="Every", description="Seconds between two polls.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How to find out what a webhook should have told: the vendor's own list."""

    since: Callable[[Any, datetime, JSONValue], Awaitable[Page]]
    """(ctx, since, cursor) → a page of the events since then, as the webhook would have sent them."""
    by: Literal["external_id", "title"] = "external_id"
    """How an event that arrived is recognised: by its id, or, when the vendor's lists do not know the ids of its webhooks,
    by the type and the title (the trigger's subject: the id of the record). The title must then stand for one fact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A webhook that now exists at the vendor."""

    state: JSONObject
    """What is needed to remove it again, e.g. its id. No secrets."""
    secrets: Sequence[str] = ()
    """What its deliveries are verified with, as far as it was made now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Webhooks that the vendor's API can create. Errors are shown with the manual way; they stop nothing."""

    register: Callable[[Any, str, Sequence[str]], Awaitable[Registered]]
    """(ctx, url, event types) → what was made. Looks for a webhook of this URL first, because its last answer may be lost."""
    unregister: Callable[[Any, JSONObject], Awaitable[None]]
    """(ctx, state): remove it; one that is gone already is fine."""
    check: Callable[[Any, JSONObject], Awaitable[str]] | None = None
    """(ctx, state) → "" when it is there and active, else what is wrong, as a sentence."""
    possible: Callable[[Any], bool] = lambda _credentials: True
    """(credentials) → whether this key can do it at all."""
    manual: str = "Add a webhook in the vendor's dashboard that sends to {url}."
    """How to do it by hand; {url} becomes the words that say where the address is shown."""
