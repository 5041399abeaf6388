"""Which part of a path a model does not have."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field

from affluent.services.flows.references import missing_part


class Invoice(BaseModel):
    number: str
    kind: str = Field(alias="class")
    settings: dict[str, str]


class Event(BaseModel):
    invoice: Invoice | None = None


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        (("invoice", "number"), ""),
        (("invoice", "class"), ""),
        (("invoice", "settings", "FirstPromoterTid"), ""),
        (("invoice", "sum"), "sum"),
        (("order", "number"), "order"),
    ],
)
def test_a_part_is_known_by_its_name_in_the_data(path: tuple[str, ...], missing: str) -> None:
    assert missing_part(Event, path) == missing
