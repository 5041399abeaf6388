"""The legal moves of an invoice's status."""

from __future__ import annotations

from affluent.billing.errors import Refused

BY_PERSON: dict[str, tuple[str, ...]] = {
    "DRAFT": ("DUE", "VOID"),
    "DUE": ("PAID", "UN_COLLECTIBLE", "VOID"),
    "PARTIALLY_PAID": ("PAID",),
    "UN_COLLECTIBLE": ("PAID", "VOID"),
    "PAID": ("REFUND_INITIATED",),
    "REFUND_INITIATED": ("REFUND_COMPLETED",),
}
"""From a status to those that a person or flow may choose. PARTIALLY_PAID comes of a payment alone."""
PAYABLE = ("DUE", "PARTIALLY_PAID", "UN_COLLECTIBLE")
"""Statuses in which a payment is taken."""


def check(before: str, after: str) -> None:
    """Raises Refused naming what is possible instead."""
    possible = BY_PERSON.get(before, ())
    if after not in possible:
        instead = f"it can become {' or '.join(possible)}" if possible else "it stays so"
        raise Refused(f"An invoice that is {before} cannot become {after}; {instead}.", field="status")


def after_payment(before: str, *, paid: int, total: int) -> str:
    """What an invoice becomes when `paid` of `total` minor units have come in."""
    if paid == total:
        return "PAID"
    if before == "UN_COLLECTIBLE":
        raise Refused("An invoice that is UN_COLLECTIBLE can only be paid in full.", field="lineItemRecords")
    return "PARTIALLY_PAID"
