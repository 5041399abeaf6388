"""Facts about money: added once for each state of a thing, never changed, and found by what they are about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, text

from affluent.domain.money.facts import (
    Application,
    Cancellation,
    Commission,
    CreditGrant,
    Dispute,
    Entry,
    Fact,
    Invoice,
    Lead,
    Payment,
    PaymentRequest,
    Refund,
    Resolution,
    Settlement,
    VisitorId,
)
from affluent.kit.clock import to_micros
from affluent.kit.ids import new_id
from affluent.kit.jsons import JSONObject, canonical, dumps
from affluent.store import bulk
from affluent.store.schema.types import UNREADABLE, readable
from affluent.store.tables import money

_KINDS: dict[str, type[Fact]] = {
    kind.__name__: kind
    for kind in (
        Application,
        Cancellation,
        Commission,
        CreditGrant,
        Dispute,
        Entry,
        Invoice,
        Lead,
        Payment,
        PaymentRequest,
        Refund,
        Resolution,
        Settlement,
        VisitorId,
    )
}
_OF_ACCOUNT = ("Cancellation", "Lead", "VisitorId")
"""Kinds that belong to every sale of their account."""
_MOST_HOPS = 6
"""A sale's payments may be applied to other invoices, whose payments name others; further than this nobody goes."""
_COLUMNS = [column.name for column in money.facts.columns]
_THING = ("thing_id", "kind", "source")
_UNIQUE = (*_THING, "digest", "happened_at")


def add(connection: Connection, facts: Iterable[tuple[str, Iterable[Fact]]]) -> list[Fact]:
    """Add the facts that are new; `facts` are (what made them known: an event, an effect, a list; facts). Returns the new ones."""
    rows: dict[tuple[str, ...], tuple[bulk.Row, Fact]] = {}
    for cause, of_cause in facts:
        for fact in of_cause:
            row = _row(fact, cause)
            rows[tuple(row[name] for name in _UNIQUE)] = (row, fact)
    known = _known_states(connection, [row for row, _ in rows.values()])
    rows = {key: (row, fact) for key, (row, fact) in rows.items() if not _is_known(row, known)}
    written = bulk.insert(
        connection,
        money.facts,
        [row for row, _ in rows.values()],
        columns=_COLUMNS,
        unique=_UNIQUE,
        returning=_UNIQUE,
    )
    return [rows[key][1] for key in written]


def _known_states(connection: Connection, rows: Iterable[bulk.Row]) -> dict[tuple[str, ...], list[tuple[int, str]]]:
    """Thing → (when, digest) of its states, in the order of time."""
    keys = sorted({row["thing_id"] for row in rows})
    if not keys:
        return {}
    sql = text(
        "SELECT thing_id, kind, source, happened_at, digest FROM facts WHERE thing_id IN "
        f"{bulk.each(connection.dialect.name)} ORDER BY happened_at"
    )
    known: dict[tuple[str, ...], list[tuple[int, str]]] = {}
    for thing_id, kind, source, happened_at, digest in connection.execute(sql, {"keys": dumps(keys)}):
        known.setdefault((thing_id, kind, source), []).append((happened_at, digest))
    return known


def _is_known(row: bulk.Row, known: dict[tuple[str, ...], list[tuple[int, str]]]) -> bool:
    """Whether the thing was in this state at that time already, by what is stored."""
    states = known.get(tuple(row[name] for name in _THING), [])
    before = [digest for happened_at, digest in states if happened_at <= row["happened_at"]]
    return bool(before) and before[-1] == row["digest"]


def of_sale(connection: Connection, sale_id: str) -> list[Fact]:
    """All facts that may belong to a sale, named by its invoice or one of its payments, and those of its account."""
    return of_sales(connection, [sale_id])


def of_sales(connection: Connection, sale_ids: Iterable[str]) -> list[Fact]:
    """The same of several sales; what belongs to two of them comes once."""
    facts: dict[str, Fact] = {}
    ids, asked = set(sale_ids), set[str]()
    for _ in range(_MOST_HOPS):
        new = ids - asked
        if not new:
            break
        facts |= _about(connection, "sale_id", new) | _about(connection, "payment_id", new)
        asked |= new
        ids |= {id_ for fact in facts.values() for id_ in _named(fact)}
    accounts = {fact.account_id for fact in facts.values() if isinstance(fact, (Invoice, Payment)) and fact.account_id}
    return [*facts.values(), *of_accounts(connection, accounts)]


def of_accounts(connection: Connection, account_ids: Iterable[str]) -> list[Fact]:
    """What is known of accounts themselves: visitor ids, referrals, cancellations."""
    kinds = ", ".join(f"'{kind}'" for kind in _OF_ACCOUNT)
    return list(_about(connection, "account_id", account_ids, f" AND kind IN ({kinds})").values())


def of_kind(connection: Connection, kind: type[Fact], *, things: Iterable[str] = ()) -> list[Fact]:
    """The facts of one kind, of these things."""
    return list(_about(connection, "thing_id", things, f" AND kind = '{kind.__name__}'").values())


def of_promoter(connection: Connection, promoter_id: str) -> list[Fact]:
    """What a tracker says of a promoter's commissions."""
    return list(_about(connection, "account_id", [promoter_id], " AND kind = 'Commission'").values())


def commissions_of(connection: Connection, source: str) -> list[Commission]:
    """All that a tracker says of commissions."""
    sql = text("SELECT kind, body FROM facts WHERE source = :source AND kind = 'Commission'")
    rows = connection.execute(sql, {"source": source})
    facts = (_fact(row.kind, row.body) for row in rows)
    return [fact for fact in facts if isinstance(fact, Commission)]


def everything(connection: Connection) -> list[Fact]:
    """All facts."""
    rows = connection.execute(text("SELECT kind, body FROM facts ORDER BY id"))
    return [fact for row in rows if (fact := _fact(row.kind, row.body)) is not None]


def credits_of(connection: Connection, account_id: str) -> list[Fact]:
    """The credits of an account."""
    return list(_about(connection, "account_id", [account_id], " AND kind = 'CreditGrant'").values())


def sales_of_payments(connection: Connection, payment_ids: Iterable[str]) -> set[str]:
    """The invoices that payments name or are applied to."""
    sql = text(
        "SELECT DISTINCT sale_id FROM facts WHERE sale_id <> '' AND payment_id <> '' AND payment_id IN "
        + bulk.each(connection.dialect.name)
    )
    return {row[0] for row in connection.execute(sql, {"keys": dumps(sorted(payment_ids))})}


def _about(connection: Connection, column: str, values: Iterable[str], condition: str = "") -> dict[str, Fact]:
    keys = sorted(set(values) - {""})
    if not keys:
        return {}
    filled = "" if column == "thing_id" else f"{column} <> '' AND "
    sql = text(
        f"SELECT id, kind, body FROM facts WHERE {filled}{column} IN {bulk.each(connection.dialect.name)}{condition}"
    )
    rows = connection.execute(sql, {"keys": dumps(keys)})
    facts = ((row.id, _fact(row.kind, row.body)) for row in rows)
    return {id_: fact for id_, fact in facts if fact is not None}


def _fact(kind: str, body: str) -> Fact | None:
    """The fact of a row; None when what is stored cannot be read, so that one row stops no other."""
    values = readable(body)
    if kind not in _KINDS or not isinstance(values, dict) or UNREADABLE in values:
        return None
    try:
        fact: Fact = _adapter(kind).validate_python(values, strict=False)
    except ValueError:
        return None
    return fact


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(_KINDS[kind])


def _row(fact: Fact, cause: str) -> bulk.Row:
    kind, source, thing_id = fact.thing
    body: JSONObject = _adapter(kind).dump_python(fact, mode="json")
    state = {name: value for name, value in body.items() if name not in ("learned_at", "happened_at")}
    sale_id, payment_id, account_id = about(fact)
    return {
        "id": new_id("fct"),
        "kind": kind,
        "source": source,
        "thing_id": thing_id,
        "digest": hashlib.sha256(canonical(state)).hexdigest()[:32],
        "sale_id": sale_id,
        "payment_id": payment_id,
        "account_id": account_id,
        "happened_at": to_micros(fact.happened_at),
        "learned_at": to_micros(fact.learned_at),
        "cause": cause,
        "body": body,
    }


def about(fact: Fact) -> tuple[str, str, str]:
    """(sale, payment, account) that a fact is about; "" where it names none. A commission's account is its promoter's id."""
    match fact:
        case Invoice():
            return fact.id, "", fact.account_id
        case Payment():
            return fact.invoice_id, fact.id, fact.account_id
        case Entry():
            return fact.sale_id or fact.id, "", fact.account_id
        case Commission():
            return fact.sale_id or fact.entry_id, "", fact.promoter_id
        case Resolution():
            return "".join(fact.corrects.split(":")[1:2]), "", ""
        case _:
            named = (getattr(fact, name, "") for name in ("invoice_id", "payment_id", "account_id"))
            sale_id, payment_id, account_id = named
            return sale_id, payment_id, account_id


def _named(fact: Fact) -> list[str]:
    """The ids of sales and payments that a fact leads to."""
    match fact:
        case Payment():
            return [fact.id, fact.invoice_id] if fact.invoice_id else [fact.id]
        case Application():
            return [fact.payment_id, fact.invoice_id]
        case Refund():
            return [id_ for id_ in (fact.payment_id, fact.invoice_id) if id_]
        case Dispute():
            return [fact.payment_id]
        case _:
            return []
