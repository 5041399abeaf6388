"""Settings that an administrator changed in the Admin Center, by the setting's name."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from affluent.store.tables import options as O  # noqa: N812 - short for a table, as in the other repositories


def all_options(connection: Connection) -> dict[str, Row[Any]]:
    """All that were changed."""
    return {row.id: row for row in connection.execute(select(O))}


def put(connection: Connection, values: dict[str, Any]) -> None:
    """Keep a value; one unit after another, see store/configuration_lock.py."""
    if not connection.execute(update(O).where(O.c.id == values["id"]).values(**values)).rowcount:
        connection.execute(insert(O).values(**values))


def remove(connection: Connection, name: str) -> bool:
    """Forget a value; whether there was one."""
    return connection.execute(delete(O).where(O.c.id == name)).rowcount == 1
