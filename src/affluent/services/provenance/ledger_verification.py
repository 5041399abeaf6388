"""The ledger held against the tables: every chain recomputed, every row compared, every run accounted for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from sqlalchemy import Connection, text

from affluent.domain.run import RunState
from affluent.kit.jsons import InvalidJSON, stored
from affluent.kit.logs import logger
from affluent.services.errors import Invalid
from affluent.services.provenance.ledger_heads import HeadsAltered, LedgerHeads
from affluent.store import ledger as store
from affluent.store.database import Database
from affluent.vault.envelope import CannotOpen, Vault

_log = logger("ledger")
LEDGER = "ledger"
"""What the key of the chains is derived for."""
_SHOWN = 200
_AT_ONCE = 250_000
_STREAM = {"stream_results": True, "max_row_buffer": 1_000}
_ACCOUNT = {
    RunState.SUCCEEDED: "applied",
    RunState.SKIPPED: "explained",
    RunState.FAILED: "parked",
    RunState.UNKNOWN: "parked",
    RunState.CANCELLED: "parked",
}
"""All other states are waiting."""
Last = dict[tuple[str, str], str]


@dataclass(slots=True, kw_only=True)
class Balance:
    """accepted = applied + explained + waiting + parked, in runs or in minor units of one currency."""

    accepted: int = 0
    applied: int = 0
    explained: int = 0
    waiting: int = 0
    parked: int = 0

    @property
    def holds(self) -> bool:
        """Whether it adds up."""
        return self.accepted == self.applied + self.explained + self.waiting + self.parked


@dataclass(slots=True, kw_only=True)
class Verification:
    """What was found."""

    problems: list[str] = field(default_factory=list)
    problem_count: int = 0
    blocks: int = 0
    notes: int = 0
    heads: dict[str, str] = field(default_factory=dict)
    """Chain → its last hash. Keep it elsewhere: a chain that was cut off at its end shows no trace in the database."""
    kept_at: str = ""
    """When the heads were kept that were looked for; empty: none were kept beside this server yet."""
    runs: Balance = field(default_factory=Balance)
    money: dict[str, Balance] = field(default_factory=dict)
    """By currency, minor units of the events behind the runs."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing was altered and everything adds up."""
        return not self.problem_count

    def found(self, problem: str) -> None:
        """Note a problem; only the first ones are kept in words."""
        self.problem_count += 1
        if len(self.problems) < _SHOWN:
            self.problems.append(problem)


def read_heads(given: Iterable[str]) -> dict[str, str]:
    """Heads as people keep them, chain=hash, for `verify`. Raises Invalid."""
    heads: dict[str, str] = {}
    for head in given:
        chain, equals, last = head.partition("=")
        if not (chain and equals and last):
            raise Invalid(f"{head[:80]!r} is not chain=hash, as an earlier verification said it.", field="head")
        heads[chain] = last
    return heads


class Ledgers:
    """Use cases of the ledger."""

    def __init__(self, *, database: Database, vault: Vault, kept: LedgerHeads | None = None) -> None:
        self._database = database
        self._vault = vault
        self._kept = kept

    async def verify(self, heads: Mapping[str, str] | None = None) -> Verification:
        """Prove it, or say what was altered. `heads` and those kept beside this server must still be in their chains."""
        return await self._database.read(lambda connection: self._verify(connection, heads or {}))

    async def keep_heads(self) -> None:
        """Bring the file beside this server up to date, and tell the log, which may be kept elsewhere."""
        if self._kept is None:
            return
        fresh = await self._kept.keep()
        if fresh is None:
            _log.error("the ledger was cut off or replaced since its heads were kept; see: affluent ledger verify")
        elif fresh:
            _log.info("ledger heads", heads={chain: last for chain, (_, last) in fresh.items()})

    def _verify(self, connection: Connection, heads: Mapping[str, str]) -> Verification:
        report = Verification()
        try:
            kept = self._kept.read() if self._kept else None
        except HeadsAltered:
            report.found(
                "The file of the ledger's heads beside this server was altered, or its master key is not here."
            )
            kept = None
        ours = {chain: last for chain, (_, last) in kept.heads.items()} if kept else {}
        report.kept_at = kept.at if kept else ""
        self._check_chains(connection, report, [*ours.items(), *heads.items()])
        rows = int(connection.execute(text("SELECT COUNT(*) FROM effects")).scalar() or 0)
        parts = 1 + rows // _AT_ONCE
        for part in range(parts):
            last = _last_notes(connection, part, parts)
            _check_rows(connection, report, last, (part, parts))
        _check_balance(connection, report)
        return report

    def _check_chains(self, connection: Connection, report: Verification, heads: Iterable[tuple[str, str]]) -> None:
        keys: dict[str, bytes | None] = {}
        missing = set(heads)
        sql = text("SELECT number, chain, previous, hash, key_id, at, body FROM ledger ORDER BY number")
        for row in connection.execute(sql, execution_options=_STREAM):
            report.blocks += 1
            if row.key_id not in keys:
                keys[row.key_id] = self._key(row.key_id)
            key = keys[row.key_id]
            if key is None:
                report.found(f"Row {row.number} cannot be checked: its master key {row.key_id!r} is not here.")
            elif store.seal(key, row.chain, row.previous, row.at, row.body) != row.hash:
                report.found(f"Row {row.number} of the ledger was altered.")
            if row.previous != report.heads.get(row.chain, ""):
                report.found(f"Before row {row.number} of the ledger something was removed or put in.")
            report.heads[row.chain] = row.hash
            missing.discard((row.chain, row.hash))
        for chain, _ in sorted(missing):
            report.found(
                f"The chain {chain} does not hold the hash that was kept elsewhere: it was cut off or replaced."
            )

    def _key(self, key_id: str) -> bytes | None:
        try:
            return self._vault.derive(LEDGER, key_id)
        except CannotOpen:
            return None


def _notes(connection: Connection) -> Iterator[store.Note]:
    for row in connection.execute(text("SELECT body FROM ledger ORDER BY number"), execution_options=_STREAM):
        try:
            yield from stored(row.body)
        except InvalidJSON:
            continue  # the chain says already that it was altered


def _last_notes(connection: Connection, part: int, parts: int) -> Last:
    """The last word on each row: (sort, key) → digest or state."""
    last: Last = {}
    for note in _notes(connection):
        sort, key = note[0], note[1]
        if parts > 1 and crc32(key.encode()) % parts != part:
            continue
        last["f" if sort == "i" else sort, key] = note[2] if len(note) > 2 else ""
    return last


def _check_rows(connection: Connection, report: Verification, last: Last, part: tuple[int, int]) -> None:
    report.notes += len(last)
    for row in _rows(connection, "events", store.EVENT, part):
        _compare(report, last, ("e", row["id"]), store.digest(row, store.EVENT), f"The event {row['id']}")
    for row in _rows(connection, "runs", (*store.RUN, "state"), part):
        _compare(report, last, ("q", row["id"]), store.digest(row, store.RUN), f"The run {row['id']}")
        state, noted = RunState(row["state"]), last.pop(("s", row["id"]), store.OPEN)
        is_open = state not in (*_ACCOUNT,)
        if is_open != (noted == store.OPEN) or (not is_open and noted != state):
            report.found(f"The run {row['id']} is {state}, and the ledger says {noted}.")
    for row in _rows(connection, "effects", store.EFFECT, part):
        if last.get(("f", row["key"])) == "":
            del last["f", row["key"]]
            if row["fate"] != "intended":
                report.found(
                    f"The effect {row['key']} is {row['fate']}, and the ledger says that it was only intended."
                )
            continue
        _compare(report, last, ("f", row["key"]), store.digest(row, store.EFFECT), f"The effect {row['key']}")
    for table in ("snapshots", "statements"):
        for row in _rows(connection, table, ("id", "digest"), part):
            if row["digest"]:
                _compare(report, last, ("d", row["id"]), row["digest"], f"The digest of {row['id']}")
    names = {"e": "event", "q": "run", "s": "end of the run", "f": "effect", "d": "snapshot or statement"}
    for sort, key in last:
        report.found(f"The {names.get(sort, 'row')} {key} is in the ledger and was removed from its table.")


def _compare(report: Verification, last: Last, note: tuple[str, str], actual: str, what: str) -> None:
    noted = last.pop(note, None)
    if noted is None:
        report.found(f"{what} is in its table and not in the ledger.")
    elif noted != actual:
        report.found(f"{what} was altered.")


def _rows(
    connection: Connection, table: str, columns: Sequence[str], part: tuple[int, int]
) -> Iterator[dict[str, Any]]:
    sql = text(f"SELECT {', '.join(columns)} FROM {table}")
    for row in connection.execute(sql, execution_options=_STREAM):
        if part[1] > 1 and crc32(str(row[0]).encode()) % part[1] != part[0]:
            continue
        yield {
            name: store.Raw(value) if name in ("input", "output") and value is not None else value
            for name, value in zip(columns, row, strict=True)
        }


def _check_balance(connection: Connection, report: Verification) -> None:
    """Accepted is what the ledger was told of; the rest is where the runs stand."""
    sql = text("SELECT state, currency, COUNT(*), COALESCE(SUM(amount_minor), 0) FROM runs GROUP BY state, currency")
    for state, currency, count, minor in connection.execute(sql):
        where = _ACCOUNT.get(RunState(state), "waiting")
        setattr(report.runs, where, getattr(report.runs, where) + count)
        if currency:
            balance = report.money.setdefault(currency, Balance())
            setattr(balance, where, getattr(balance, where) + int(minor))
            balance.accepted += int(minor)
    report.runs.accepted = sum(1 for note in _notes(connection) if note[0] == "q")
    if not report.runs.holds:
        report.found("The runs do not add up: accepted is not applied + explained + waiting + parked.")
