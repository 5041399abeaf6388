"""The declaration of an app: credentials, limits, triggers, actions. Facts stay data."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from affluent.kit.jsons import JSONObject, JSONValue, loads
from affluent.sdk.books import Books
from affluent.sdk.facts import Fact, Origin, PositionCall
from affluent.sdk.http import Faults
from affluent.sdk.inbound import Incoming, Listing, Poll, Registration, SyncedRecord, WebhookScheme


class CredentialsModel(BaseModel):
    """Base of a connection's fields: SecretStr fields are encrypted and never shown again, the others are plain."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class InputModel(BaseModel):
    """Base of an action's input: closed, every field with a title and a description."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class OutputModel(BaseModel):
    """Base of what an action returns or a trigger hands out: only what we read; unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore")


class Effect(StrEnum):
    """What a repeat of an action does: nothing, the same thing under the same key, or perhaps a double."""

    READ = "read"
    IDEMPOTENT_WRITE = "idempotent_write"
    WRITE = "write"


class TriggerKind(StrEnum):
    """How an event arrives."""

    INTERNAL = "internal"
    WEBHOOK = "webhook"
    POLL = "poll"
    SCHEDULE = "schedule"
    MANUAL = "manual"


class Category(StrEnum):
    """Where an app stands in the catalogue."""

    BILLING = "Billing"
    MARKETING = "Marketing"
    PAYMENTS = "Payments"
    COMMUNICATION = "Communication"
    UTILITY = "Utility"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A vendor's request limit per connection: at most `requests` in any `per_seconds`."""

    requests: int
    per_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Where in a trigger's payload the business facts are: dotted paths, "" when the payload has none."""

    account: str = ""
    customer: str = ""
    title: str = ""
    """The business object a person knows it by, e.g. the invoice id."""
    name: str = ""
    """Name of the customer or account, shown beside the title."""
    amount: str = ""
    """Net amount in major units as text."""
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Definition of what starts a flow."""

    key: str
    title: str
    description: str
    kind: TriggerKind
    event: str
    """Event type as the vendor names it, e.g. invoice.paid."""
    sample: str
    output: type[BaseModel] | None = None
    options: type[BaseModel] | None = None
    """Fields that a flow sets on this trigger, e.g. a schedule's cron line."""
    subject: Subject = field(default_factory=Subject)
    poll: Poll | None = None
    """Lists what the vendor has. A POLL trigger is polled, an INTERNAL one where its connection is not this server's own;
    any but a POLL trigger can be backfilled (MANUAL: by Trigger now without a payload)."""
    poll_detail: Callable[[Any, Incoming], Awaitable[Incoming]] | None = None
    """(ctx, item) → the item whole. Asked only of items that are new, when a list says less than an event does."""
    poll_start: Callable[[Any], Awaitable[JSONValue]] | None = None
    """(ctx) → the cursor of this moment, so that a poll "from now" need not walk through what is there already."""
    listing: Listing | None = None
    """How what a webhook did not deliver is found."""
    aliases: tuple[str, ...] = ()
    """Other spellings of the event that vendors send."""
    of: tuple[str, ...] = ()
    """Event types, as the vendor names them, that start it beside its own; their payloads have the same shape."""
    facts: Callable[[JSONObject, Origin], Sequence[Fact]] | None = None
    """(payload, where it comes from) → what the event says about money. Whatever it raises, the event is taken without facts."""

    @property
    def events(self) -> tuple[str, ...]:
        """The event types that start it, as the vendor names them."""
        return self.of or (self.event,)


ActionFunction = Callable[..., Awaitable[BaseModel | None]]
Same = tuple[str | tuple[str, ...], ...]
FOREVER = timedelta.max
"""How long a key lasts at a vendor that knows a repeat by a record of its own, or where a repeat changes nothing."""
UNSTATED = timedelta(days=1)
"""How long the key of an action that does not say so is trusted: the shortest that vendors promise."""
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Definition of what a step does: a typed async function and the facts about it."""

    key: str
    title: str
    description: str
    effect: Effect
    run: ActionFunction
    input: type[BaseModel]
    output: type[BaseModel] | None
    sample: str
    key_field: str = ""
    """Input field whose value identifies the effect at the vendor; empty: the effect belongs to one event and step."""
    key_lasts: timedelta | Callable[[Any], timedelta] | None = None
    """How long the vendor knows a key after it came first, or a function of the input; every idempotent write says so.
    A write that may have been applied is sent again under its key only within this time; later it is looked up first."""
    keeps_failures: bool | Callable[[Any], bool] = False
    """Whether the vendor answers a repeat under the same key with the 5xx it gave first, so that repeating is of no use."""
    key_limit: int = 255
    """Most characters of a key that the vendor takes; a longer key, or one that is not plain ASCII, is sent as its hash."""
    same: Same = ()
    """Input fields in which a repeat under the same key must agree, beside the money: whose effect it is. A tuple names
    alternatives, of which the first that both have is compared. One that differs is refused and not taken for done."""
    faults: Faults = field(default_factory=dict)
    look_up: Callable[..., Awaitable[BaseModel | None]] | None = None
    """Read that tells whether the effect is already there: the output when it is, None when it is not."""
    identifies: Mapping[str, str] = field(default_factory=dict)
    """Identities an output carries: kind of record at the vendor → output field, e.g. {"referral": "referral_id"}."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """For people: what the vendor's answers lead to, e.g. {"409": "Already tracked: counts as done"}."""
    money: tuple[str, str] | None = None
    """Input fields that hold minor units and the currency, when the action moves money."""
    position: PositionCall | None = None
    """What it tells of a sale or account; the position then decides whether it is due, and how much."""
    facts: Callable[[Any, JSONObject, Origin], Sequence[Fact]] | None = None
    """(input, output, where it comes from) → what an answer that counts as done says about money."""

    def remembers(self, action_input: BaseModel) -> timedelta:
        """How long the vendor knows the key of this input after it came first."""
        if self.key_lasts is None:
            return UNSTATED
        return self.key_lasts if isinstance(self.key_lasts, timedelta) else self.key_lasts(action_input)

    def repeats_failures(self, action_input: BaseModel) -> bool:
        """Whether the vendor repeats a 5xx under the same key."""
        return self.keeps_failures if isinstance(self.keeps_failures, bool) else self.keeps_failures(action_input)

    @property
    def ids(self) -> frozenset[str]:
        """Input fields that name a record or whose it is."""
        named = (part for entry in self.same for part in ((entry,) if isinstance(entry, str) else entry))
        return frozenset((self.key_field, *named)) - {""}


@dataclass(kw_only=True)
class App:
    """One outside product and our code for it. Assembled in `apps/<key>/app.py` as the module's `app`."""

    key: str
    title: str
    description: str
    category: Category
    folder: Path
    """The app's own folder: `Path(__file__).parent`; holds samples, flows, icon and README."""
    credentials: type[CredentialsModel] | None = None
    needs_connection: bool = True
    """False: actions work without a connection too, and triggers never use one. `ctx.credentials` is then None."""
    base_url: Callable[[Any, str], str] = lambda _credentials, _server_url: ""
    """(credentials, this server's URL) → the address that paths are joined to."""
    headers: Callable[[Any], Mapping[str, str]] = lambda _credentials: {}
    """Credentials → headers sent with every request."""
    address_fields: frozenset[str] = frozenset()
    """Credential fields that decide where requests go and are no URLs, e.g. a mail server's host and port. Fields that hold
    a URL, and whatever changes the base URL, are known by themselves. A changed address asks for every secret anew."""
    is_local: Callable[[Any], bool] = lambda _credentials: False
    """Whether credentials point at this server's own billing workspace, so that its events are this connection's."""
    mirror: Callable[[JSONObject], Sequence[SyncedRecord]] | None = None
    """(payload of an event) → the customers and accounts in it, shown in Customers beside this server's own ones."""
    limit: Limit | None = None
    faults: Faults = field(default_factory=dict)
    glyph: str = "box"
    """Name of the interface icon that stands for this app."""
    key_help: str = ""
    """Where in the vendor's dashboard the credentials are found."""
    deep_links: Mapping[str, str] = field(default_factory=dict)
    """Identity kind → URL pattern with {id}, for links into the vendor's dashboard."""
    actions: dict[str, Action] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    tester: Callable[..., Awaitable[str]] | None = None
    hidden: bool = False
    webhook: WebhookScheme | None = None
    """How this vendor's webhooks are verified and read, when it sends any."""
    registration: Registration | None = None
    """How this vendor's webhooks are created and removed, when its API can."""
    shared_identities: frozenset[str] = frozenset()
    """Kinds of identities that several accounts may have in common, e.g. who referred them: no conflict."""
    books: Books | None = None
    """How the money in this vendor's books is listed and put right, when it keeps any."""

    def action(  # noqa: PLR0913 - the declaration of an action is one flat list of facts
        self,
        key: str,
        *,
        title: str,
        effect: Effect,
        sample: str,
        key_field: str = "",
        key_lasts: timedelta | Callable[[Any], timedelta] | None = None,
        keeps_failures: bool | Callable[[Any], bool] = False,
        key_limit: int = 255,
        same: Same = (),
        faults: Faults | None = None,
        look_up: Callable[..., Awaitable[BaseModel | None]] | None = None,
        identifies: Mapping[str, str] | None = None,
        answers: Mapping[str, str] | None = None,
        money: tuple[str, str] | None = None,
        position: PositionCall | None = None,
        facts: Callable[[Any, JSONObject, Origin], Sequence[Fact]] | None = None,
    ) -> Callable[[F], F]:
        """Declare an action; the function's signature `(ctx, input) -> output` is its schema, its docstring its text."""

        def declare(function: F) -> F:
            hints = typing.get_type_hints(function)
            parameters = list(inspect.signature(function).parameters)
            self.actions[key] = Action(
                key=key,
                title=title,
                description=inspect.getdoc(function) or "",
                effect=effect,
                run=function,
                input=hints[parameters[1]],
                output=_model(hints.get("return")),
                sample=sample,
                key_field=key_field,
                key_lasts=key_lasts,
                keeps_failures=keeps_failures,
                key_limit=key_limit,
                same=same,
                faults=faults or {},
                look_up=look_up,
                identifies=identifies or {},
                answers=answers or {},
                money=money,
                position=position,
                facts=facts,
            )
            return function

        return declare

    def test(self, function: F) -> F:
        """Declare the cheap read that proves credentials: `(ctx) -> sentence`; raises AppError with the guilty field."""
        self.tester = function
        return function

    def triggers_are(self, triggers: Sequence[Trigger]) -> None:
        """Declare the triggers: plain data, one each."""
        self.triggers.update({trigger.key: trigger for trigger in triggers})

    def sample(self, name: str) -> JSONObject:
        """A sample file of this app's `samples` folder."""
        value: JSONObject = loads((self.folder / "samples" / name).read_bytes())
        return value


def _model(hint: object) -> type[BaseModel] | None:
    for candidate in (hint, *typing.get_args(hint)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
