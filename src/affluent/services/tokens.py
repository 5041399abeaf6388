"""API tokens: generated once, stored as a hash, scoped, checked on every request without a database read."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import Row

from affluent.kit import clock
from affluent.kit.ids import new_id
from affluent.kit.logs import logger
from affluent.services.errors import Forbidden, Invalid, NotFound, Unauthorised
from affluent.services.names import checked_name
from affluent.services.pages import Page, bounded, page_of
from affluent.services.scopes import checked, grants
from affluent.store import tokens as store
from affluent.store.database import Database, StoreUnavailable

PREFIX = "aff_"
_log = logger("tokens")
_FRESH_SECONDS = 5.0
_MOST_KEPT = 2_000
_USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """A token as it is shown: never its secret."""

    id: str
    name: str
    hint: str
    """The last four characters of the secret."""
    scopes: tuple[str, ...]
    status: str
    """active, deactivated or expired."""
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token that was just generated. The secret is shown now and never again."""

    token: TokenView
    secret: str

    def __repr__(self) -> str:
        return f"NewToken(token={self.token!r})"


@dataclass(frozen=True, slots=True)
class _Known:
    row: Row[Any] | None
    read_at: float


class Tokens:
    """Use cases of API tokens."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._known: dict[str, _Known] = {}
        self._noted: dict[str, datetime] = {}

    async def generate(
        self, *, name: str, scopes: Sequence[str], expires_at: datetime | None = None, created_by: str = ""
    ) -> NewToken:
        """A new token with its secret. Raises Invalid naming name, scopes or expires_at."""
        now = clock.now()
        if expires_at is not None and (expires_at.tzinfo is None or expires_at <= now):
            raise Invalid("The expiry must be a time in the future, with its time zone.", field="expires_at")
        secret = PREFIX + secrets.token_urlsafe(32)
        values = {
            "id": new_id("tok"),
            "name": checked_name(name),
            "secret_hash": _hash(secret),
            "hint": secret[-4:],
            "scopes": list(checked(scopes)),
            "status": "active",
            "created_at": now,
            "created_by": created_by,
            "expires_at": expires_at,
            "last_used_at": None,
        }
        row = await self._database.write(lambda connection: store.add(connection, values))
        return NewToken(token=_view(row), secret=secret)

    async def list(self, *, limit: int = 50, after: str = "") -> Page[TokenView]:
        """Tokens, newest first."""
        limit = bounded(limit)
        rows = await self._database.read(lambda connection: store.find(connection, limit=limit + 1, after=after))
        return page_of(rows, limit, key=lambda row: str(row.id), view=_view)

    async def get(self, token_id: str) -> TokenView:
        """One token; raises NotFound."""
        return _view(_found(await self._database.read(lambda connection: store.one(connection, token_id)), token_id))

    async def deactivate(self, token_id: str) -> TokenView:
        """Refuse the token from now on (other processes: within seconds) and keep it in the list; raises NotFound."""
        row = await self._database.write(lambda connection: store.set_status(connection, token_id, "deactivated"))
        self._known.clear()
        return _view(_found(row, token_id))

    async def delete(self, token_id: str) -> None:
        """Remove the token; raises NotFound."""
        removed = await self._database.write(lambda connection: store.remove(connection, token_id))
        self._known.clear()
        if not removed:
            raise _missing(token_id)

    async def authorise(self, secret: str, scope: str) -> TokenView:
        """The token of a secret, when it may do this. Raises Unauthorised, or Forbidden naming the missing scope."""
        row = await self._lookup(secret)
        if row is None:
            raise Unauthorised("This API token is not known. Generate one under Admin Center, API tokens.")
        token = _view(row)
        if token.status != "active":
            raise Unauthorised(f"This API token is {token.status}. Generate a new one under Admin Center, API tokens.")
        if not grants(token.scopes, scope):
            raise Forbidden(f"This token lacks the scope {scope}.")
        await self._note_use(token)
        return token

    async def _lookup(self, secret: str) -> Row[Any] | None:
        if not secret.startswith(PREFIX):
            return None
        secret_hash = _hash(secret)
        known = self._known.get(secret_hash)
        if known is None or monotonic() - known.read_at > _FRESH_SECONDS:
            row = await self._database.read(lambda connection: store.by_hash(connection, secret_hash))
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            known = self._known[secret_hash] = _Known(row, monotonic())
        return known.row

    async def _note_use(self, token: TokenView) -> None:
        now = clock.now()
        noted = self._noted.get(token.id) or token.last_used_at
        if noted is not None and now - noted < _USE_NOTED_EVERY:
            return
        self._noted[token.id] = now
        try:
            await self._database.write(lambda connection: store.used(connection, token.id, now, _USE_NOTED_EVERY))
        except StoreUnavailable:
            _log.warning("the use of a token was not noted", token=token.id)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _found(row: Row[Any] | None, token_id: str) -> Row[Any]:
    if row is None:
        raise _missing(token_id)
    return row


def _missing(token_id: str) -> NotFound:
    return NotFound(f"There is no token {token_id}.")


def _view(row: Row[Any]) -> TokenView:
    expired = row.expires_at is not None and row.expires_at <= clock.now()
    return TokenView(
        id=row.id,
        name=row.name,
        hint=row.hint,
        scopes=tuple(row.scopes),
        status="expired" if expired and row.status == "active" else row.status,
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )
