"""The master keys: from a variable, a command or a file; made on the first start with mode 0600.

A key file has one key a line. The last one seals; the others only open, until nothing is sealed with them any more.
"""

from __future__ import annotations

import hashlib
import os
import resource
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from affluent.vault.envelope import Vault

_HEX_LENGTH = 64
_COMMAND_SECONDS = 30


class BadMasterKey(ValueError):
    """The master key is not 64 hexadecimal characters, or cannot be had; the message says what to do."""


def load(*, value: str = "", path: Path, command: str = "", create: bool = True) -> Vault:
    """The vault of keys given as text, else printed by a command, else of the key file, which is made when it is missing.

    A process with keys in its memory leaves no picture of it on the disk when it crashes.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if value:
        return Vault(*_named(value.split()))
    if command:
        return Vault(*_named(_printed(command).split()))
    if not path.exists():
        if not create:
            raise BadMasterKey(f"There is no key file at {path}.")
        _create(path)
    return from_file(path)


def from_file(path: Path) -> Vault:
    """The vault of a key file, which is read again when it has changed."""
    seen = _mark(path)
    vault = Vault(*_named(path.read_text().split()))

    def changed() -> tuple[Mapping[str, bytes], str] | None:
        nonlocal seen
        try:
            mark = _mark(path)
            if mark == seen:
                return None
            named = _named(path.read_text().split())
        except (OSError, BadMasterKey):
            return None  # the keys that are known stay good
        seen = mark
        return named

    vault.follow(changed)
    return vault


def add_to_file(path: Path) -> str:
    """A new key at the end of the key file, which seals from now on; returns its id. The file is replaced in one step."""
    key = os.urandom(32)
    _write(path, [*path.read_text().split(), key.hex()])
    return fingerprint(key)


def keep_in_file(path: Path, key_ids: Sequence[str]) -> list[str]:
    """Take out of the key file the keys that are not named; returns the ids of those that are gone."""
    texts = path.read_text().split()
    kept = [text for text in texts if fingerprint(_parse(text)) in key_ids]
    gone = [fingerprint(_parse(text)) for text in texts if text not in kept]
    if gone:
        _write(path, kept)
    return gone


def fingerprint(key: bytes) -> str:
    """A short id of a key, from which the key cannot be worked out."""
    return hashlib.sha256(b"affluent master key" + key).hexdigest()[:12]


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w") as file:
        file.write(os.urandom(32).hex() + "\n")


def _write(path: Path, texts: Sequence[str]) -> None:
    new = path.with_name(f"{path.name}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write("".join(f"{text}\n" for text in texts))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _printed(command: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command, without a shell
            shlex.split(command), capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise BadMasterKey(f"The command of master_key_command cannot be run: {type(error).__name__}.") from error
    if done.returncode:
        raise BadMasterKey(f"The command of master_key_command ended with {done.returncode}; it must print the key.")
    return done.stdout


def _mark(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


def _named(texts: list[str]) -> tuple[dict[str, bytes], str]:
    keys = [_parse(text) for text in texts]
    if not keys:
        raise BadMasterKey("There is no master key; make one with: openssl rand -hex 32")
    named = {fingerprint(key): key for key in keys}
    return named, fingerprint(keys[-1])


def _parse(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(text) != _HEX_LENGTH or len(key) != 32:
        raise BadMasterKey("The master key must be 64 hexadecimal characters; make one with: openssl rand -hex 32")
    return key
