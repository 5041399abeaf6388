"""Users: who may sign in and with which role; invited by one-time links, deactivated, their sessions ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.services.errors import Conflict, Invalid, NotFound
from affluent.services.identity.authority import refuse_above
from affluent.services.identity.passwords import checked_password, hashed
from affluent.services.identity.people import checked_email, own_name
from affluent.services.identity.roles import Role
from affluent.services.identity.sessions import (
    SESSION_IDLE,
    PersonView,
    SessionView,
    beginning,
    new_link,
    person_view,
    session_view,
    token_hash,
)
from affluent.store import people as store
from affluent.store import tokens
from affluent.store.audit.recording import note, who_acts
from affluent.store.configuration_lock import alone
from affluent.store.database import Database

_PASSWORD = "password"  # noqa: S105 - what a link is for


class Users:
    """Use cases over people. Nobody gives a role, or acts on somebody with a role, whose rights they do not hold themselves.

    `forget_tokens` is called after a change that ends or narrows the tokens of a person.
    """

    def __init__(
        self, *, database: Database, server_url: str, forget_tokens: Callable[[], None] = lambda: None
    ) -> None:
        self._database = database
        self._server_url = server_url.rstrip("/")
        self._forget_tokens = forget_tokens

    async def list(self) -> tuple[PersonView, ...]:
        """Everybody, by name."""
        return tuple(person_view(row) for row in await self._database.read(store.all_people))

    async def get(self, person_id: str) -> PersonView:
        """One person; raises NotFound."""
        return person_view(_found(await self._database.read(lambda connection: store.one(connection, person_id))))

    async def invite(self, *, name: str, email: str, role: str) -> tuple[PersonView, str]:
        """A new person, and the link by which they choose their password, once, within 24 hours.

        Raises Invalid, Conflict, Forbidden.
        """
        values = {
            "id": new_id("per"),
            "email": checked_email(email),
            "name": own_name(name),
            "role": checked_role(role).value,
            "status": "invited",
            "password_hash": "",
            "created_at": clock.now(),
            "signed_in_at": None,
        }
        token, link = new_link(_PASSWORD, str(values["id"]))

        def unit(connection: Connection) -> PersonView:
            _refuse_to_give(connection, Role(str(values["role"])))
            if store.by_email(connection, str(values["email"])) is not None:
                raise Conflict("There is a person with this e-mail address.", field="email")
            row = store.add(connection, values)
            store.add_link(connection, link)
            return person_view(row)

        return await self._database.write(alone(unit)), self._address(token)

    async def new_password_link(self, person_id: str) -> str:
        """A link by which a person chooses a new password; links made before are void.

        Raises NotFound, Conflict, Forbidden.
        """
        token, link = new_link(_PASSWORD, person_id)

        def unit(connection: Connection) -> None:
            row = _found(store.one(connection, person_id))
            _refuse_above(connection, row)
            if row.status == "deactivated":
                raise Conflict(f"{row.name} is deactivated. Activate the person first.")
            store.forget_links_of(connection, person_id)
            store.add_link(connection, link)
            note(connection, "password link made", "person", subject=row.id, name=row.email)

        await self._database.write(alone(unit))
        return self._address(token)

    async def invited(self, link: str) -> PersonView:
        """Whom a link was made for; raises NotFound when it was used or is too old."""

        def unit(connection: Connection) -> Row[Any] | None:
            held = store.link(connection, token_hash(link), _PASSWORD, clock.now())
            return store.one(connection, held.person_id) if held is not None else None

        row = await self._database.read(unit)
        if row is None or row.status == "deactivated":
            raise _used()
        return person_view(row)

    async def choose_password(self, link: str, password: str) -> str:
        """Set the password of the person of a link; every older session ends. Returns a session token.

        A second factor stays, and is asked for at the next sign-in. Raises NotFound, Invalid.
        """
        person = await self.invited(link)
        password_hash = await hashed(checked_password(password, person.name, person.email))
        begin = beginning("a password link")

        def unit(connection: Connection) -> str:
            held = store.use_link(connection, token_hash(link), _PASSWORD, clock.now())
            row = store.one(connection, held.person_id) if held is not None else None
            if row is None or row.status == "deactivated":
                raise _used()
            store.revoke(connection, row.id)
            token = begin(connection, row)
            store.change(connection, row.id, password_hash=password_hash, status="active")
            return token

        return await self._database.write(alone(unit))

    async def change_role(self, person_id: str, role: str) -> PersonView:
        """Give another role, from the next request on; links made before are void.

        Raises NotFound, Invalid, Forbidden, Conflict for the last administrator.
        """
        new_role = checked_role(role)

        def unit(connection: Connection) -> PersonView:
            row = _found(store.one(connection, person_id))
            _refuse_above(connection, row)
            _refuse_to_give(connection, new_role)
            if new_role is not Role.ADMINISTRATOR:
                _keep_one_administrator(connection, row)
            if (
                row.status == "active" and new_role.value != row.role
            ):  # whoever made one had the rights of the role before
                store.forget_links_of(connection, person_id)
            return person_view(_found(store.change(connection, person_id, role=new_role.value)))

        view = await self._database.write(alone(unit))
        self._forget_tokens()
        return view

    async def deactivate(self, person_id: str) -> PersonView:
        """Sign a person out everywhere and let them in no more; their API tokens are deactivated too, for good.

        Raises NotFound, Forbidden, Conflict for the last administrator.
        """

        def unit(connection: Connection) -> PersonView:
            row = _found(store.one(connection, person_id))
            _refuse_above(connection, row)
            _keep_one_administrator(connection, row)
            store.revoke(connection, person_id)
            store.forget_links_of(connection, person_id)
            tokens.deactivate_of(connection, person_id)
            return person_view(_found(store.change(connection, person_id, status="deactivated")))

        view = await self._database.write(alone(unit))
        self._forget_tokens()
        return view

    async def activate(self, person_id: str) -> PersonView:
        """Let a person in again; their sessions and API tokens stay ended. Raises NotFound, Forbidden."""

        def unit(connection: Connection) -> PersonView:
            row = _found(store.one(connection, person_id))
            _refuse_above(connection, row)
            status = "active" if row.password_hash or row.signed_in_at else "invited"
            return person_view(_found(store.change(connection, person_id, status=status)))

        return await self._database.write(alone(unit))

    async def remove_second_factor(self, person_id: str) -> PersonView:
        """For someone who lost the telephone and the recovery codes; raises NotFound, Forbidden."""

        def unit(connection: Connection) -> PersonView:
            _refuse_above(connection, _found(store.one(connection, person_id)))
            changed = store.change(connection, person_id, totp_secret=None, totp_step=None, recovery_codes=None)
            return person_view(_found(changed))

        return await self._database.write(alone(unit))

    async def sessions(self, person_id: str) -> tuple[SessionView, ...]:
        """The browsers in which a person is signed in."""
        now = clock.now()
        rows: Sequence[Row[Any]] = await self._database.read(
            lambda connection: store.sessions_of(connection, person_id, now, now - SESSION_IDLE)
        )
        return tuple(session_view(row) for row in rows)

    async def revoke(self, person_id: str, *, session_id: str = "", but: str = "") -> int:
        """End one session, or all but one; how many ended. One's own always may be. Raises NotFound, Forbidden."""

        def unit(connection: Connection) -> int:
            row = _found(store.one(connection, person_id))
            actor = who_acts(connection)
            if (actor.kind, actor.id) != ("person", person_id):
                _refuse_above(connection, row)
            ended = store.revoke(connection, person_id, session_id=session_id, but=but)
            if ended:
                note(connection, "sessions ended", "person", subject=row.id, name=row.email, number=ended)
            return ended

        return await self._database.write(unit)

    def _address(self, token: str) -> str:
        return f"{self._server_url}/invitation/{token}"


def checked_role(role: str) -> Role:
    """The role of a name; raises Invalid."""
    try:
        return Role(role)
    except ValueError:
        raise Invalid(f"Choose a role: {', '.join(known.value for known in Role)}.", field="role") from None


def _keep_one_administrator(connection: Connection, row: Row[Any]) -> None:
    if list(store.administrators(connection)) == [row.id]:
        raise Conflict(
            f"{row.name} is the only administrator. Make somebody else an administrator first.", field="role"
        )


def _refuse_above(connection: Connection, row: Row[Any]) -> None:
    role = Role(row.role)
    refuse_above(
        connection, who_acts(connection), role, doing=f"change anything about a person with the role {role.value}"
    )


def _refuse_to_give(connection: Connection, role: Role) -> None:
    refuse_above(connection, who_acts(connection), role, doing=f"hand out the role {role.value}")


def _found(row: Row[Any] | None) -> Row[Any]:
    if row is None:
        raise NotFound("There is no such person.")
    return row


def _used() -> NotFound:
    return NotFound("This link was used already or is older than 24 hours. Ask an administrator for a new one.")
