"""People: the owner's first link, signing in with password and second factor, and out."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row

from affluent.kit import clock, mailboxes
from affluent.kit.ids import new_id
from affluent.services.errors import Conflict, Forbidden, Invalid, NotFound
from affluent.services.identity import second_factor as totp
from affluent.services.identity.devices import Devices
from affluent.services.identity.passwords import checked_password, hashed, matches
from affluent.services.identity.roles import Role
from affluent.services.identity.sessions import (
    LINK_LIVES,
    SESSION_IDLE,
    SESSION_LIVES,
    PersonView,
    beginning,
    new_link,
    person_view,
    token_hash,
)
from affluent.services.identity.throttle import Attempt, Key, MustWait, Throttle, Unknown, address_key
from affluent.services.names import checked_name
from affluent.store import people as store
from affluent.store.audit.recording import note
from affluent.store.configuration_lock import alone
from affluent.store.database import Database
from affluent.vault.envelope import Vault

__all__ = ["LINK_LIVES", "SESSION_IDLE", "SESSION_LIVES", "NeedsCode", "People", "PersonView", "Role", "require"]

TICKET_LIVES = timedelta(minutes=5)
_SEEN_NOTED_EVERY = timedelta(minutes=1)
_LONGEST_EMAIL = mailboxes.LONGEST
_OWNER, _SIGN_IN = "owner", "sign_in"
SECOND_FACTOR = "second_factor"
"""What a ticket of NeedsCode is for."""


class NeedsCode(Exception):
    """The password is right; the second factor is still to be given, with this ticket."""

    def __init__(self, ticket: str) -> None:
        super().__init__("a second factor is needed")
        self.ticket = ticket


class People:
    """Use cases of people. Session tokens and links are stored as hashes, secrets of second factors encrypted."""

    def __init__(self, *, database: Database, vault: Vault, server_url: str) -> None:
        self._database = database
        self._vault = vault
        self._server_url = server_url.rstrip("/")
        self._throttle = Throttle(database)
        self.devices = Devices(vault)
        self.unknown_links = Unknown()

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
        return await self._database.read(lambda c: store.link(c, token_hash(link), _OWNER, clock.now())) is not None

    async def create_owner(self, link: str, *, name: str, email: str, password: str) -> str:
        """The first person, an administrator; returns a session token. Raises NotFound for a link that was used, Invalid."""
        if not await self.can_create_owner(link):
            raise _used()
        problems: list[tuple[str, str]] = []
        name = _noting(problems, lambda: own_name(name))
        email = _noting(problems, lambda: checked_email(email))
        password = _noting(problems, lambda: checked_password(password, name, email))
        if problems:
            raise Invalid(problems[0][1], field=problems[0][0], problems=problems)
        person = _new_person(name, email, await hashed(password))

        begin = beginning("the first link")

        def unit(connection: Connection) -> str:
            if store.use_link(connection, token_hash(link), _OWNER, clock.now()) is None:
                raise _used()
            if store.by_email(connection, email) is not None:
                raise Conflict("There is a person with this e-mail address.", field="email")
            store.forget_links(connection, _OWNER)
            return begin(connection, store.add(connection, person))

        return await self._database.write(alone(unit))

    async def sign_in(self, *, email: str, password: str, address: str = "", device: str = "") -> str:
        """A session token; raises Invalid and NeedsCode. `device` is the cookie of a browser that is known.

        Invalid is the same for a wrong address and a wrong password, and comes too when tried too often. NeedsCode:
        the person has a second factor.
        """
        email = email.strip().lower()[:_LONGEST_EMAIL]
        row = await self._database.read(lambda connection: store.by_email(connection, email))
        strangers = (Key(f"email {email}"), Key(f"address {address_key(address)}", is_shared=True))
        own = self._own_key("password", device, row.id) if row is not None else None
        attempt = await self._take((own,) if own else strangers, "password")
        is_right = await matches(row.password_hash if row is not None else "", password)
        if row is None or not is_right or row.status != "active":
            # Of nobody known: what was typed is not kept, it may be a password.
            who, known = (row.id, row.email) if row is not None else ("", "")
            await self._database.write(lambda c: note(c, "refused", "sign-in", subject=who, name=known))
            raise Invalid("E-mail address and password do not belong together. Try again.", field="password")
        await self._throttle.give_back(attempt)
        if row.totp_secret is not None:
            raise NeedsCode(await self._new_link(SECOND_FACTOR, row.id, TICKET_LIVES))
        begin = beginning("password")
        return await self._database.write(lambda connection: begin(connection, row))

    async def give_code(self, ticket: str, code: str, *, device: str = "") -> str:
        """A session token for the ticket of NeedsCode and a code of the authenticator app, or a recovery code.

        `device` is the cookie of a browser that is known.
        Raises NotFound when the ticket is too old, Invalid for a code that is wrong or was used.
        """
        hash_of_ticket = token_hash(ticket)

        def read(connection: Connection) -> Row[Any] | None:
            held = store.link(connection, hash_of_ticket, SECOND_FACTOR, clock.now())
            return store.one(connection, held.person_id) if held is not None else None

        row = await self._database.read(read)
        if row is None or row.status != "active" or row.totp_secret is None:
            raise NotFound("This took too long. Sign in again.")
        attempt = await self._take((self._own_key("code", device, row.id) or Key(f"code {row.id}"),), "code")
        secret = self._vault.open(row.totp_secret, f"people/{row.id}").decode()
        step, recovery = totp.step_of(secret, code, clock.now()), totp.hash_of(code)
        begin = beginning("password and code" if step is not None else "password and recovery code")

        def unit(connection: Connection) -> str:
            person = store.one(connection, row.id)
            codes = list(person.recovery_codes or ()) if person is not None else []
            if step is not None:
                is_right = store.use_step(connection, row.id, step)
            else:
                is_right = recovery in codes
                store.change(connection, row.id, recovery_codes=[held for held in codes if held != recovery])
            if not is_right or store.use_link(connection, hash_of_ticket, SECOND_FACTOR, clock.now()) is None:
                raise Invalid("This code is wrong or was used already. Wait for the next one.", field="code")
            return begin(connection, row)

        token = await self._database.write(alone(unit))
        await self._throttle.give_back(attempt)
        return token

    async def enter(self, link: str) -> str:
        """A session token for a link of `signed_in_link`; raises NotFound when it was used or is too old."""
        begin = beginning("a one-time link")

        def unit(connection: Connection) -> str:
            used = store.use_link(connection, token_hash(link), _SIGN_IN, clock.now())
            person = store.one(connection, used.person_id) if used is not None else None
            if person is None or person.status != "active":
                raise _used()
            return begin(connection, person)

        return await self._database.write(unit)

    async def of_session(self, token: str, *, is_use: bool = True) -> PersonView | None:
        """The person whose browser holds this token; None when it is unknown, idle too long or ended.

        What a page that is left open asks by itself is no use of it: the session grows idle all the same.
        """
        if not token:
            return None
        now, hash_of_token = clock.now(), token_hash(token)
        row = await self._database.read(lambda connection: store.session(connection, hash_of_token))
        if row is None or row.status != "active" or row.expires_at <= now or row.seen_at <= now - SESSION_IDLE:
            return None
        if is_use and row.seen_at <= now - _SEEN_NOTED_EVERY:
            await self._database.write(lambda connection: store.seen(connection, hash_of_token, now))
        return person_view(row)

    async def sign_out(self, token: str) -> None:
        """End the session of this token."""

        def unit(connection: Connection) -> None:
            row = store.session(connection, token_hash(token))
            if row is not None:
                store.end_session(connection, token_hash(token))
                note(connection, "signed out", "person", subject=row.id, name=row.email)

        await self._database.write(unit)

    def _own_key(self, what: str, device: str, person_id: str) -> Key | None:
        """The count of a browser in which this person has signed in before: no stranger can use it up."""
        known = self.devices.known(device)
        return Key(f"{what} in {known.id}") if known is not None and known.person_id == person_id else None

    async def _take(self, keys: tuple[Key, ...], field: str) -> Attempt:
        try:
            return await self._throttle.take(*keys)
        except MustWait as refused:
            message = f"Too many tries. Try again in {in_words(refused.wait.total_seconds())}."
            raise Invalid(message, field=field) from refused

    async def _new_link(self, purpose: str, person_id: str | None = None, lives: timedelta = LINK_LIVES) -> str:
        token, values = new_link(purpose, person_id, lives)
        await self._database.write(lambda connection: store.add_link(connection, values))
        return token


def checked_email(email: str) -> str:
    """The address in the form in which it is compared; raises Invalid."""
    email = email.strip().lower()
    if not email:
        raise Invalid("Give your e-mail address; you sign in with it.", field="email")
    if not mailboxes.is_mailbox(email):
        raise Invalid(f"This is not an e-mail address. {mailboxes.RULE}", field="email")
    return email


def require(person: PersonView, role: Role) -> None:
    """Raise Forbidden unless the person has the role; an administrator has every one."""
    if person.role not in (role, Role.ADMINISTRATOR):
        needed = role.value.replace("_", " ")
        raise Forbidden(f"This needs the role {needed}; yours is {person.role.value.replace('_', ' ')}.")


def own_name(name: str) -> str:
    """The name of a person; raises Invalid."""
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


def _used() -> NotFound:
    return NotFound("This link was used already or is older than 24 hours. Start the server again for a new one.")


def in_words(seconds: float) -> str:
    """How long to wait, e.g. "4 minutes"."""
    return f"{math.ceil(seconds)} seconds" if seconds < 90 else f"{math.ceil(seconds / 60)} minutes"
