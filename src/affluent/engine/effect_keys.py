"""Keys of effects: how an effect is named here and at the vendor, and whether two effects under one key are the same."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from affluent.kit.jsons import JSONObject, JSONValue, text_of
from affluent.kit.money import Money, MoneyError
from affluent.sdk.app import Same
from affluent.store.bulk import Row

_LONGEST = 2_000
"""Bytes of a key in the database: PostgreSQL's indexes take no longer ones."""
_PLAIN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field in which an effect differs from the one that is known under its key."""

    field: str
    known: str
    given: str
    run_id: str
    """The run of the known effect."""


def of_record(connection_id: str, app: str, action: str, value: str) -> str:
    """The key of an effect that the vendor knows by an id."""
    key = f"{connection_id}/{app}.{action}/{value}"
    written = key.encode("utf-8", "surrogatepass")
    if len(written) <= _LONGEST and "\0" not in key:
        return key
    return f"{connection_id}/{app}.{action}#{hashlib.sha256(written).hexdigest()}"


def for_vendor(key: str, limit: int) -> str:
    """The key as a vendor takes it: as it is when it is plain ASCII and short enough, else its hash, always the same one."""
    if len(key) <= limit and _PLAIN.fullmatch(key):
        return key
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:limit]


def difference(known: Row, intended: Row, same: Same) -> Difference | None:
    """Where a known effect differs from one that is intended under its key: in its money, or in whose it is.

    Both are rows of effects with unpacked inputs. A field that one of them leaves empty is no difference.
    """
    run_id = known["run_id"]
    if _is_other_money(known, intended):
        return Difference(field="amount", known=_money(known), given=_money(intended), run_id=run_id)
    old, new = known["input"] or {}, intended["input"] or {}
    for entry in same:
        names = (entry,) if isinstance(entry, str) else entry
        name = next((name for name in names if _filled(old, name) and _filled(new, name)), None)
        if name is not None and _comparable(old[name]) != _comparable(new[name]):
            return Difference(field=name, known=text_of(old[name]), given=text_of(new[name]), run_id=run_id)
    return None


def _filled(fields: JSONObject, name: str) -> bool:
    return fields.get(name) not in (None, "", [], {})


def _comparable(value: JSONValue) -> JSONValue:
    """Addresses of e-mail are the same whatever their case; ids are not."""
    return value.strip().lower() if isinstance(value, str) and "@" in value else value


def _is_other_money(known: Row, intended: Row) -> bool:
    if known["amount_minor"] is None or intended["amount_minor"] is None:
        return False
    currencies = {(row["currency"] or "").upper() for row in (known, intended)} - {""}
    return known["amount_minor"] != intended["amount_minor"] or len(currencies) > 1


def _money(row: Row) -> str:
    currency = (row["currency"] or "").upper()
    try:
        return str(Money(row["amount_minor"], currency))
    except MoneyError:
        return f"{row['amount_minor']} {currency}".strip()
