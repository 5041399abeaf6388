"""Exact amounts: the lines of an invoice, rounded down to the currency's minor unit; payments, never rounded."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal, localcontext

from affluent.billing.errors import Refused
from affluent.billing.fields import LARGEST_AMOUNT
from affluent.billing.schemas import NewLine
from affluent.billing.views import InvoiceLine
from affluent.kit.money import Money, MoneyError, exponent


def lines(given: Sequence[NewLine], currency: str) -> tuple[InvoiceLine, ...]:
    """The lines as amounts of a currency; raises Refused naming the line that has none."""
    return tuple(
        InvoiceLine(
            description=line.description,
            net=_down(_value(line, f"lineItems.{index}"), currency, f"lineItems.{index}.value"),
            tax=_down(line.tax_amount or Decimal(0), currency, f"lineItems.{index}.taxAmount"),
        )
        for index, line in enumerate(given)
    )


def total(amounts: Sequence[Money], currency: str) -> Money:
    """The sum, of nothing too."""
    return Money(sum(one.minor_units for one in amounts), currency)


def exactly(amount: Decimal, currency: str, field: str) -> Money:
    """An amount with no more decimals than its currency has, and more than nothing; raises Refused naming the field."""
    try:
        money = Money.parse(amount, currency)
    except MoneyError as error:
        raise Refused(f"{error}.", field=field) from error
    if money.minor_units <= 0:
        raise Refused("Must be more than zero.", field=field)
    return money


def _value(line: NewLine, place: str) -> Decimal:
    if line.quantity is not None and line.value_per_quantity is not None:
        if line.value is not None:
            raise Refused("Give either value, or quantity and valuePerQuantity.", field=place)
        with localcontext() as context:
            context.prec = 80
            return line.quantity * line.value_per_quantity
    if line.value is None or line.quantity is not None or line.value_per_quantity is not None:
        raise Refused("Give value, or both quantity and valuePerQuantity.", field=place)
    return line.value


def _down(amount: Decimal, currency: str, field: str) -> Money:
    if amount > LARGEST_AMOUNT:
        raise Refused(f"Must be at most {LARGEST_AMOUNT}.", field=field)
    with localcontext() as context:
        context.prec = 80
        return Money(int(amount.scaleb(exponent(currency)).to_integral_value(ROUND_DOWN)), currency)
