"""Backups of the embedded database: taken while the server works, encrypted for the master key, read back to prove them.

A file is a line of JSON (format, when, the sealed data key), then parts: four bytes of length, then AES-256-GCM over
compressed pages with the part's number as nonce. The last part is marked, so a file that was cut short does not open.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from affluent.kit import clock
from affluent.kit.jsons import InvalidJSON, dumps, loads
from affluent.services.errors import Conflict, Invalid, NotFound
from affluent.vault.envelope import CannotOpen, Vault

_FORMAT = "affluent backup 1"
_PART = 1_048_576
_LARGEST_PART = 2 * _PART
_LARGEST_HEAD = 65_536

Progress = Callable[[int, int], None]
"""(bytes done, bytes in all)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that was read back and found whole."""

    path: Path
    taken_at: str
    bytes: int
    runs: int
    events: int


def take(source: Path, target: Path, vault: Vault, progress: Progress = lambda _done, _all: None) -> Backup:
    """Back a database up into a new file, which appears only when it is whole. Raises NotFound, Conflict, Invalid."""
    if not source.exists():
        raise NotFound(f"There is no database at {source}.")
    if target.exists():
        raise Conflict(f"{target} is there already; choose another name.")
    partial = target.with_name(f".{target.name}.partial")
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".affluent-backup-") as folder:
            copy = Path(folder) / "copy.db"
            _copy(source, copy)
            _write(copy, partial, vault, progress)
        checked = verify(partial, vault, progress)
        os.replace(partial, target)  # noqa: PTH105 - the same in both
    finally:
        partial.unlink(missing_ok=True)
    return Backup(path=target, taken_at=checked.taken_at, bytes=checked.bytes, runs=checked.runs, events=checked.events)


def verify(backup: Path, vault: Vault, progress: Progress = lambda _done, _all: None) -> Backup:
    """Read a backup to its end and examine the database in it. Raises Invalid with what is wrong."""
    with tempfile.TemporaryDirectory(dir=backup.parent, prefix=".affluent-verify-") as folder:
        return _unpack(backup, Path(folder) / "copy.db", vault, progress)


def restore(
    backup: Path,
    target: Path,
    vault: Vault,
    *,
    replace: bool = False,
    progress: Progress = lambda _done, _all: None,
) -> Backup:
    """Put the database of a backup in place; the server must not run. Raises Invalid, NotFound, Conflict."""
    if target.exists() and not replace:
        raise Conflict(f"There is a database at {target} already; --replace puts the backup in its place.")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".affluent-restore-") as folder:
        copy = Path(folder) / "copy.db"
        checked = _unpack(backup, copy, vault, progress)
        for suffix in ("-wal", "-shm"):
            target.with_name(target.name + suffix).unlink(missing_ok=True)
        os.replace(copy, target)  # noqa: PTH105 - the same in both
    return checked


def _copy(source: Path, copy: Path) -> None:
    """A consistent copy, page by page; writers are not held up."""
    descriptor = os.open(copy, os.O_CREAT | os.O_WRONLY, 0o600)
    os.close(descriptor)
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as theirs, closing(sqlite3.connect(copy)) as ours:
        theirs.backup(ours)
        ours.execute("PRAGMA journal_mode=DELETE")


def _write(copy: Path, target: Path, vault: Vault, progress: Progress) -> None:
    key, taken_at = AESGCM.generate_key(256), clock.now().isoformat()
    head = {"format": _FORMAT, "taken_at": taken_at, "key": vault.seal(key, f"backup/{taken_at}").hex()}
    line = dumps(head).encode() + b"\n"
    total, done = copy.stat().st_size, 0
    descriptor = os.open(target, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out, copy.open("rb") as pages:
        out.write(line)
        for number, (part, is_last) in enumerate(_parts(pages)):
            sealed = AESGCM(key).encrypt(_nonce(number), zlib.compress(part, 1), line + bytes([is_last]))
            out.write(struct.pack(">I", len(sealed)) + bytes([is_last]) + sealed)
            done += len(part)
            progress(done, total)
        out.flush()
        os.fsync(out.fileno())


def _unpack(backup: Path, target: Path, vault: Vault, progress: Progress) -> Backup:
    if not backup.exists():
        raise NotFound(f"There is no backup at {backup}.")
    size = backup.stat().st_size
    try:
        with backup.open("rb") as file:
            line = file.readline(_LARGEST_HEAD)
            head = loads(line)
            if not isinstance(head, dict) or head.get("format") != _FORMAT:
                raise Invalid(f"{backup} is no backup of Affluent.")
            key = vault.open(bytes.fromhex(head["key"]), f"backup/{head['taken_at']}")
            with target.open("wb") as out:
                for part in _opened(file, key, line):
                    out.write(part)
                    progress(file.tell(), size)
    except CannotOpen as error:
        raise Invalid(f"{backup} cannot be opened: {error}") from error
    except (InvalidTag, InvalidJSON, ValueError, KeyError, struct.error, zlib.error) as error:
        raise Invalid(f"{backup} is damaged or was cut short. Use another backup.") from error
    return _examine(target, backup, str(head["taken_at"]))


def _opened(file: BinaryIO, key: bytes, line: bytes) -> Iterator[bytes]:
    number, is_last = 0, 0
    while not is_last:
        length, is_last = struct.unpack(">IB", file.read(5))
        if length > _LARGEST_PART:
            raise ValueError("too long")
        yield zlib.decompress(AESGCM(key).decrypt(_nonce(number), file.read(length), line + bytes([is_last])))
        number += 1
    if file.read(1):
        raise ValueError("something follows the end")


def _parts(pages: BinaryIO) -> Iterator[tuple[bytes, int]]:
    part = pages.read(_PART)
    while True:
        following = pages.read(_PART)
        yield part, int(not following)
        if not following:
            return
        part = following


def _nonce(number: int) -> bytes:
    return number.to_bytes(12)


def _examine(database: Path, backup: Path, taken_at: str) -> Backup:
    try:
        with closing(sqlite3.connect(database)) as connection:
            verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
            if verdict != "ok":
                raise Invalid(f"The database in {backup} is damaged: {verdict}")
            runs, events = (
                connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("runs", "events")
            )
    except sqlite3.DatabaseError as error:
        raise Invalid(f"The database in {backup} is damaged: {error}") from error
    return Backup(path=backup, taken_at=taken_at, bytes=backup.stat().st_size, runs=runs, events=events)
