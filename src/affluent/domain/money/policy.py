"""What a connection or flow chooses about positions, and the default of each choice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from affluent.domain.money.rounding import Places, iso


class Counts(StrEnum):
    """From when on money counts at the tracker."""

    WHEN_PAID_IN_FULL = "when paid in full"
    AS_IT_IS_PAID = "as it is paid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of one connection to a tracker."""

    counts: Counts = Counts.WHEN_PAID_IN_FULL
    places: Places = iso
    """How the tracker counts each currency."""
    smallest_units: int = 1
    """Less than this is not told."""
    visible_within: timedelta = timedelta(hours=1)
    """How long a tracker may need to show a customer that it accepted."""
    told_within: timedelta = timedelta(hours=1)
    """How long after the last fact a due call may be on its way before it counts as never told."""
    billing_tells_receipts: bool = True
    """Whether the billing source tells of payments at all. If not, its word "paid" is all there is, and nothing is missing."""
    payments_are_sales: bool = False
    """Whether payments that name no invoice are sales of their own, and not money in question."""
    looked_for: timedelta = timedelta(days=60)
    """How old a sale may become before "not referred" is final."""


DEFAULT = Policy()
