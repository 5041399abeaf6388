"""Passwords: argon2id with the memory cost of OWASP's first recommendation, never on the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from affluent.services.errors import Invalid
from affluent.services.identity.easy_passwords import is_easy

SHORTEST = 12
LONGEST = 256

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_nobody = _hasher.hash("the password of nobody")
_at_once = ThreadPoolExecutor(2, thread_name_prefix="affluent-password")
"""Each takes 19 MiB and a core; more at once would starve the rest of the process."""


def checked_password(password: str, *own: str) -> str:
    """The password, when it is long enough to keep and not guessed at once; raises Invalid. `own`: who the person is."""
    if not password:
        raise Invalid(f"Choose a password of at least {SHORTEST} characters.", field="password")
    if len(password) < SHORTEST:
        raise Invalid(f"Use at least {SHORTEST} characters; this one has {len(password)}.", field="password")
    if len(password) > LONGEST:
        raise Invalid(f"Use at most {LONGEST} characters; this one has {len(password)}.", field="password")
    if is_easy(password, own):
        raise Invalid(
            "This one is guessed first: common words, rows of keys or your name. Take a few words that do not belong together.",
            field="password",
        )
    return password


async def hashed(password: str) -> str:
    """What is stored of a password."""
    return await asyncio.get_running_loop().run_in_executor(_at_once, _hasher.hash, password)


async def matches(password_hash: str, password: str) -> bool:
    """Whether this is the password. An empty hash takes as long as a real one and never matches."""
    loop = asyncio.get_running_loop()
    is_right = await loop.run_in_executor(_at_once, _verified, password_hash or _nobody, password[:LONGEST])
    return is_right and bool(password_hash)


def _verified(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
