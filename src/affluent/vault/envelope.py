"""Envelope encryption: AES-256-GCM, a fresh data key per secret, bound to its row.

Format: version byte 1 · length of key id · key id · 12-byte nonce · wrapped data key (32 + 16) · 12-byte nonce · ciphertext.
The context ("connections/con_…") is associated data of both layers: a ciphertext copied to another row does not open.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION = 1
_NONCE = 12
_WRAPPED = 32 + 16


KeySource = Callable[[], "tuple[Mapping[str, bytes], str] | None"]
"""The master keys by id and the id of the current one, when they have changed since it was asked last; else None."""


class CannotOpen(Exception):
    """The envelope was altered, belongs to another row, or its master key is not here."""


class Vault:
    """Seals with the current master key, opens with any that is known."""

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        self._keys = dict(keys)
        self._current = current
        self._source: KeySource | None = None

    def __repr__(self) -> str:
        return f"Vault(current={self._current!r})"

    def follow(self, source: KeySource) -> None:
        """Take the keys from here whenever they have changed, so that a rotation needs no restart."""
        self._source = source

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Ids of all master keys that are known."""
        return tuple(self._keys)

    def _refresh(self) -> None:
        changed = self._source() if self._source is not None else None
        if changed is not None:
            self._keys, self._current = dict(changed[0]), changed[1]

    @property
    def current(self) -> str:
        """Id of the master key that seals."""
        self._refresh()
        return self._current

    def derive(self, purpose: str, key_id: str = "") -> bytes:
        """A key of 32 bytes for one purpose, of the current master key or a named one; raises CannotOpen without it."""
        master = self._keys.get(key_id or self._current)
        if master is None:
            raise CannotOpen(f"The master key {key_id!r} is not available.")
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"affluent {purpose}".encode()).derive(master)

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt for one row."""
        self._refresh()
        data_key = AESGCM.generate_key(256)
        outer, inner = os.urandom(_NONCE), os.urandom(_NONCE)
        bound = context.encode()
        wrapped = AESGCM(self._keys[self._current]).encrypt(outer, data_key, bound)
        name = self._current.encode()
        head = bytes([_VERSION, len(name)]) + name
        return head + outer + wrapped + inner + AESGCM(data_key).encrypt(inner, plain, head + bound)

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt what was sealed for this row; raises CannotOpen."""
        name = key_id(sealed)
        if name not in self._keys:
            self._refresh()
        key = self._keys.get(name)
        if key is None:
            raise CannotOpen(
                f"The master key {name!r} is not available. Provide it with AFFLUENT_MASTER_KEY or the key file."
            )
        start = 2 + sealed[1]
        bound = context.encode()
        outer, rest = sealed[start : start + _NONCE], sealed[start + _NONCE :]
        wrapped, inner, body = rest[:_WRAPPED], rest[_WRAPPED : _WRAPPED + _NONCE], rest[_WRAPPED + _NONCE :]
        try:
            data_key = AESGCM(key).decrypt(outer, wrapped, bound)
            return AESGCM(data_key).decrypt(inner, body, sealed[:start] + bound)
        except InvalidTag as error:
            raise CannotOpen("A stored secret was altered or belongs to another row.") from error


def key_id(sealed: bytes) -> str:
    """Id of the master key that an envelope was sealed with."""
    if len(sealed) < 2 or sealed[0] != _VERSION:
        raise CannotOpen("A stored secret has an unknown format.")
    return sealed[2 : 2 + sealed[1]].decode()
