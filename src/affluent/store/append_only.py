"""Lets the database itself refuse to change or delete entries of the audit log."""

from __future__ import annotations

from sqlalchemy import Connection, text

_SAYS = "entries of the audit log are never changed"
_SQLITE = tuple(
    f"CREATE TRIGGER IF NOT EXISTS audit_entries_no_{verb} BEFORE {verb.upper()} ON audit_entries "
    f"BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END"
    for verb in ("update", "delete")
)
_FUNCTION = (
    "CREATE OR REPLACE FUNCTION affluent_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_SAYS}'; END $$"
)
_TRIGGER = (
    "CREATE OR REPLACE TRIGGER audit_entries_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries "
    "FOR EACH STATEMENT EXECUTE FUNCTION affluent_refuse()"
)


def guard(connection: Connection) -> None:
    """Put the triggers in place; they may be there already."""
    for statement in (_FUNCTION, _TRIGGER) if connection.dialect.name == "postgresql" else _SQLITE:
        connection.execute(text(statement))
