"""Writes the audit log by itself: what a unit of work changes in an audited table is noted in the unit's own transaction.

Both databases run their units through `recorded`; the statements of SQLAlchemy tell which rows are touched. So a use case
need not think of the log, and a new one cannot forget it. Rows are compared before and after, so what is said is what is so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Delete, Engine, Insert, Table, TextClause, Update, event, select, tuple_

from affluent.kit.actor import SYSTEM, Actor, current
from affluent.kit.jsons import JSONValue
from affluent.store.audit import log as audit
from affluent.store.audit.watched_tables import AUDITED, Audited
from affluent.store.database import T, Unit

_RECORDER = "audit"
UNAUDITED = "unaudited"
"""Option of a statement in SQL that changes nothing that the audit log is to tell of."""
_WRITTEN = re.compile(
    r"\s*(?:(?:insert|replace)\s+(?:or\s+\w+\s+)?into|update(?:\s+or\s+\w+)?|delete\s+from)\s+\W?(\w+)", re.IGNORECASE
)
_VERBS = {Insert: "created", Update: "changed", Delete: "deleted"}
Key = tuple[Any, ...]
Rows = dict[Key, dict[str, Any]]


@dataclass(slots=True)
class _Recorder:
    actor: Actor
    before: Rows = field(default_factory=dict)
    noted: list[audit.Note] = field(default_factory=list)


def recorded(unit: Unit[T]) -> Unit[T]:
    """The unit, with what it changes noted under the name of who acts now."""
    actor = current()

    def run(connection: Connection) -> T:
        with recording(connection, actor):
            return unit(connection)

    return run


@contextmanager
def recording(connection: Connection, actor: Actor = SYSTEM) -> Iterator[None]:
    """Note what is changed meanwhile; written at the end, so that the log is held only for a moment."""
    info = connection.info  # a connection that broke meanwhile has none to ask for any more
    recorder = info[_RECORDER] = _Recorder(actor)
    try:
        yield
        audit.append(connection, recorder.actor, recorder.noted)
    finally:
        info.pop(_RECORDER, None)


def note(connection: Connection, action: str, noun: str, *, subject: str, name: str = "", **facts: JSONValue) -> None:
    """Note an act that changes no audited row by itself, e.g. a sign-in or the replay of a run."""
    recorder = connection.info.get(_RECORDER)
    if recorder is not None:
        changes = {key: [None, value] for key, value in facts.items()}
        recorder.noted.append(audit.Note(action, noun, subject, name, changes))


def name_actor(connection: Connection, actor: Actor) -> None:
    """Say who acts, once the unit itself has found out, e.g. whose link it was."""
    recorder = connection.info.get(_RECORDER)
    if recorder is not None:
        recorder.actor = actor


def who_acts(connection: Connection) -> Actor:
    """Under whose name the changes of this unit of work are noted; a unit runs in a thread that knows no task."""
    recorder = connection.info.get(_RECORDER)
    return recorder.actor if recorder is not None else SYSTEM


def watch(engine: Engine) -> None:
    """Let the statements of an engine be seen."""
    event.listen(engine, "before_execute", _before)
    event.listen(engine, "after_execute", _after)


class Unaudited(RuntimeError):
    """A statement in SQL changes an audited table, so that the audit log cannot tell what it does."""


@lru_cache(maxsize=1_000)
def _refuse_sql(sql: str) -> None:
    """SQL that is written out is not understood here. The option `unaudited` says that there is nothing to tell."""
    table = _WRITTEN.match(sql)
    if table is not None and table[1].lower() in AUDITED:
        raise Unaudited(
            f"Change {table[1]} with insert(), update() or delete() of SQLAlchemy: the audit log watches it."
        )


def _watched(connection: Connection, statement: Any) -> tuple[_Recorder, Audited] | None:  # noqa: ANN401 - any statement
    recorder: _Recorder | None = connection.info.get(_RECORDER)
    if recorder is not None and isinstance(statement, TextClause):
        if not statement.get_execution_options().get(UNAUDITED):
            _refuse_sql(statement.text)
        return None
    if not isinstance(statement, (Insert, Update, Delete)):
        return None
    audited = AUDITED.get(getattr(statement.table, "name", ""))
    if recorder is None or audited is None or (audited.by_hand_only and recorder.actor.kind == "system"):
        return None
    return recorder, audited


def _before(connection: Connection, statement: Any, several: Any, single: Any, _options: Any) -> None:  # noqa: ANN401 - SQLAlchemy's signature
    watched = _watched(connection, statement)
    if watched is None:
        return
    table: Table = statement.table
    if isinstance(statement, Insert):
        if _may_replace(statement):
            sets = several or [single or {}]
            compiled = statement.compile(dialect=connection.dialect, column_keys=list(sets[0]) or None)
            parameters = [compiled.construct_params(values) for values in sets]
            watched[0].before = _read(connection, table, [_key(table, values) for values in parameters])
        return
    query = select(table)
    if statement.whereclause is not None:
        query = query.where(statement.whereclause)
    watched[0].before = _by_key(table, connection.execute(query).mappings().all())


def _after(connection: Connection, statement: Any, *rest: Any) -> None:  # noqa: ANN401 - SQLAlchemy's signature
    watched = _watched(connection, statement)
    if watched is None:
        return
    recorder, audited = watched
    table: Table = statement.table
    before, recorder.before = recorder.before, {}
    is_new = isinstance(statement, Insert)
    keys = [_key(table, parameters) for parameters in rest[-1].context.compiled_parameters] if is_new else list(before)
    after = {} if isinstance(statement, Delete) else _read(connection, table, keys)
    for key in keys:
        verb = "changed" if is_new and key in before else _VERBS[type(statement)]
        _note(recorder, audited, verb, key, before.get(key, {}), after.get(key, {}))


def _may_replace(statement: Insert) -> bool:
    """Whether an insertion says what is to become of a row that is there already: ON CONFLICT, or OR REPLACE."""
    return bool(getattr(statement, "_post_values_clause", None) is not None or statement._prefixes)  # noqa: SLF001 - not told otherwise


def _key(table: Table, values: Any) -> Key:  # noqa: ANN401 - a statement's parameters
    return tuple(values[column.key] for column in table.primary_key)


def _note(
    recorder: _Recorder, audited: Audited, verb: str, key: Key, before: dict[str, Any], after: dict[str, Any]
) -> None:
    changes = audited.changes(before, after)
    if changes or verb == "deleted":
        subject = ".".join(map(str, key))
        name = str((after or before).get(audited.name) or "")
        recorder.noted.append(audit.Note(verb, audited.noun, subject, name, changes))


def _read(connection: Connection, table: Table, keys: Sequence[Key]) -> Rows:
    columns = list(table.primary_key)
    condition: Callable[[], Any] = (
        (lambda: columns[0].in_([key[0] for key in keys]))
        if len(columns) == 1
        else (lambda: tuple_(*columns).in_(keys))
    )
    return _by_key(table, connection.execute(select(table).where(condition())).mappings().all()) if keys else {}


def _by_key(table: Table, rows: Sequence[Any]) -> Rows:
    return {tuple(row[column.key] for column in table.primary_key): dict(row) for row in rows}
