"""One PostgreSQL database that the tests of a process use one after the other, emptied between them.

Making a database and dropping it costs 400 ms, emptying one over an open connection 5 ms. A test that changed more than rows
(a table, an index, a trigger, a function, a setting of the database) leaves a database that is thrown away instead.
"""

from __future__ import annotations

import asyncio

import asyncpg

from tests.postgres import PostgresServer

_STRUCTURE = """
SELECT (SELECT concat(count(*), '/', max(xmin::text::bigint)) FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    || (SELECT concat(' ', count(*), '/', max(a.xmin::text::bigint))
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace)
    || (SELECT concat(' ', count(*), '/', max(xmin::text::bigint)) FROM pg_trigger)
    || (SELECT concat(' ', count(*), '/', max(xmin::text::bigint)) FROM pg_constraint)
    || (SELECT concat(' ', count(*), '/', max(xmin::text::bigint)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace)
    || (SELECT concat(' ', count(*), '/', max(xmin::text::bigint)) FROM pg_namespace)
    || (SELECT concat(' ', count(*), '/', max(xmin::text::bigint)) FROM pg_db_role_setting)
"""
"""Changes with every statement that defines, changes or drops something in the database."""

_TABLES = "SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
_SEQUENCES = "SELECT quote_ident(sequencename), start_value FROM pg_sequences WHERE schemaname = 'public'"
_ROWS = "SELECT json_agg(t)::text FROM {table} t"
_EMPTY = "DELETE FROM {table}"
_FILL = "INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, '{rows}')"
_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_SECONDS = 20


class ReusedDatabase:
    """A copy of the template that is emptied after each test. It starts with the rows that the template has."""

    def __init__(self, server: PostgresServer, template: str) -> None:
        self._server = server
        self._template = template
        self._runner = asyncio.Runner()
        self._name = ""
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._structure = ""
        self._emptying = ""

    def close(self) -> None:
        """Drop the database."""
        self._drop()
        self._runner.close()

    def url(self) -> str:
        """The address of the database, which has nothing in it but what the template has."""
        if not self._name:
            self._name = self._server.create_database(self._template)
            self._runner.run(self._connect())
        return self._server.url(self._name)

    def empty(self) -> None:
        """Bring the rows back to those of the template; throw the database away when that is not enough."""
        try:
            is_as_before = self._runner.run(self._empty())
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):  # e.g. the test restarted the server
            is_as_before = False
        if not is_as_before:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        if self._name:
            self._server.drop_database(self._name)
            self._name = ""

    async def _connect(self) -> None:
        self._connection = await asyncpg.connect(self._server.url(self._name), command_timeout=_SECONDS)
        self._structure = await self._connection.fetchval(_STRUCTURE)
        tables = [row[0] for row in await self._connection.fetch(_TABLES)]
        sequences = await self._connection.fetch(_SEQUENCES)
        kept = {table: await self._connection.fetchval(_ROWS.format(table=table)) for table in tables}
        self._emptying = ";".join(
            [
                "SET session_replication_role = replica",  # no foreign keys and no triggers that keep what was written
                *(_EMPTY.format(table=table) for table in tables),
                *(_FILL.format(table=table, rows=_literal(rows)) for table, rows in kept.items() if rows),
                *(f"SELECT setval('{name}', {start}, false)" for name, start in sequences),
            ]
        )

    async def _empty(self) -> bool:
        """Whether the database is now as it was before the test."""
        if self._connection is None:
            return False
        await self._connection.execute(_OTHERS)
        if await self._connection.fetchval(_STRUCTURE) != self._structure:
            return False
        await self._connection.execute(self._emptying)
        return True


def _literal(rows: str) -> str:
    return rows.replace("'", "''")
