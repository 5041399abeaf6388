"""Many rows in one statement: the rows travel as one JSON text and the database unpacks them.

One statement per table and commit keeps the interpreter lock free while SQLite works, and costs PostgreSQL one round trip.
Every write made this way can be repeated: an ambiguous commit is answered by writing the same rows again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Boolean, Connection, Float, Integer, Table, TextClause, text
from sqlalchemy.types import TypeEngine

from affluent.kit.jsons import dumps
from affluent.store.schema.types import Instant, Json

Row = Mapping[str, Any]
ANY = ("*",)
"""For `unique`: a conflict of any unique index of the table."""


def insert(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    *,
    columns: Sequence[str],
    unique: Sequence[str] = (),
    update: Sequence[str] = (),
    returning: Sequence[str] = (),
) -> list[tuple[Any, ...]]:
    """Insert rows; on a conflict of `unique` update the columns in `update`, or do nothing when there are none.

    Returns the `returning` columns of the rows that were inserted or updated, raw (instants as microseconds).
    """
    if not rows:
        return []
    statement = _insert(connection.dialect.name, table, tuple(columns), tuple(unique), tuple(update), tuple(returning))
    result = connection.execute(statement, {"rows": _pack(connection.dialect.name, table, rows, columns)})
    return [tuple(row) for row in result] if returning else []


def update(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    *,
    by: Sequence[str],
    columns: Sequence[str],
    returning: Sequence[str] = (),
) -> list[tuple[Any, ...]]:
    """Set `columns` of the rows found by the values of `by`.

    Returns of the rows that were changed the `by` values and the `returning` columns, raw.
    """
    if not rows:
        return []
    statement = _update(connection.dialect.name, table, tuple(by), tuple(columns), tuple(returning))
    result = connection.execute(statement, {"rows": _pack(connection.dialect.name, table, rows, (*by, *columns))})
    return [tuple(row) for row in result]


def each(dialect: str) -> str:
    """SQL that unpacks the parameter :keys into one text column named `key`."""
    if dialect == "sqlite":
        return "(SELECT value AS key FROM json_each(:keys))"
    return "(SELECT value AS key FROM json_array_elements_text(CAST(:keys AS json)))"


def _pack(dialect: str, table: Table, rows: Sequence[Row], columns: Sequence[str]) -> str:
    packed = _packed(dialect, table, rows, columns)
    if "\\u0000" in packed:  # PostgreSQL takes no NUL in a text; the two stores keep the same
        packed = _packed(dialect, table, [_without_nul(row) for row in rows], columns)
    return packed


def _without_nul(row: Row) -> Row:
    return {name: value.replace("\0", "\ufffd") if isinstance(value, str) else value for name, value in row.items()}


def _packed(dialect: str, table: Table, rows: Sequence[Row], columns: Sequence[str]) -> str:
    plain = [(f"c{index}", name, _packer(table.c[name].type)) for index, name in enumerate(columns)]
    if dialect == "sqlite":
        return dumps([[pack(row.get(name)) if pack else row.get(name) for _, name, pack in plain] for row in rows])
    return dumps([{key: pack(row.get(name)) if pack else row.get(name) for key, name, pack in plain} for row in rows])


def _packer(kind: TypeEngine[Any]) -> Any:  # noqa: ANN401 - a bind function of SQLAlchemy
    if isinstance(kind, (Instant, Json)):
        bind = kind.process_bind_param
        return lambda value: (
            value if isinstance(value, (int, type(None))) and isinstance(kind, Instant) else bind(value, _DIALECT)
        )
    return None


_DIALECT: Any = None  # our types look at no dialect


@cache
def _insert(
    dialect: str,
    table: Table,
    columns: tuple[str, ...],
    unique: tuple[str, ...],
    change: tuple[str, ...],
    back: tuple[str, ...],
) -> TextClause:
    fields = ", ".join(_fields(dialect, columns))
    sql = f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT {fields} FROM {_source(dialect, table, columns)}"
    if dialect == "sqlite":
        sql += " WHERE true"
    if unique:
        sets = ", ".join(f"{name} = excluded.{name}" for name in change)
        target = "" if unique == ANY else f"({', '.join(unique)}) "
        sql += f" ON CONFLICT {target}DO " + (f"UPDATE SET {sets}" if change else "NOTHING")
    if back:
        sql += f" RETURNING {', '.join(back)}"
    return text(sql)


@cache
def _update(
    dialect: str, table: Table, by: tuple[str, ...], columns: tuple[str, ...], back: tuple[str, ...]
) -> TextClause:
    names = (*by, *columns)
    sets = ", ".join(f"{name} = v.c{index + len(by)}" for index, name in enumerate(columns))
    where = " AND ".join(f"{table.name}.{name} = v.c{index}" for index, name in enumerate(by))
    inner = ", ".join(f"{field} AS c{index}" for index, field in enumerate(_fields(dialect, names)))
    returned = ", ".join(f"{table.name}.{name}" for name in (*by, *back))
    return text(
        f"UPDATE {table.name} SET {sets} FROM (SELECT {inner} FROM {_source(dialect, table, names)}) AS v WHERE {where}"
        f" RETURNING {returned}"
    )


def _fields(dialect: str, columns: tuple[str, ...]) -> list[str]:
    if dialect == "sqlite":
        return [f"json_extract(r.value, '$[{index}]')" for index in range(len(columns))]
    return [f"r.c{index}" for index in range(len(columns))]


def _source(dialect: str, table: Table, columns: tuple[str, ...]) -> str:
    if dialect == "sqlite":
        return "json_each(:rows) AS r"
    types = ", ".join(f"c{index} {_postgres_type(table.c[name].type)}" for index, name in enumerate(columns))
    return f"json_to_recordset(CAST(:rows AS json)) AS r({types})"


def _postgres_type(kind: TypeEngine[Any]) -> str:
    if isinstance(kind, (Instant, BigInteger)):
        return "bigint"
    if isinstance(kind, Boolean):
        return "boolean"
    if isinstance(kind, Integer):
        return "integer"
    if isinstance(kind, Float):
        return "double precision"
    return "text"
