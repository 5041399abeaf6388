"""Slows guessing down. A try is counted before it is judged, in one write, and given back when it was right.

What people choose or type (passwords, codes) is counted in the store: a restart forgets nothing, and all processes count
together. Tokens and links have 256 bits and cannot be guessed; unknown ones are counted in memory, so that asking for
many costs the database nothing.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from sqlalchemy import Connection

from affluent.kit import clock
from affluent.services.errors import NotFound, TooManyTries
from affluent.store import people as store
from affluent.store.database import Database

FREE = 5
FREE_AT_ADDRESS = 20
UNKNOWN_PER_MINUTE = 60
"""How many tokens or links that are not known an address may try in a minute."""
_FIRST_WAIT = timedelta(seconds=15)
_LONGEST_WAIT = timedelta(minutes=15)
_FORGOTTEN_AFTER = timedelta(hours=24)
_MOST_ADDRESSES = 20_000


def wait_after(failures: int, free: int = FREE) -> timedelta:
    """How long to wait after so many failures in a row, of which some are free."""
    if failures < free:
        return timedelta()
    doubled: int = 2 ** min(failures - free, 10)
    return min(_FIRST_WAIT * doubled, _LONGEST_WAIT)


@dataclass(frozen=True, slots=True)
class Key:
    """What tries are counted by, e.g. an account."""

    name: str
    is_shared: bool = False
    """Several people stand behind it (an address): more tries are free, and a success gives back its own try only."""

    @property
    def hashed(self) -> str:
        """People type passwords into the field of the address: what was typed is not kept."""
        return hashlib.sha256(self.name.encode("utf-8", "replace")).hexdigest()

    @property
    def free(self) -> int:
        """How many failures have no consequence."""
        return FREE_AT_ADDRESS if self.is_shared else FREE


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try that was taken."""

    keys: tuple[Key, ...]
    at: datetime


class MustWait(Exception):
    """No try was taken: one of the keys has to wait."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"another try in {wait.total_seconds():.0f} s")
        self.wait = wait


class Throttle:
    """Counts tries per key, in the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, *keys: Key) -> Attempt:
        """Take a try of each key before it is judged; raises MustWait, and takes none, when one of them has to wait."""
        in_order = sorted(keys, key=lambda key: key.hashed)  # so that two never wait for each other
        names = [key.hashed for key in in_order]
        until = await self._database.read(lambda connection: store.longest_wait(connection, names))
        if until is not None and until > clock.now():  # a flood is refused without a write
            raise MustWait(until - clock.now())

        def unit(connection: Connection) -> Attempt:
            now = clock.now()
            past = now - _FORGOTTEN_AFTER
            store.forget_failures_before(connection, past)
            for key in in_order:
                count = store.take_try(connection, key.hashed, now, past)
                if count is None:
                    waits_until = store.longest_wait(connection, names) or now
                    raise MustWait(max(waits_until - now, timedelta(seconds=1)))
                wait = wait_after(count, key.free)
                if wait:
                    store.wait_until(connection, key.hashed, now + wait)
            return Attempt(keys, now)

        return await self._database.write(unit)

    async def give_back(self, attempt: Attempt) -> None:
        """The try was right: forget the failures of its keys; of a shared key, the try alone."""

        def unit(connection: Connection) -> None:
            for key in sorted(attempt.keys, key=lambda key: key.hashed):
                if key.is_shared:
                    store.give_try_back(connection, key.hashed, attempt.at, attempt.at - _FORGOTTEN_AFTER)
                else:
                    store.forget_failures(connection, key.hashed)

        await self._database.write(unit)


class Unknown:
    """Counts tokens or links that turned out unknown, by address: so many a minute, in any rhythm."""

    def __init__(self, per_minute: int = UNKNOWN_PER_MINUTE, seconds: Callable[[], float] = monotonic) -> None:
        self._most = float(per_minute)
        self._seconds = seconds
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Per key: how many tries were left, and when that was."""

    def take(self, key: str) -> None:
        """Take a try before it is judged; raises TooManyTries."""
        now = self._seconds()
        left, at = self._left.pop(key, (self._most, now))
        left = min(self._most, left + (now - at) * self._most / 60)
        self._left[key] = (left - 1 if left >= 1 else left, now)
        while len(self._left) > _MOST_ADDRESSES:
            self._left.popitem(last=False)
        if left < 1:
            raise TooManyTries("Too many unknown tokens or links were tried from your address. Try again in a minute.")

    def give_back(self, key: str) -> None:
        """It was known."""
        left, at = self._left.get(key, (self._most, self._seconds()))
        self._left[key] = (min(self._most, left + 1), at)

    @contextmanager
    def trying(self, key: str) -> Iterator[None]:
        """Around what judges a link: the try is given back unless NotFound comes out."""
        self.take(key)
        try:
            yield
        except NotFound:
            raise
        except BaseException:
            self.give_back(key)
            raise
        self.give_back(key)


def address_key(address: str) -> str:
    """By what an address is counted: of IPv6 the network of 64 bits, since one machine has that many addresses."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
