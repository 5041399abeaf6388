"""What the workspace refuses, in words for people.

BillingError
├── Refused           400: an input is wrong, or the state of things does not allow it
├── Missing           404: there is no such thing
└── Taken             409: an id or a value belongs to something else already
"""

from __future__ import annotations


class BillingError(Exception):
    """Base of all. `message` names the field when there is one, what was wrong, and what to do."""

    status = 400

    def __init__(self, message: str, *, field: str = "") -> None:
        self.message = f"{field}: {message}" if field else message
        super().__init__(self.message)
        self.field = field


class Refused(BillingError):
    """An input is wrong, or the state of things does not allow it."""


class Missing(BillingError):
    """There is no such thing."""

    status = 404


class Taken(BillingError):
    """An id or a value belongs to something else already."""

    status = 409
