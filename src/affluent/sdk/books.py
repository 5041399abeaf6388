"""What an app says about the vendor's books: records of money, listed for a window of time, and how they are corrected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from affluent.kit.jsons import JSONObject, JSONValue
from affluent.kit.money import Money
from affluent.sdk.facts import Fact

Shelf = Literal["billing", "payments", "commissions"]
"""Whose books they are: what was invoiced, what was paid at the gateway, what affiliates earned."""
RecordKind = Literal["invoice", "refund", "receipt", "payment", "payment_refund", "commission"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From an instant up to another; a vendor that filters by day lists whole days."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BookRecord:
    """One record of money.

    facts, all optional: gross, tax, discount (minor units of an invoice, gross also of a refund); basis, basis_currency,
    sale, part (of a commission: what the sale was, negative for a refund, its id, and whose share this is);
    rounded_to (minor units of the vendor's smallest unit, where it counts fewer decimal places than the currency has);
    was_converted; customer (the vendor's own id of the customer); number (what people call it).
    """

    kind: RecordKind
    id: str
    about: str
    """The billing invoice's id; of a refund's commission the refund's; of a payment that names none its own."""
    amount: Money
    at: datetime
    account_id: str = ""
    """The billing account, as far as the vendor knows it."""
    status: str = ""
    """Of a commission: approved, pending, denied or paid."""
    facts: JSONObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookPage:
    """Some of the records, and where to go on. A record that a shifting page shows twice counts once."""

    records: Sequence[BookRecord]
    cursor: JSONValue = None
    more: bool = False
    facts: Sequence[Fact] = ()
    """What the page says about money: the same facts as the vendor's events, also of what is no record of the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a correction has to achieve."""

    event_id: str
    """Deterministic id of the correction: the same however often it is asked for."""
    about: str
    """Id of what is corrected, e.g. of the sale."""
    account_id: str
    money: Money
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """An action that puts the books right, and its inputs."""

    action: str
    inputs: Callable[[Need], JSONObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The books of a vendor."""

    shelf: Shelf
    read: Callable[[Any, Window, JSONValue], Awaitable[BookPage]]
    """(ctx, window, cursor) → a page; the first cursor is None."""
    writes: Mapping[str, str] = field(default_factory=dict)
    """Action → what its input's key says was written: sale, refund or receipt."""
    is_listed: Callable[[JSONObject], bool] = lambda _output: True
    """Output of an applied write → whether the vendor's lists show it; a sale that earned nothing may be in none."""
    told_as: Sequence[str] = ()
    """External ids of the events that tell of a paid invoice, with {id} filled in."""
    refund_told_as: Sequence[str] = ()
    """The same for a refund, with {id} of its invoice."""
    add: Correction | None = None
    """Writes what is missing there."""
    take_back: Correction | None = None
    """Takes back what is too much there."""
    minimum: Callable[[str], int] = lambda _currency: 1
    """Currency → the smallest amount that is tracked."""
