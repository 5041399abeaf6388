"""Browsers in which somebody has signed in before. They are counted for themselves, so that strangers who guess keep nobody out.

A browser is known by a cookie: an id and the person it belongs to, with a tag that only this server can make. It lets
nobody in; it only says whose tries these are. The tag is derived from the master key, also from former ones that are kept.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from affluent.vault.envelope import Vault

_PURPOSE = "known browsers"
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A browser that is known."""

    id: str
    person_id: str


class Devices:
    """Writes and reads the cookie by which a browser is known."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def cookie(self, person_id: str) -> str:
        """For a browser in which this person has just signed in."""
        named = f"{person_id}.{secrets.token_hex(16)}"
        return f"{named}.{self._tag(named, self._vault.current)}"

    def known(self, cookie: str) -> Device | None:
        """The browser of a cookie; None when this server did not write it."""
        named, _, tag = cookie.rpartition(".")
        if len(cookie) > _LONGEST or not cookie.isascii() or not tag:
            return None
        keys = {self._vault.current, *self._vault.key_ids}
        if not any(hmac.compare_digest(self._tag(named, key_id), tag) for key_id in keys):
            return None
        person_id, _, device_id = named.partition(".")
        return Device(id=device_id, person_id=person_id)

    def _tag(self, named: str, key_id: str) -> str:
        return hmac.new(self._vault.derive(_PURPOSE, key_id), named.encode(), hashlib.sha256).hexdigest()
