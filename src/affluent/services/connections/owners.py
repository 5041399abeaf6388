"""Whose a connection is: nothing new begins on it once its owner's role may not run flows any more.

What runs already goes on, and so do retries: money that is half way must arrive. See docs/decisions/0011.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from affluent.kit.actor import Actor
from affluent.services.errors import Conflict
from affluent.services.identity.authority import answers_for
from affluent.services.identity.roles import Role, may
from affluent.store import connections as store
from affluent.store import people
from affluent.store.audit.recording import who_acts

_NEEDED = "flows:write"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who answers for a connection."""

    id: str = ""
    """Empty: a command or a token of nobody made it, and it is the administrators'."""
    name: str = ""
    problem: str = ""
    """Why nothing new may begin on it; empty when it may."""


def new_owner(actor: Actor) -> str | None:
    """The owner of what an actor makes: the person, also behind a token; of a command: the administrators."""
    return answers_for(actor)


def owners(connection: Connection, rows: Iterable[Row[Any]]) -> dict[str, Owner]:
    """The owners of connections, by the connection's id."""
    rows = list(rows)
    known = people.of_ids(connection, {row.owner_id for row in rows if row.owner_id})
    return {row.id: _owner(row, known.get(row.owner_id)) for row in rows}


def refuse_without_rights(connection: Connection, connection_ids: Iterable[str]) -> None:
    """Raise Conflict when nothing new may begin on one of these; asked where something is changed.

    Affluent itself finishes what it began.
    """
    if who_acts(connection).kind == "system":
        return
    rows = store.of_ids(connection, [id_ for id_ in connection_ids if id_])
    for owner in owners(connection, rows.values()).values():
        if owner.problem:
            raise Conflict(owner.problem, field="bindings")


def _owner(row: Row[Any], person: Row[Any] | None) -> Owner:
    if not row.owner_id:
        return Owner()
    name = person.name if person is not None else "somebody who is not here any more"
    if person is not None and person.status != "deactivated" and may(Role(person.role), _NEEDED):
        return Owner(id=row.owner_id, name=name)
    why = "is deactivated"
    if person is not None and person.status != "deactivated":
        why = f"has the role {Role(person.role).label}, which may not run flows"
    problem = f"{row.name} belongs to {name}, who {why}. An administrator can take it over on its page."
    return Owner(id=row.owner_id, name=name, problem=problem)
