"""Who is acting in this task: set where a request or a command comes in, read where a change is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A person, a program with a token, a command, or a visitor who has not signed in."""

    kind: str
    """person, token, command, visitor or system."""
    id: str = ""
    name: str = ""
    address: str = ""
    """From where: an IP address."""
    agent: str = ""
    """A visitor's browser, as it calls itself."""
    scopes: tuple[str, ...] = ()
    """What a token allows, e.g. ("runs:read",)."""
    person_id: str = ""
    """Who answers for a token; empty: nobody in particular."""


SYSTEM = Actor(kind="system", name="Affluent")
"""Nobody asked: a worker, a start, a vendor's answer."""
_current: ContextVar[Actor] = ContextVar("actor", default=SYSTEM)


def current() -> Actor:
    """Who is acting in this task."""
    return _current.get()


def act_as(actor: Actor) -> None:
    """For the rest of this task, e.g. of a request whose token was just checked."""
    _current.set(actor)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """For the length of a block."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)
