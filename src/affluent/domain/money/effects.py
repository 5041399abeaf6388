"""Effects: what was told to a vendor, what is due, and how one stands in the way of another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EffectKind(StrEnum):
    """What a call does."""

    SIGN_UP = "sign-up"
    SALE = "sale"
    REFUND = "refund"
    AGAIN = "again"
    """A correction upwards: money that had been taken back counts again."""
    BACK = "back"
    """A correction downwards: more had been told than the facts say, and no refund accounts for it."""
    CANCELLATION = "cancellation"
    CREDIT = "credit"
    CREDIT_BACK = "credit back"
    REQUEST = "payment request"
    WITHDRAWAL = "withdrawal"


ADDS = frozenset({EffectKind.SALE, EffectKind.AGAIN})
"""These raise what the tracker holds for a sale."""
TAKES = frozenset({EffectKind.REFUND, EffectKind.BACK})
"""These lower it."""


class State(StrEnum):
    """Where an effect stands."""

    DUE = "due"
    """May be sent now."""
    HELD = "held"
    """Waits for another effect."""
    INTENDED = "intended"
    """On its way."""
    APPLIED = "applied"
    ALREADY_THERE = "already there"
    UNKNOWN = "unknown"
    """Sent, and the answer was lost: it is looked up, never blindly repeated."""
    REJECTED = "rejected"
    """Refused: a person repairs, dismisses or changes it."""
    PROPOSED = "proposed"
    """A correction of what somebody changed at the vendor: a person orders it."""
    NOT_REFERRED = "not referred"
    """The tracker knows no such customer; a later fact may change that."""
    MISSING = "missing"
    """It was applied and the tracker's list does not have it."""
    DROPPED = "dropped"
    """Nothing to do, for a reason."""


THERE = frozenset({State.APPLIED, State.ALREADY_THERE})
"""The vendor has it."""
MAYBE_THERE = frozenset({State.INTENDED, State.UNKNOWN})
"""The vendor may have it."""
COUNTED = THERE | MAYBE_THERE | {State.MISSING}
"""What nothing is sent for a second time by itself."""
NEEDS_PERSON = frozenset({State.REJECTED, State.PROPOSED, State.MISSING})
"""Only a repair sends these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A write to a vendor that is known: ours of the journal, or one that the vendor lists."""

    kind: EffectKind
    key: str
    """The id that it has at the vendor, made of the ids of facts."""
    state: State
    units: int = 0
    """What was told, as the vendor counts; never negative."""
    amount: int = 0
    """The same in minor units."""
    currency: str = ""
    about: str = ""
    """The sale or account that it belongs to."""
    answers_to: str = ""
    corrects: str = ""
    reason: str = ""
    """The vendor's own words, where it refused; who dismissed it and why."""
    answered_at: datetime | None = None
    """When the last answer came."""
    is_dismissed: bool = False
    """A person decided that this stays undone."""
    is_theirs: bool = False
    """The vendor lists it as we did not tell it: made or changed there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One effect of a position, told or due."""

    kind: EffectKind
    key: str
    state: State
    units: int
    amount: int
    currency: str
    sentence: str
    """Why it is due, or what became of it."""
    answers_to: str = ""
    """The key of what it takes back or corrects."""
    held_by: str = ""
    """The key of what it waits for."""
    again_at: datetime | None = None
    """When it is taken up again by itself."""
    final_at: datetime | None = None
    """From when on its outcome does not change any more."""
