"""API tokens: generated once, stored as a hash, scoped, checked on every request without a database read."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Row

from affluent.kit import clock
from affluent.kit.actor import Actor, act_as, current
from affluent.kit.ids import new_id
from affluent.kit.logs import logger
from affluent.services.errors import Forbidden, Invalid, NotFound, Unauthorised
from affluent.services.identity.authority import answers_for, within_role
from affluent.services.identity.roles import Role
from affluent.services.identity.scopes import checked, grants
from affluent.services.identity.throttle import Unknown, address_key
from affluent.services.names import checked_name
from affluent.services.paging import Page, bounded, page_of
from affluent.store import tokens as store
from affluent.store.configuration_lock import alone
from affluent.store.database import Database, StoreUnavailable

PREFIX = "aff_"
_log = logger("tokens")
_FRESH_SECONDS = 5.0
_MOST_KEPT = 2_000
_USE_NOTED_EVERY = timedelta(minutes=1)
_LONGEST_OVERLAP = timedelta(days=30)
_MOST_NETWORKS = 20


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
    networks: tuple[str, ...] = ()
    """From where it may be used, e.g. 192.0.2.0/24; empty: from everywhere."""
    former_until: datetime | None = None
    """After a rotation: until when the secret before is good too."""


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
        self._unknown = Unknown()
        self._met: OrderedDict[str, None] = OrderedDict()
        """Hashes of secrets that were good once: what others at the same address guess does not keep them out."""

    async def generate(
        self,
        *,
        name: str,
        scopes: Sequence[str],
        expires_at: datetime | None = None,
        networks: Sequence[str] = (),
        created_by: str = "",
    ) -> NewToken:
        """A new token with its secret. Raises Invalid naming name, scopes, expires_at or networks.

        Who makes it answers for it, or who answers for the token that makes it.
        """
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
            "networks": checked_networks(networks) or None,
            "status": "active",
            "created_at": now,
            "created_by": created_by,
            "person_id": answers_for(current()),
            "expires_at": expires_at,
            "last_used_at": None,
        }
        row = await self._database.write(lambda connection: store.add(connection, values))
        self._meet(_hash(secret))
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

    async def rotate(self, token_id: str, *, overlap: timedelta = timedelta(hours=24)) -> NewToken:
        """A new secret; the one before stays good for the overlap. Raises NotFound, Invalid naming overlap."""
        if not timedelta() <= overlap <= _LONGEST_OVERLAP:
            raise Invalid(f"The overlap is at most {_LONGEST_OVERLAP.days} days.", field="overlap")
        secret = PREFIX + secrets.token_urlsafe(32)

        def unit(connection: Connection) -> Row[Any]:
            held = _found(store.one(connection, token_id), token_id)
            if _view(held).status != "active":
                raise Invalid(f"This token is {_view(held).status}; generate a new one.", field="overlap")
            return store.rotate(connection, held, _hash(secret), secret[-4:], clock.now() + overlap)

        row = await self._database.write(alone(unit))
        self._known.clear()
        self._meet(_hash(secret))
        return NewToken(token=_view(row), secret=secret)

    async def delete(self, token_id: str) -> None:
        """Remove the token; raises NotFound."""
        removed = await self._database.write(lambda connection: store.remove(connection, token_id))
        self._known.clear()
        if not removed:
            raise _missing(token_id)

    def forget(self) -> None:
        """Read every token again before its next use: something changed about whom they belong to."""
        self._known.clear()

    async def authorise(self, secret: str, scope: str) -> TokenView:
        """The token of a secret, when it may do this; it is the actor from then on.

        Raises Unauthorised, Forbidden naming the missing scope or the address, or TooManyTries.
        """
        row = await self._lookup(secret)
        if row is not None and row.secret_hash != _hash(secret) and row.former_until <= clock.now():
            row = None
        if row is None:
            raise Unauthorised("This API token is not known. Generate one under Admin Center, API tokens.")
        token = _usable(row)
        address = current().address
        if token.networks and not _within(address, token.networks):
            raise Forbidden(f"This token may not be used from {address or 'an unknown address'}.")
        if not grants(token.scopes, scope):
            raise Forbidden(f"This token lacks the scope {scope}.")
        act_as(
            Actor(
                kind="token",
                id=token.id,
                name=token.name,
                address=address,
                scopes=token.scopes,
                person_id=row.person_id or "",
            )
        )
        await self._note_use(token)
        return token

    async def _lookup(self, secret: str) -> Row[Any] | None:
        if not secret.startswith(PREFIX):
            return None
        secret_hash = _hash(secret)
        known = self._known.get(secret_hash)
        if known is None or monotonic() - known.read_at > _FRESH_SECONDS:
            key = address_key(current().address)
            if secret_hash not in self._met:
                self._unknown.take(key)
            row = await self._database.read(lambda connection: store.by_hash(connection, secret_hash))
            if row is not None and secret_hash not in self._met:
                self._unknown.give_back(key)
                self._meet(secret_hash)
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            known = self._known[secret_hash] = _Known(row, monotonic())
        return known.row

    def _meet(self, secret_hash: str) -> None:
        self._met[secret_hash] = None
        while len(self._met) > _MOST_KEPT:
            self._met.popitem(last=False)

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
        networks=tuple(row.networks or ()),
        former_until=row.former_until if row.former_until and row.former_until > clock.now() else None,
    )


def _usable(row: Row[Any]) -> TokenView:
    """The token with the scopes that its person still has; raises Unauthorised when it is not good any more."""
    token = _view(row)
    if row.person_id and row.person_status != "active":
        raise Unauthorised("This API token is of somebody who may not sign in any more. Ask for one of your own.")
    if row.person_id:
        token = replace(token, scopes=within_role(token.scopes, Role(row.person_role)))
    if token.status != "active":
        raise Unauthorised(f"This API token is {token.status}. Generate a new one under Admin Center, API tokens.")
    return token


def checked_networks(networks: Sequence[str]) -> list[str]:
    """Networks in the form in which they are compared; raises Invalid."""
    checked_texts: list[str] = []
    for text in networks:
        try:
            checked_texts.append(str(ipaddress.ip_network(text.strip(), strict=False)))
        except ValueError:
            message = (
                f"{text.strip()[:60]!r} is no network. Write an address or a range, e.g. 192.0.2.7 or 192.0.2.0/24."
            )
            raise Invalid(message, field="networks") from None
    if len(checked_texts) > _MOST_NETWORKS:
        raise Invalid(f"At most {_MOST_NETWORKS} networks.", field="networks")
    return checked_texts


def within_all(inner: Sequence[str], outer: Sequence[str]) -> bool:
    """Whether there are inner networks and each lies in an outer one. Raises Invalid on what is no network."""
    bounds = [ipaddress.ip_network(network) for network in outer]

    def is_inside(network: str) -> bool:
        inner_network = ipaddress.ip_network(network)
        return any(inner_network.version == bound.version and inner_network.subnet_of(bound) for bound in bounds)  # type: ignore[arg-type]  # same version

    inner_networks = checked_networks(inner)
    return bool(inner_networks) and all(is_inside(network) for network in inner_networks)


def _within(address: str, networks: Sequence[str]) -> bool:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return any(ip in ipaddress.ip_network(network) for network in networks)
