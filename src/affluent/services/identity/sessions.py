"""Sessions in browsers and one-time links: random tokens whose hashes are kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from affluent.kit import clock
from affluent.kit.actor import Actor, current
from affluent.kit.ids import new_id
from affluent.services.identity.roles import Role
from affluent.store import people as store
from affluent.store.audit.recording import name_actor, note

LINK_LIVES = timedelta(hours=24)
SESSION_IDLE = timedelta(days=3)
SESSION_LIVES = timedelta(days=30)
_LONGEST_AGENT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """A person as they are shown."""

    id: str
    email: str
    name: str
    role: Role
    created_at: datetime
    signed_in_at: datetime | None
    status: str = "active"
    """active, invited or deactivated."""
    has_totp: bool = False
    recovery_codes: int = 0
    """How many are left."""
    session_id: str = ""
    """Of the browser that asks; empty in lists."""

    @property
    def initials(self) -> str:
        """Up to two letters for the avatar."""
        words = self.name.split()
        return (words[0][:1] + (words[-1][:1] if len(words) > 1 else "")).upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """One browser in which a person is signed in."""

    id: str
    address: str
    browser: str
    created_at: datetime
    seen_at: datetime


def token_hash(token: str) -> str:
    """How a token of a session or link is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def beginning(how: str) -> Callable[[Connection, Row[Any]], str]:
    """A unit that begins a session of a person, at the address and browser of who asks now; it returns the token."""
    visitor, token, now = current(), secrets.token_urlsafe(32), clock.now()

    def begin(connection: Connection, person: Row[Any]) -> str:
        values = {
            "token_hash": token_hash(token),
            "id": new_id("ses"),
            "person_id": person.id,
            "address": visitor.address,
            "browser": visitor.agent[:_LONGEST_AGENT],
            "created_at": now,
            "seen_at": now,
            "expires_at": now + SESSION_LIVES,
        }
        name_actor(connection, Actor(kind="person", id=person.id, name=person.name, address=visitor.address))
        store.add_session(connection, values)
        store.signed_in(connection, person.id, now)
        note(connection, "signed in", "person", subject=person.id, name=person.email, by=how)
        return token

    return begin


def new_link(purpose: str, person_id: str | None, lives: timedelta = LINK_LIVES) -> tuple[str, dict[str, Any]]:
    """The token of a link that can be used once, and its row."""
    token, now = secrets.token_urlsafe(32), clock.now()
    return token, {
        "token_hash": token_hash(token),
        "purpose": purpose,
        "person_id": person_id,
        "created_at": now,
        "expires_at": now + lives,
    }


def person_view(row: Row[Any]) -> PersonView:
    """A person from their row."""
    return PersonView(
        id=row.id,
        email=row.email,
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
        signed_in_at=row.signed_in_at,
        status=row.status,
        has_totp=row.totp_secret is not None,
        recovery_codes=len(row.recovery_codes or ()),
        session_id=getattr(row, "session_id", ""),
    )


def session_view(row: Row[Any]) -> SessionView:
    """A session from its row."""
    return SessionView(
        id=row.id, address=row.address, browser=row.browser, created_at=row.created_at, seen_at=row.seen_at
    )
