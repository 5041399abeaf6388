"""Why an amount differs: the likeliest cause, found by trying what commonly goes wrong. Pure, whole minor units only."""

from __future__ import annotations

from affluent.kit.money import MoneyError, exponent

TAX, DISCOUNT, BOTH, ROUNDING, CONVERSION, UNIT, PART, OTHER = (
    "tax",
    "discount",
    "tax_and_discount",
    "rounding",
    "currency_conversion",
    "unit",
    "part",
    "other",
)
_CONVERSION_PERCENT = 5


def likely_reason(ours: int, theirs: int, currency: str, *, tax: int, discount: int, was_converted: bool) -> str:
    """The cause that explains the difference exactly goes first; `other` when none does."""
    above = theirs - ours
    if tax and above == tax:
        return TAX
    if discount and above == discount:
        return DISCOUNT
    if tax and discount and above == tax + discount:
        return BOTH
    scale = 10 ** places(currency)
    if scale > 1 and (theirs == ours * scale or ours == theirs * scale):
        return UNIT
    if was_converted and abs(above) * 100 <= abs(ours) * _CONVERSION_PERCENT:
        return CONVERSION
    if abs(above) <= rounding_step(currency):
        return ROUNDING
    return PART if 0 < theirs < ours else OTHER


def rounding_step(currency: str) -> int:
    """The largest difference that rounding makes: one unit, ten where gateways drop the third decimal."""
    return 10 if places(currency) > 2 else 1


def places(currency: str) -> int:
    """Decimal places; of a code that is none, two: it is shown as a wrong currency anyway."""
    try:
        return exponent(currency)
    except MoneyError:
        return 2
