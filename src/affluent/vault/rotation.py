"""Rotation: where sealed secrets are kept, and how one is sealed anew under the current master key."""

from __future__ import annotations

from typing import NamedTuple

from affluent.vault.envelope import Vault, key_id


class Place(NamedTuple):
    """A column of sealed secrets; the context of each is `<context>/<id>`."""

    table: str
    column: str
    context: str


PLACES = (
    Place("connections", "secrets", "connections"),
    Place("flow_connections", "hook_secrets", "flow_connections"),
    Place("options", "secret", "options"),
    Place("people", "totp_secret", "people"),
)


def sealed_anew(vault: Vault, sealed: bytes, context: str) -> bytes | None:
    """The same secret with a fresh data key under the current master key; None when it is under it already."""
    if key_id(sealed) == vault.current:
        return None
    return vault.seal(vault.open(sealed, context), context)
