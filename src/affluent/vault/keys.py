"""The master key: from a variable or a file; made on the first start with mode 0600."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from affluent.vault.envelope import Vault

_HEX_LENGTH = 64


class BadMasterKey(ValueError):
    """The master key is not 64 hexadecimal characters."""


def load(*, value: str, path: Path, create: bool = True) -> Vault:
    """The vault of a key given as text, else of the key file, which is made when it is missing."""
    if value:
        return _vault([value])
    if not path.exists():
        if not create:
            raise BadMasterKey(f"There is no key file at {path}.")
        _create(path)
    return _vault(path.read_text().split())


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w") as file:
        file.write(os.urandom(32).hex() + "\n")


def _vault(texts: list[str]) -> Vault:
    keys = [_parse(text) for text in texts]
    named = {fingerprint(key): key for key in keys}
    return Vault(named, fingerprint(keys[-1]))


def fingerprint(key: bytes) -> str:
    """A short id of a key that tells nothing of it."""
    return hashlib.sha256(b"affluent master key" + key).hexdigest()[:12]


def _parse(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(text) != _HEX_LENGTH or len(key) != 32:
        raise BadMasterKey("The master key must be 64 hexadecimal characters; make one with: openssl rand -hex 32")
    return key
