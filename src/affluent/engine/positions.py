"""What the engine asks before and after a call that tells of a sale or account: the position decides, the engine sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel
from sqlalchemy import Connection

from affluent.domain.event import EventDraft
from affluent.domain.money.attribution import Outlook
from affluent.kit.jsons import JSONValue
from affluent.sdk import Action
from affluent.sdk.facts import Fact
from affluent.store.bulk import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call that a step is about to make."""

    run_id: str
    position: int
    connection_id: str
    app: str
    action: Action
    action_input: BaseModel
    credentials: Any
    account_id: str
    """The account of the run's event."""
    occurred_at: datetime
    """When the run's event happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tells:
    """What an effect tells, as its row keeps it."""

    tells: str = ""
    """The kind of effect, by its value."""
    sale_id: str = ""
    units: int | None = None
    answers_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proceed:
    """Make the call, with these inputs in place of the mapping's."""

    tells: Tells
    inputs: Mapping[str, JSONValue] = field(default_factory=dict)
    note: str = ""
    """What the position adds for the person who reads the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Make no call yet: another effect goes before it."""

    tells: Tells
    sentence: str
    inputs: Mapping[str, JSONValue] = field(default_factory=dict)
    until: datetime | None = None
    """When it is looked at again by itself; None: the run ends, and is taken up again when something is learned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """There is nothing to tell, and why."""

    tells: Tells
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Only a person may do this, and why."""

    tells: Tells
    sentence: str


Decision = Proceed | Hold | Drop | Refuse


class Positions(Protocol):
    """Answers for positions."""

    async def decide(self, asked: Asked) -> Decision:
        """Whether a call is due, and with which amount and id."""
        ...

    async def outlook(self, asked: Asked, answered_at: datetime) -> Outlook:
        """What becomes of the answer "nobody referred this customer"."""
        ...


class Learner(Protocol):
    """Takes what events and answers say about money, in the transaction that brings it."""

    def events(self, connection: Connection, events: Sequence[tuple[str, EventDraft]]) -> None:
        """(id, draft) of events that are new."""
        ...

    def answers(
        self, connection: Connection, effects: Sequence[Row], facts: Sequence[tuple[str, Sequence[Fact]]]
    ) -> None:
        """Rows of effects that were settled, and by the key of an effect what its answer says."""
        ...
