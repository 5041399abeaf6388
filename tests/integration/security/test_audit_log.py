"""The audit log writes itself, in the transaction of the change, and cannot be altered unseen; on both stores."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from affluent.kit import clock
from affluent.kit.actor import Actor, acting
from affluent.kit.redact import HIDDEN
from affluent.services.operations.audit import Audit, AuditFilter
from affluent.store import metadata, tables
from affluent.store.audit import log as audit
from affluent.store.audit.recording import Unaudited, note
from affluent.store.audit.watched_tables import AUDITED, NOT_AUDITED
from affluent.store.database import Database
from affluent.store.open import open_database
from affluent.store.schema import upgrade as schema

MIRA = Actor(kind="person", id="per_1", name="Mira Kapoor", address="192.0.2.7")


@pytest.fixture
async def database(database_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    it = open_database(database_url, tmp_path / "unused.db")
    await schema.upgrade(it)
    await it.open()
    yield it
    await it.close()


def token(token_id: str, **changes: Any) -> dict[str, Any]:
    usual = {
        "id": token_id, "name": "Nightly export", "secret_hash": f"hash of {token_id}", "hint": "abcd",
        "scopes": ["runs:read"], "status": "active", "created_at": clock.now(), "created_by": "Mira Kapoor",
        "expires_at": None, "last_used_at": None,
    }  # fmt: skip
    return usual | changes


def add(values: dict[str, Any]) -> Any:
    return lambda connection: connection.execute(insert(tables.tokens).values(**values).returning(tables.tokens)).one()


def change(token_id: str, **values: Any) -> Any:
    query = update(tables.tokens).where(tables.tokens.c.id == token_id).values(**values)
    return lambda connection: connection.execute(query).rowcount


async def entries(database: Database) -> list[Any]:
    found = await database.read(lambda connection: audit.find(connection, audit.AuditFilter(), limit=200))
    return list(reversed(found))


async def test_a_change_is_noted_with_who_what_when_from_where_and_before_and_after(database: Database) -> None:
    with acting(MIRA):
        await database.write(add(token("tok_1")))
        await database.write(change("tok_1", status="deactivated"))
    created, changed = await entries(database)
    assert (created.action, created.noun, created.subject_id, created.subject_name) == (
        "created", "token", "tok_1", "Nightly export",
    )  # fmt: skip
    assert (changed.actor_kind, changed.actor_id, changed.actor_name) == ("person", "per_1", "Mira Kapoor")
    assert changed.address == "192.0.2.7"
    assert changed.changes == {"status": ["active", "deactivated"]}


async def test_a_secret_is_told_to_have_changed_and_nothing_else(database: Database) -> None:
    await database.write(add(token("tok_1")))
    await database.write(change("tok_1", secret_hash="another hash"))
    assert (await entries(database))[1].changes == {"secret_hash": [HIDDEN, HIDDEN]}


async def test_what_changes_nothing_or_only_a_time_of_use_is_no_news(database: Database) -> None:
    await database.write(add(token("tok_1")))
    await database.write(change("tok_1", last_used_at=clock.now()))
    await database.write(change("tok_1", status="active"))
    assert len(await entries(database)) == 1


async def test_what_was_deleted_is_still_told(database: Database) -> None:
    await database.write(add(token("tok_1")))
    await database.write(lambda c: c.execute(delete(tables.tokens).where(tables.tokens.c.id == "tok_1")))
    assert (await entries(database))[1].changes["name"] == ["Nightly export", None]


async def test_a_unit_that_fails_leaves_no_entry(database: Database) -> None:
    def failing(connection: Connection) -> None:
        add(token("tok_1"))(connection)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.write(failing)
    assert await entries(database) == []


async def test_many_rows_of_one_statement_are_told_one_by_one(database: Database) -> None:
    await database.write(lambda c: c.execute(insert(tables.tokens), [token("tok_1"), token("tok_2")]))
    await database.write(lambda c: c.execute(update(tables.tokens).values(status="deactivated")))
    assert [entry.subject_id for entry in await entries(database)] == ["tok_1", "tok_2", "tok_1", "tok_2"]


async def test_an_act_that_changes_no_row_is_noted_by_hand(database: Database) -> None:
    await database.write(lambda c: note(c, "replayed", "run", subject="run_1", name="INV-1", version=2))
    (entry,) = await entries(database)
    assert (entry.action, entry.subject_name, entry.changes) == ("replayed", "INV-1", {"version": [None, 2]})


async def test_the_chain_holds_over_many_entries(database: Database) -> None:
    for number in range(30):
        await database.write(add(token(f"tok_{number}")))
    verdict = await database.read(audit.verify)
    assert (verdict.entries, verdict.broken_at) == (30, None)
    assert verdict.head == (await entries(database))[-1].digest


REST = "at, actor_kind, actor_id, actor_name, address, action, noun, subject_id, subject_name, changes, digest"
COPIED = f"SELECT 1, {REST} FROM audit_entries WHERE number = 2"  # noqa: S608 - made of names
ON_BOTH = (
    "UPDATE audit_entries SET actor_name = 'Nobody'",
    "DELETE FROM audit_entries",
    f"INSERT INTO audit_entries (number, {REST}) {COPIED} ON CONFLICT (number) DO UPDATE SET actor_name = 'Nobody'",
)
ON_SQLITE = (
    f"INSERT OR REPLACE INTO audit_entries (number, {REST}) {COPIED}",
    f"REPLACE INTO audit_entries (number, {REST}) {COPIED}",
    f"INSERT OR REPLACE INTO audit_entries (rowid, number, {REST}) {COPIED.replace('SELECT 1', 'SELECT 1, 99')}",
    "UPDATE OR REPLACE audit_entries SET number = 1 WHERE number = 2",
)
ON_POSTGRES = ("TRUNCATE audit_entries",)


async def test_the_database_itself_refuses_to_change_replace_or_delete_an_entry(database: Database) -> None:
    for number in range(2):
        await database.write(add(token(f"tok_{number}")))
    before = await entries(database)
    for sql in (*ON_BOTH, *{"sqlite": ON_SQLITE, "postgresql": ON_POSTGRES}[database.dialect]):
        with pytest.raises(DBAPIError, match="never changed"):
            await database.write(lambda c, sql=sql: c.exec_driver_sql(sql))
    assert await entries(database) == before


async def test_an_insertion_that_replaces_a_row_tells_what_it_changed(database: Database) -> None:
    await database.write(add(token("tok_1")))
    dialect = {"sqlite": sqlite, "postgresql": postgresql}[database.dialect]
    statement = dialect.insert(tables.tokens).values(**token("tok_1", name="Another"))
    replacing = statement.on_conflict_do_update(index_elements=["id"], set_={"name": statement.excluded.name})
    await database.write(lambda c: c.execute(replacing).rowcount)
    last = (await entries(database))[-1]
    assert (last.action, last.changes) == ("changed", {"name": ["Nightly export", "Another"]})


async def test_an_insertion_that_leaves_the_row_alone_tells_nothing(database: Database) -> None:
    await database.write(add(token("tok_1")))
    dialect = {"sqlite": sqlite, "postgresql": postgresql}[database.dialect]
    statement = dialect.insert(tables.tokens).values(**token("tok_1", name="Another")).on_conflict_do_nothing()
    await database.write(lambda c: c.execute(statement).rowcount)
    assert len(await entries(database)) == 1


async def test_insert_or_replace_tells_what_it_changed(tmp_path: Path) -> None:
    it = open_database("", tmp_path / "audited.db")
    await schema.upgrade(it)
    await it.open()
    await it.write(add(token("tok_1")))
    replacing = insert(tables.tokens).prefix_with("OR REPLACE")
    await it.write(lambda c: c.execute(replacing, [token("tok_1", status="deactivated"), token("tok_2")]).rowcount)
    told = [(one.action, one.subject_id, one.changes.get("status")) for one in await entries(it)][1:]
    await it.close()
    assert told == [("changed", "tok_1", ["active", "deactivated"]), ("created", "tok_2", [None, "active"])]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE tokens SET status = 'active'",
        "update or ignore tokens SET status = 'active'",
        'DELETE FROM "people"',
        "INSERT INTO people (id) VALUES ('x')",
        "INSERT OR REPLACE INTO people (id) VALUES ('x')",
        "REPLACE INTO people (id) VALUES ('x')",
    ],
)
async def test_sql_that_changes_an_audited_table_past_the_log_is_refused(database: Database, sql: str) -> None:
    with pytest.raises(Unaudited, match="the audit log watches it"):
        await database.write(lambda c: c.execute(text(sql)))


def unguarded(connection: Connection) -> None:
    """As someone who owns the database can."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("DROP TRIGGER audit_entries_only_grow ON audit_entries"))
    else:
        connection.execute(text("DROP TRIGGER audit_entries_no_update"))
        connection.execute(text("DROP TRIGGER audit_entries_no_delete"))
        connection.execute(text("DROP TRIGGER audit_entries_no_replace"))


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_entries SET actor_name = 'Nobody' WHERE number = 2",
        "UPDATE audit_entries SET changes = '{}' WHERE number = 2",
        "UPDATE audit_entries SET at = at + 1 WHERE number = 2",
        "DELETE FROM audit_entries WHERE number = 2",
    ],
)
async def test_an_entry_altered_behind_its_back_is_found(database: Database, sql: str) -> None:
    for number in range(3):
        await database.write(add(token(f"tok_{number}")))

    def tamper(connection: Connection) -> None:
        unguarded(connection)
        connection.execute(text(sql))

    await database.write(tamper)
    assert (await database.read(audit.verify)).broken_at == 2


def test_every_table_is_audited_or_says_why_not() -> None:
    there = set(metadata().tables)
    assert set(AUDITED) <= there
    assert not set(AUDITED) & set(NOT_AUDITED)
    assert there - set(AUDITED) - set(NOT_AUDITED) == set()


def test_what_is_said_of_a_table_names_its_columns() -> None:
    for name, audited in AUDITED.items():
        columns = set(metadata().tables[name].columns.keys())
        assert (audited.hidden | audited.quiet | audited.presence | audited.digested | audited.only) <= columns, name
        assert audited.name in columns, name


async def test_an_export_holds_no_cell_that_a_spreadsheet_computes(database: Database) -> None:
    names = ["=cmd()", "+1", "-1", "@sum", "\t=1", "\r=1"]
    await database.write(
        lambda c: c.execute(
            insert(tables.tokens), [token(f"tok_{number}", name=name) for number, name in enumerate(names)]
        )
    )
    text = "".join([line async for line in Audit(database).export(AuditFilter(noun="token"))])
    exported = [row["subject_name"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert sorted(exported) == sorted(f"'{name}" for name in names)
