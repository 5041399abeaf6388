"""People: the owner's first link, signing in and out, sessions, roles."""

from __future__ import annotations

import hashlib
import math
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row

from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.services.errors import Conflict, Forbidden, Invalid, NotFound
from affluent.services.names import checked_name
from affluent.services.passwords import checked_password, hashed, matches
from affluent.services.throttle import Throttle
from affluent.store import people as store
from affluent.store.configuration import alone
from affluent.store.database import Database

LINK_LIVES = timedelta(hours=24)
SESSION_IDLE = timedelta(days=3)
SESSION_LIVES = timedelta(days=30)
_SEEN_NOTED_EVERY = timedelta(minutes=1)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+|[^@\s]+@localhost")
_LONGEST_EMAIL = 254
_OWNER, _SIGN_IN = "owner", "sign_in"


class Role(StrEnum):
    """What a person may do."""

    ADMINISTRATOR = "administrator"
    DEVELOPER = "developer"
    PRODUCT_MANAGER = "product_manager"
    ANALYST = "analyst"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """A person as they are shown."""

    id: str
    email: str
    name: str
    role: Role
    created_at: datetime
    signed_in_at: datetime | None

    @property
    def initials(self) -> str:
        """Up to two letters for the avatar."""
        words = self.name.split()
        return (words[0][:1] + (words[-1][:1] if len(words) > 1 else "")).upper()


class People:
    """Use cases of people. Session tokens and links are stored as hashes."""

    def __init__(self, *, database: Database, server_url: str) -> None:
        self._database = database
        self._server_url = server_url.rstrip("/")
        self._throttle = Throttle()

    async def first_link(self) -> str:
        """A link that creates the owner, once, within 24 hours; empty when there is one."""
        if await self.has_owner():
            return ""
        return f"{self._server_url}/welcome/{await self._new_link(_OWNER)}"

    async def signed_in_link(self, *, name: str = "Demo owner", email: str = "demo@affluent.example") -> str:
        """A link that signs in once, within 24 hours, as a person without a password who is created when missing."""

        def unit(connection: Connection) -> str:
            known = store.by_email(connection, email)
            return str((known or store.add(connection, _new_person(name, email, ""))).id)

        person_id = await self._database.write(alone(unit))
        return f"{self._server_url}/enter/{await self._new_link(_SIGN_IN, person_id)}"

    async def has_owner(self) -> bool:
        """Whether anybody can sign in."""
        return await self._database.read(store.number) > 0

    async def can_create_owner(self, link: str) -> bool:
        """Whether the link may still create the owner."""
        return await self._database.read(lambda c: store.link(c, _hash(link), _OWNER, clock.now())) is not None

    async def create_owner(self, link: str, *, name: str, email: str, password: str) -> str:
        """The first person, an administrator; returns a session token. Raises NotFound for a link that was used, Invalid."""
        if not await self.can_create_owner(link):
            raise _used()
        problems: list[tuple[str, str]] = []
        name = _noting(problems, lambda: _own_name(name))
        email = _noting(problems, lambda: checked_email(email))
        password = _noting(problems, lambda: checked_password(password))
        if problems:
            raise Invalid(problems[0][1], field=problems[0][0], problems=problems)
        person = _new_person(name, email, await hashed(password))

        def unit(connection: Connection) -> str:
            if store.use_link(connection, _hash(link), _OWNER, clock.now()) is None:
                raise _used()
            if store.by_email(connection, email) is not None:
                raise Conflict("There is a person with this e-mail address.", field="email")
            store.forget_links(connection, _OWNER)
            return _begin(connection, str(store.add(connection, person).id))

        return await self._database.write(alone(unit))

    async def sign_in(self, *, email: str, password: str, address: str = "") -> str:
        """A session token. Raises Invalid, the same for a wrong address and a wrong password, and when tried too often."""
        email = email.strip().lower()[:_LONGEST_EMAIL]
        keys = (f"email {email}", f"address {address}")
        wait = self._throttle.wait(*keys)
        if wait > 0:
            raise Invalid(f"Too many tries. Try again in {_in_words(wait)}.", field="password")
        row = await self._database.read(lambda connection: store.by_email(connection, email))
        is_right = await matches(row.password_hash if row is not None else "", password)
        if row is None or not is_right or row.status != "active":
            self._throttle.failed(*keys)
            raise Invalid("E-mail address and password do not belong together. Try again.", field="password")
        self._throttle.succeeded(*keys)
        return await self._database.write(lambda connection: _begin(connection, row.id))

    async def enter(self, link: str) -> str:
        """A session token for a link of `signed_in_link`; raises NotFound when it was used or is too old."""

        def unit(connection: Connection) -> str:
            used = store.use_link(connection, _hash(link), _SIGN_IN, clock.now())
            if used is None:
                raise _used()
            return _begin(connection, used.person_id)

        return await self._database.write(unit)

    async def of_session(self, token: str) -> PersonView | None:
        """The person whose browser holds this token; None when it is unknown, idle too long or ended."""
        if not token:
            return None
        now, token_hash = clock.now(), _hash(token)
        row = await self._database.read(lambda connection: store.session(connection, token_hash))
        if row is None or row.status != "active" or row.expires_at <= now or row.seen_at <= now - SESSION_IDLE:
            return None
        if row.seen_at <= now - _SEEN_NOTED_EVERY:
            await self._database.write(lambda connection: store.seen(connection, token_hash, now))
        return _view(row)

    async def sign_out(self, token: str) -> None:
        """End the session of this token."""
        await self._database.write(lambda connection: store.end_session(connection, _hash(token)))

    async def _new_link(self, purpose: str, person_id: str | None = None) -> str:
        token, now = secrets.token_urlsafe(32), clock.now()
        values = {
            "token_hash": _hash(token),
            "purpose": purpose,
            "person_id": person_id,
            "created_at": now,
            "expires_at": now + LINK_LIVES,
        }
        await self._database.write(lambda connection: store.add_link(connection, values))
        return token


def checked_email(email: str) -> str:
    """The address in the form in which it is compared; raises Invalid."""
    email = email.strip().lower()
    if not email:
        raise Invalid("Give your e-mail address; you sign in with it.", field="email")
    if len(email) > _LONGEST_EMAIL or not _EMAIL.fullmatch(email):
        raise Invalid("This is not an e-mail address, e.g. mira@example.com.", field="email")
    return email


def require(person: PersonView, role: Role) -> None:
    """Raise Forbidden unless the person has the role; an administrator has every one."""
    if person.role not in (role, Role.ADMINISTRATOR):
        wanted = role.value.replace("_", " ")
        raise Forbidden(f"This needs the role {wanted}; yours is {person.role.value.replace('_', ' ')}.")


def _own_name(name: str) -> str:
    if not name.strip():
        raise Invalid("Give your name; the audit log shows it.", field="name")
    return checked_name(name)


def _noting(problems: list[tuple[str, str]], check: Callable[[], str]) -> str:
    try:
        return check()
    except Invalid as error:
        problems.extend(error.problems)
        return ""


def _new_person(name: str, email: str, password_hash: str) -> dict[str, Any]:
    return {
        "id": new_id("per"),
        "email": email,
        "name": name,
        "role": Role.ADMINISTRATOR.value,
        "status": "active",
        "password_hash": password_hash,
        "created_at": clock.now(),
        "signed_in_at": None,
    }


def _begin(connection: Connection, person_id: str) -> str:
    token, now = secrets.token_urlsafe(32), clock.now()
    values = {
        "token_hash": _hash(token),
        "person_id": person_id,
        "created_at": now,
        "seen_at": now,
        "expires_at": now + SESSION_LIVES,
    }
    store.add_session(connection, values)
    store.signed_in(connection, person_id, now)
    return token


def _view(row: Row[Any]) -> PersonView:
    return PersonView(
        id=row.id,
        email=row.email,
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
        signed_in_at=row.signed_in_at,
    )


def _used() -> NotFound:
    return NotFound("This link was used already or is older than 24 hours. Start the server again for a new one.")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _in_words(seconds: float) -> str:
    return f"{math.ceil(seconds)} seconds" if seconds < 90 else f"{math.ceil(seconds / 60)} minutes"
