"""Takes secrets out of what is kept, shown or logged."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from affluent.kit.jsons import JSONObject, JSONValue

HIDDEN = "••••"
_SENSITIVE = re.compile(
    r"(^|[-_.])(authorization|api[-_]?key|x-api-key|secret|secret[-_]?key|password|passwd|token|auth[-_]?token|temp[-_]?password"
    r"|cookie|set-cookie|signature|webhook[-_]?secret|key[-_]?secret|access[-_]?token|refresh[-_]?token)$",
    re.IGNORECASE,
)
_PROOF = re.compile(
    r"signature|hmac|digest|hash|secret|token|auth|cookie|password|passwd|credential|jwt|session|api[-_]?key|[-_]key$|^key$|sig$",
    re.IGNORECASE,
)
"""A header with such a name holds what would let somebody else send the same again, or more."""
_NO_PROOF = frozenset({"idempotency-key", "x-idempotency-key"})
_SHORTEST_SECRET = 6
_LONGEST_REMEMBERED = 100


def redact(value: JSONValue, secrets: Iterable[str] = ()) -> JSONValue:
    """A copy in which values under secret-looking names, and every occurrence of `secrets`, are hidden."""
    known = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
    return _walk(value, known)


def redact_text(text: str, secrets: Iterable[str]) -> str:
    """The text with every occurrence of `secrets` hidden."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET and secret in text:
            text = text.replace(secret, HIDDEN)
    return text


def redact_headers(
    headers: Mapping[str, str], *, declared: Collection[str] = (), secrets: Iterable[str] = ()
) -> JSONObject:
    """The headers of a request received, without what proves who sent it: by their names, as declared, and by value."""
    known = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
    return {
        name: HIDDEN
        if value and (name.lower() in declared or (_PROOF.search(name) and name.lower() not in _NO_PROOF))
        else redact_text(value, known)
        for name, value in headers.items()
    }


def is_sensitive(name: str) -> bool:
    """Whether a field or header of this name holds a secret."""
    return _is_sensitive(name) if len(name) <= _LONGEST_REMEMBERED else _SENSITIVE.search(name) is not None


@lru_cache(maxsize=4096)
def _is_sensitive(name: str) -> bool:
    return _SENSITIVE.search(name) is not None


def _walk(value: JSONValue, secrets: list[str]) -> JSONValue:
    if isinstance(value, str):
        return redact_text(value, secrets) if secrets else value
    if isinstance(value, dict):
        return {
            key: _walk(item, secrets) if not isinstance(item, str) or not item
            else HIDDEN if is_sensitive(str(key))
            else redact_text(item, secrets) if secrets
            else item
            for key, item in value.items()
        }  # fmt: skip
    if isinstance(value, list):
        return [_walk(item, secrets) for item in value]
    return value
