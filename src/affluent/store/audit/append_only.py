"""Lets the database itself refuse to change, replace or delete entries of the audit log."""

from __future__ import annotations

from sqlalchemy import Connection, text

_SAYS = "entries of the audit log are never changed"
# SQLite tells no trigger of the row that INSERT OR REPLACE takes away, so the insertion itself is looked at. The number is not
# the row's own id there, and a row can be replaced by either.
_NO_REPLACE = (
    "CREATE TRIGGER IF NOT EXISTS audit_entries_no_replace BEFORE INSERT ON audit_entries "
    "WHEN EXISTS (SELECT 1 FROM audit_entries WHERE number = NEW.number OR rowid = NEW.rowid) "
    f"BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END"
)
_SQLITE = (
    *(
        f"CREATE TRIGGER IF NOT EXISTS audit_entries_no_{verb} BEFORE {verb.upper()} ON audit_entries "
        f"BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END"
        for verb in ("update", "delete")
    ),
    _NO_REPLACE,
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
