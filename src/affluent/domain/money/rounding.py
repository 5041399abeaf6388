"""Exact shares and roundings: everything is a fraction until it is rounded once, half to even."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from affluent.kit.money import exponent

Exact = Fraction | int
"""An amount before it is rounded."""
ConcurrencySlots = Callable[[str], int]
"""Currency → the decimal places in which a vendor counts it. `iso` is ISO 4217's own; an app brings its vendor's."""


def iso(currency: str) -> int:
    """The decimal places of ISO 4217; raises MoneyError for a code that does not exist."""
    return exponent(currency)


def nearest(amount: Exact) -> int:
    """The nearest whole number; a half goes to the even one."""
    return round(amount)


def in_units(minor_units: Exact, currency: str, places: ConcurrencySlots) -> int:
    """An amount in minor units as whole units of a vendor: KWD 741.255 is 74126 where two places are counted."""
    return nearest(_shifted(minor_units, places(currency) - exponent(currency)))


def from_units(units: int, currency: str, places: ConcurrencySlots) -> int:
    """Whole units of a vendor as minor units: 74126 of KWD in two places are 741260."""
    return nearest(_shifted(units, exponent(currency) - places(currency)))


def _shifted(amount: Exact, by: int) -> Exact:
    scale = int(10 ** abs(by))
    return amount * scale if by >= 0 else Fraction(amount) / scale


def shares(amount: int, weights: Sequence[int]) -> list[int]:
    """Split an amount by weights with the largest remainders, so that the parts add up to it exactly.

    Of equal remainders the earlier part gets the unit. Weights are not negative; if all are 0, the first part takes all.
    """
    whole = sum(weights)
    if not whole:
        return [amount, *[0] * (len(weights) - 1)] if weights else []
    exact = [Fraction(amount * weight, whole) for weight in weights]
    parts = [part.numerator // part.denominator for part in exact]
    left = amount - sum(parts)
    order = sorted(range(len(parts)), key=lambda index: (parts[index] - exact[index], index))
    for index in order[:left]:
        parts[index] += 1
    return parts
