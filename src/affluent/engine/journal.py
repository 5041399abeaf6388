"""The journal: what a run did, written in groups. Activity reads the same rows.

Every entry can be written twice with the same result, so an ambiguous commit is answered by writing it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from affluent.domain.run import FINISHED, Fate, RunState
from affluent.engine.positions import Learner
from affluent.engine.queue import Queue
from affluent.kit import clock
from affluent.kit.jsons import dumps
from affluent.kit.logs import logger
from affluent.sdk.facts import Fact
from affluent.store import bulk, ledger, tables
from affluent.store.bulk import Row
from affluent.store.database import on_commit, undone_if_it_fails

_log = logger("engine")
_RUN_CHANGE = (
    "state",
    "position",
    "tries",
    "due_at",
    "first_failed_at",
    "sentence",
    "cause",
    "waits_for",
    "started_at",
    "finished_at",
)
_STEP = [column.name for column in tables.step_runs.columns]
_ATTEMPT = [column.name for column in tables.attempts.columns]
_EFFECT = [column.name for column in tables.effects.columns]
_IDENTITY = [column.name for column in tables.identities.columns]
_STEP_KEY = ("run_id", "position")
_ATTEMPT_KEY = ("run_id", "position", "number")
_IDENTITY_KEY = ("account_id", "connection_id", "kind")
_REPAIRED = timedelta(seconds=1)


@dataclass(slots=True, kw_only=True)
class JournalEntry:
    """What one commit writes about one run."""

    run_id: str
    lease: int
    ordering_key: str
    priority: int
    rank: int
    state: RunState
    position: int
    tries: int
    due_at: datetime
    first_failed_at: datetime | None
    sentence: str
    cause: str = ""
    waits_for: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    steps: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    effects: list[Row] = field(default_factory=list)
    identities: list[Row] = field(default_factory=list)
    facts: list[tuple[str, Sequence[Fact]]] = field(default_factory=list)
    """By the key of an effect: what its answer says about money."""
    broken_connection: tuple[str, int, str] | None = None
    """(connection id, version used, reason): the credentials were refused."""
    leaves_line: bool = False
    """The run waits because its flow says so: younger runs of its ordering key need not wait with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordResult:
    """Whether an entry was written, and whether its run must stop."""

    is_mine: bool
    """False: another process has taken over the run, and nothing of the entry was written."""
    cancel: bool = False
    """A person asked for the run to stop."""


class Journal:
    """Writes entries.

    `wake` is called after a commit that made runs ready, `moved` after one with entries of runs, `failed` in one with runs that
    ended badly.
    """

    def __init__(
        self,
        queue: Queue,
        wake: Callable[[], None],
        failed: Callable[[Connection, Sequence[str]], None] | None = None,
        *,
        moved: Callable[[], None] = lambda: None,
        learner: Learner | None = None,
    ) -> None:
        self._queue = queue
        self._wake = wake
        self._failed = failed
        self._moved = moved
        self._learner = learner

    def record(self, connection: Connection, entries: Sequence[JournalEntry]) -> list[RecordResult]:
        """Write entries; a processor of the grouped writer."""
        freed_keys = _freed_keys(entries)
        self._queue.lock(connection, freed_keys)
        cancelled_by_lease = _update_runs(connection, entries)
        held = [entry for entry in entries if (entry.run_id, entry.lease) in cancelled_by_lease]
        effects = _write_details(connection, held)
        if self._learner is not None:
            self._learner.answers(connection, effects, [facts for entry in held for facts in entry.facts])
        self._wait_only_for_broken_connections(connection, _run_ids(held, RunState.PAUSED))
        self._cancel_instead_of_waiting(connection, _run_ids(held, RunState.WAITING, RunState.PAUSED))
        _leave_line(connection, [entry.run_id for entry in held if entry.leaves_line])
        self._queue_again(connection, [entry for entry in held if entry.state in (RunState.WAITING, RunState.QUEUED)])
        self.release(connection, freed_keys)
        self._report_failures(connection, _run_ids(held, RunState.FAILED, RunState.UNKNOWN))
        if held:
            on_commit(connection, self._moved)
        return [_result(entry, cancelled_by_lease.get((entry.run_id, entry.lease))) for entry in entries]

    def _queue_again(self, connection: Connection, entries: Sequence[JournalEntry]) -> None:
        self._queue.put(connection, [_queue_row(entry) for entry in entries])
        if entries:
            on_commit(connection, self._wake)

    def set_aside(self, connection: Connection, run_id: str, lease: int, reason: str) -> bool:
        """End a run that cannot be read or recorded as others are, with nothing but its id; returns whether it was ours.

        Nothing of the row comes into this process, so nothing that is stored in it can be in the way.
        """
        of_run = {"id": run_id}
        key = connection.execute(text("SELECT ordering_key FROM runs WHERE id = :id"), of_run).scalar()
        self._queue.lock(connection, [key] if isinstance(key, str) else [])
        ended = connection.execute(
            text(
                "UPDATE runs SET state = 'failed', cause = 'unreadable', sentence = :reason, waits_for = '', finished_at = :now,"
                " started_at = COALESCE(started_at, :now) WHERE id = :id AND lease = :lease AND finished_at IS NULL"
            ),
            {**of_run, "lease": lease, "reason": reason, "now": clock.to_micros(clock.now())},
        )
        if not ended.rowcount:
            return False
        ledger.moved(connection, [(run_id, RunState.FAILED.value)])
        on_commit(connection, self._moved)
        self._release(connection, "(SELECT ordering_key AS key FROM runs WHERE id = :id)", of_run)
        self._report_failures(connection, [run_id])
        return True

    def _report_failures(self, connection: Connection, run_ids: Sequence[str]) -> None:
        """Call `failed`. A defect in it must not keep a run from ending: it is logged, and what it wrote is undone."""
        if not run_ids or self._failed is None:
            return
        try:
            with undone_if_it_fails(connection):
                self._failed(connection, run_ids)
        except SQLAlchemyError:  # the database fails for everybody: the entries are written again
            raise
        except Exception:  # noqa: BLE001 - logged; the run ends as it should
            _log.exception("nobody was told of runs that failed", runs=list(run_ids))

    def _wait_only_for_broken_connections(self, connection: Connection, run_ids: Sequence[str]) -> None:
        """Try paused runs again in a second if their connection was repaired meanwhile: nobody will repair it again."""
        if not run_ids:
            return
        each, keys = bulk.each(connection.dialect.name), dumps(list(run_ids))
        if connection.dialect.name == "postgresql":
            # A repair that has not committed yet does not see this run: wait for it, or let it wait for us.
            waited_for = f"SELECT waits_for FROM runs WHERE id IN {each}"
            connection.execute(
                text(f"SELECT id FROM connections WHERE id IN ({waited_for}) ORDER BY id FOR SHARE"), {"keys": keys}
            )
        sql = text(
            f"UPDATE runs SET state = 'waiting', due_at = :due WHERE state = 'paused' AND id IN {each}"
            " AND waits_for IN (SELECT id FROM connections WHERE status = 'active') RETURNING id, priority, rank, due_at"
        )
        due = clock.to_micros(clock.now() + _REPAIRED)
        rows = connection.execute(sql, {"keys": keys, "due": due}).mappings().all()
        self._queue.put(connection, [dict(row) for row in rows])
        if rows:
            on_commit(connection, self._wake)

    def _cancel_instead_of_waiting(self, connection: Connection, run_ids: Sequence[str]) -> None:
        """Cancel the runs that a person asked to stop while they were executing; they do not wait first."""
        if not run_ids:
            return
        sql = text(
            "UPDATE runs SET state = 'cancelled', finished_at = :now, sentence = 'Cancelled by a person.', waits_for = ''"
            f" WHERE cancel AND finished_at IS NULL AND id IN {bulk.each(connection.dialect.name)} RETURNING ordering_key, id"
        )
        values = {"keys": dumps(list(run_ids)), "now": clock.to_micros(clock.now())}
        rows = connection.execute(sql, values).all()
        ledger.moved(connection, [(row.id, RunState.CANCELLED.value) for row in rows])
        ordering_keys = sorted(row.ordering_key for row in rows)
        self._queue.lock(connection, ordering_keys)
        self.release(connection, ordering_keys)

    def hand_back(self, connection: Connection, run_id: str, lease: int) -> None:
        """Queue a run again that this process does not finish."""
        sql = text(
            "UPDATE runs SET state = 'queued', lease = lease + 1 WHERE id = :id AND lease = :lease AND state = 'running'"
            " RETURNING id, priority, rank, due_at"
        )
        rows = connection.execute(sql, {"id": run_id, "lease": lease}).mappings().all()
        self._queue.put(connection, [dict(row) for row in rows])

    def release(self, connection: Connection, ordering_keys: Sequence[str]) -> None:
        """Make the earliest unfinished run of each ordering key ready, where none is."""
        if ordering_keys:
            self._release(connection, bulk.each(connection.dialect.name), {"keys": dumps(list(ordering_keys))})

    def _release(self, connection: Connection, keys: str, values: Mapping[str, str]) -> None:
        earliest = "(SELECT r.id FROM runs r WHERE r.ordering_key = k.key AND r.finished_at IS NULL ORDER BY r.event_at, r.id LIMIT 1)"
        sql = text(
            f"UPDATE runs SET ready = true WHERE NOT ready AND id IN (SELECT {earliest} FROM {keys} k"
            " WHERE NOT EXISTS (SELECT 1 FROM runs b WHERE b.ordering_key = k.key AND b.finished_at IS NULL AND b.ready))"
            " RETURNING id, priority, rank, due_at, state"
        )
        rows = connection.execute(sql, values).mappings().all()
        self._queue.put(connection, [dict(row) for row in rows if row["state"] == RunState.QUEUED])
        if rows:
            on_commit(connection, self._wake)


def break_connection(connection: Connection, connection_id: str, version: int, reason: str) -> None:
    """Mark a connection as needing attention, unless it was changed since these credentials were used."""
    connection.execute(
        tables.connections.update()
        .where(
            tables.connections.c.id == connection_id,
            tables.connections.c.version == version,
            tables.connections.c.status == "active",
        )
        .values(status="needs_attention", status_reason=reason, updated_at=clock.now())
    )


def _freed_keys(entries: Sequence[JournalEntry]) -> list[str]:
    """The ordering keys, sorted, whose next run may go on after these entries. A run whose key is its own id has no next."""
    leaving = [entry for entry in entries if entry.state in FINISHED or entry.leaves_line]
    return sorted({entry.ordering_key for entry in leaving if entry.ordering_key != entry.run_id})


def _update_runs(connection: Connection, entries: Sequence[JournalEntry]) -> dict[tuple[str, int], bool]:
    """Write the states of the runs whose leases hold. Returns, by run id and lease, whether a person cancelled the run."""
    rows = bulk.update(
        connection,
        tables.runs,
        [_run_change(entry) for entry in entries],
        by=("id", "lease"),
        columns=_RUN_CHANGE,
        returning=("cancel",),
    )
    return {(run_id, lease): bool(cancel) for run_id, lease, cancel in rows}


def _result(entry: JournalEntry, cancelled: bool | None) -> RecordResult:  # noqa: FBT001 - None: the lease was lost
    return RecordResult(is_mine=cancelled is not None, cancel=bool(cancelled) and entry.state is RunState.RUNNING)


def _write_details(connection: Connection, entries: Sequence[JournalEntry]) -> list[Row]:
    """Write what entries hold beside the state of their runs: steps, attempts, effects, identities, broken connections.

    Returns the rows of the effects.
    """
    steps = _last_of(entries, "steps", _STEP_KEY)
    bulk.insert(connection, tables.step_runs, steps, columns=_STEP, unique=_STEP_KEY, update=_STEP[2:])
    attempts = _last_of(entries, "attempts", _ATTEMPT_KEY)
    bulk.insert(connection, tables.attempts, attempts, columns=_ATTEMPT, unique=_ATTEMPT_KEY)
    effects = _without_sent_ones(connection, _last_of(entries, "effects", ("key",)))
    settled = [name for name in _EFFECT if name not in ("key", "created_at")]
    bulk.insert(connection, tables.effects, effects, columns=_EFFECT, unique=("key",), update=settled)
    ledger.settled(connection, effects)
    ledger.moved(connection, [(entry.run_id, entry.state.value) for entry in entries if entry.state in FINISHED])
    identities = _last_of(entries, "identities", _IDENTITY_KEY)
    bulk.insert(
        connection,
        tables.identities,
        identities,
        columns=_IDENTITY,
        unique=_IDENTITY_KEY,
        update=("external_id", "how", "updated_at"),
    )
    for entry in entries:
        if entry.broken_connection is not None:
            break_connection(connection, *entry.broken_connection)
    return effects


def _without_sent_ones(connection: Connection, effects: list[Row]) -> list[Row]:
    """Leave out effects that were not sent now, and that another run has sent under the same key meanwhile."""
    quiet = [row["key"] for row in effects if row["fate"] in (Fate.HELD.value, Fate.DROPPED.value)]
    if not quiet:
        return effects
    sql = text(
        "SELECT key FROM effects WHERE (sent OR fate IN ('applied', 'already_applied', 'unknown')) AND key IN "
        + bulk.each(connection.dialect.name)
    )
    sent = {row[0] for row in connection.execute(sql, {"keys": dumps(quiet)})} & set(quiet)
    return [row for row in effects if row["key"] not in sent]


def _run_ids(entries: Sequence[JournalEntry], *states: RunState) -> list[str]:
    return [entry.run_id for entry in entries if entry.state in states]


def _queue_row(entry: JournalEntry) -> Row:
    due_at = clock.to_micros(entry.due_at)
    return {"id": entry.run_id, "priority": entry.priority, "rank": entry.rank, "due_at": due_at}


def _leave_line(connection: Connection, run_ids: Sequence[str]) -> None:
    if run_ids:
        sql = text("UPDATE runs SET ordering_key = id WHERE id IN " + bulk.each(connection.dialect.name))
        connection.execute(sql, {"keys": dumps(list(run_ids))})


def _run_change(entry: JournalEntry) -> dict[str, object]:
    return {
        "id": entry.run_id,
        "lease": entry.lease,
        "state": entry.state.value,
        "position": entry.position,
        "tries": entry.tries,
        "due_at": clock.to_micros(entry.due_at),
        "first_failed_at": entry.first_failed_at,
        "sentence": entry.sentence,
        "cause": entry.cause,
        "waits_for": entry.waits_for,
        "started_at": entry.started_at,
        "finished_at": entry.finished_at,
    }


def _last_of(entries: Sequence[JournalEntry], name: str, unique: tuple[str, ...]) -> list[Row]:
    """The rows of all entries, one per key: PostgreSQL refuses to update a row twice in one statement."""
    rows: dict[tuple[object, ...], Row] = {}
    for entry in entries:
        for row in getattr(entry, name):
            rows[tuple(row[column] for column in unique)] = row
    return list(rows.values())
