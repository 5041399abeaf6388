"""What whoever acts may do: asked by use cases that hand out rights, or act on somebody who has more of them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from affluent.kit.actor import Actor
from affluent.services.errors import Forbidden
from affluent.services.identity.roles import RIGHTS, Role, may
from affluent.services.identity.scopes import ALL_SCOPES, SCOPES, grants
from affluent.store import people

_OPERATOR = ("command", "system")
"""Who runs commands has the database and the keys anyway; Affluent itself finishes what it began."""


def scopes_of(connection: Connection, actor: Actor) -> tuple[str, ...]:
    """The scopes that an actor holds now; a visitor and somebody who is deactivated hold none."""
    if actor.kind in _OPERATOR:
        return ALL_SCOPES
    if actor.kind == "token":
        return actor.scopes
    person = people.one(connection, actor.id) if actor.kind == "person" else None
    return RIGHTS[Role(person.role)] if person is not None and person.status == "active" else ()


def refuse_above(connection: Connection, actor: Actor, role: Role, *, doing: str) -> None:
    """Raise Forbidden unless the actor has every right of a role. `doing` completes "… cannot", e.g. "give the role x"."""
    held = scopes_of(connection, actor)
    lacking = next((right for right in RIGHTS[role] if not grants(held, right)), "")
    if lacking:
        raise Forbidden(f"{_subject(actor)} cannot {doing}, because it lacks the scope {lacking} itself.", field="role")


def is_administrator(connection: Connection, actor: Actor) -> bool:
    """Whether an actor has all the rights of an administrator."""
    held = scopes_of(connection, actor)
    return all(grants(held, right) for right in RIGHTS[Role.ADMINISTRATOR])


def within_role(scopes: Iterable[str], role: Role) -> tuple[str, ...]:
    """What is left of scopes for somebody with a role: a token does no more than the person who answers for it."""
    held = tuple(scopes)
    if role is Role.ADMINISTRATOR:
        return held
    return tuple(scope for scope in SCOPES if not scope.startswith("*") and grants(held, scope) and may(role, scope))


def answers_for(actor: Actor) -> str | None:
    """The person who answers for what an actor makes; None: nobody but the administrators."""
    return (actor.id if actor.kind == "person" else actor.person_id) or None


def _subject(actor: Actor) -> str:
    return "This token" if actor.kind == "token" else "Your role"
