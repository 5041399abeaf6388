"""Changes of connections, flows and flow connections go one after another, so that each sees what the one before did.

SQLite has one writer anyway. On PostgreSQL two people, or two processes that start, would otherwise publish the same version
number, or delete a connection while it is being bound. Such changes are rare and short, so one lock for all of them will do.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from affluent.store.database import T, Unit

_LOCK = 0x0AFF1CF6
"""Any number that nothing else in the database locks."""


def alone(unit: Unit[T]) -> Unit[T]:
    """The unit, after every other change of the configuration has ended."""

    def run(connection: Connection) -> T:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        return unit(connection)

    return run
