"""Exact shares and roundings: everything is a fraction until it is rounded once, half to even."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from affluent.kit.money import Places, exponent, from_units, in_units

__all__ = ["Exact", "Places", "from_units", "in_units", "iso", "nearest", "shares"]

Exact = Fraction | int
"""An amount before it is rounded."""


def iso(currency: str) -> int:
    """The decimal places of ISO 4217; raises MoneyError for a code that does not exist."""
    return exponent(currency)


def nearest(amount: Exact) -> int:
    """The nearest whole number; a half goes to the even one."""
    return round(amount)


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
