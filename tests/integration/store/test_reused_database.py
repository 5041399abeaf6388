"""The PostgreSQL database that tests use one after the other: nothing of one test is there for the next."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing

import asyncpg
import pytest

from tests.postgres import PostgresServer
from tests.support.databases import ReusedDatabase


@pytest.fixture
def reused(postgres_server: PostgresServer, postgres_template: str) -> Iterator[ReusedDatabase]:
    with closing(ReusedDatabase(postgres_server, postgres_template)) as database:
        yield database


def ask(url: str, *statements: str) -> object:
    """The answer to the last of these statements."""

    async def work() -> object:
        connection = await asyncpg.connect(url)
        try:
            return [await connection.fetchval(statement) for statement in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(work())


def test_rows_are_gone_even_where_a_trigger_forbids_to_delete_them(reused):
    before = reused.url()
    ask(before, "INSERT INTO audit_entries VALUES (1, 0, '', '', '', '', '', '', '', '', '{}', '')")
    reused.empty()
    assert reused.url() == before
    assert ask(before, "SELECT count(*) FROM audit_entries") == 0


def test_what_every_database_starts_with_is_there_again(reused):
    before = reused.url()
    marks = "SELECT string_agg(n::text, ' ') FROM notes n"
    as_it_was = ask(before, marks)
    ask(before, "DELETE FROM notes")
    reused.empty()
    assert ask(reused.url(), marks) == as_it_was


def test_sequences_start_again(reused):
    before = reused.url()
    assert ask(before, "SELECT nextval('ledger_number_seq')", "SELECT nextval('ledger_number_seq')") == 2
    reused.empty()
    assert ask(reused.url(), "SELECT nextval('ledger_number_seq')") == 1


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE extra (id int)",
        "DROP INDEX ix_flow_connections_trigger",
        "ALTER TABLE notes ADD COLUMN extra int",
        "ALTER TABLE audit_entries DISABLE TRIGGER ALL",
        "CREATE FUNCTION extra() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ],
)
def test_a_database_that_was_built_differently_is_thrown_away(reused, statement):
    before = reused.url()
    ask(before, statement)
    reused.empty()
    assert reused.url() != before
