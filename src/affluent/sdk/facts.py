"""What an app says about money: facts of its events and answers, and which of its actions tell what of a position.

The kinds of facts are the domain's own, handed on here: an app imports them from the SDK.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from affluent.domain.money.effects import EffectKind
from affluent.domain.money.facts import (
    BANK,
    Application,
    Cancellation,
    CancellationState,
    Commission,
    CommissionState,
    CreditGrant,
    Dispute,
    DisputeState,
    Entry,
    EntryState,
    Fact,
    GrantState,
    Invoice,
    InvoiceState,
    Lead,
    LeadState,
    Means,
    Payment,
    PaymentRequest,
    Refund,
    RefundState,
    RequestState,
    Settlement,
    VisitorId,
)
from affluent.domain.money.policy import Counts
from affluent.kit.money import Places, exponent

__all__ = [
    "BANK",
    "Application",
    "Cancellation",
    "CancellationState",
    "Commission",
    "CommissionState",
    "Counts",
    "CreditGrant",
    "Dispute",
    "DisputeState",
    "EffectKind",
    "Entry",
    "EntryState",
    "Fact",
    "GrantState",
    "Invoice",
    "InvoiceState",
    "Lead",
    "LeadState",
    "Means",
    "Origin",
    "Payment",
    "PaymentRequest",
    "PositionCall",
    "Refund",
    "RefundState",
    "RequestState",
    "Settlement",
    "VisitorId",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where facts come from; what `Fact.source`, `happened_at` and `learned_at` are set to where the vendor says no better."""

    source: str
    """The system: the id of the connection, or "workspace" for this server's own billing."""
    happened_at: datetime
    """The time of the event or answer."""
    learned_at: datetime
    """When it reached us."""
    referral_settings: frozenset[str] = frozenset()
    """Names of the settings that hold visitor ids or referral ids, as the installed trackers read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionCall:
    """What an action tells of a sale or account. With it, the position decides whether the call is due, when, and how much.

    The mapping of a flow then says whose sale it is; the amount and the id that are sent are the position's.
    """

    kind: EffectKind
    about: str
    """Input field that names the sale by its billing invoice or payment; of a sign-up or cancellation, the account; of a
    credit, the commission."""
    account: str = ""
    """Input field with the id of the billing account; of a credit, the promoter's own."""
    referral_settings: Mapping[str, str] = field(default_factory=dict)
    """Of a sign-up: name of the setting that holds a visitor id or referral id → the input field that it goes into."""
    counts: str = ""
    """Input field that says from when on money counts; "" or empty: when paid in full."""
    worth: str = ""
    """Of a credit: input field with the minor units that one unit of the promoter's commissions is worth."""
    unit: str = ""
    """Of a credit: input field that says which commissions count, "cash" or another text for rewards that are not money."""
    currency: str = ""
    """Of a credit: input field with its currency."""
    smallest: Callable[[str], int] = lambda _currency: 1
    """Of a request for payment: currency → the smallest amount, in minor units, that the vendor asks for."""
    places: Callable[[Any], Places] = lambda _credentials: exponent
    """Credentials → currency → how many decimal places the vendor counts in."""
