"""Lines as CSV: amounts as exact decimals, and no cell that a spreadsheet would take for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from affluent.kit.money import Money, MoneyError
from affluent.services.reconciliation.views import LineView

COLUMNS = (
    "invoice_id", "account_id", "leg", "class", "currency", "ours", "theirs", "difference", "unexplained", "at",
    "reason", "sentence", "records",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def header() -> str:
    """The first line."""
    return _written([COLUMNS])


def rows(lines: Sequence[LineView]) -> str:
    """Lines of CSV."""
    return _written(
        [
            (
                safe(line.invoice_id),
                safe(line.account_id),
                line.leg,
                line.name,
                line.currency,
                *(_major(amount, line.currency) for amount in (line.ours, line.theirs, line.difference, line.open)),
                line.at.isoformat(),
                safe(line.reason),
                safe(line.sentence),
                safe(" ".join(f"{kind}:{id_}" for kind, id_ in line.records)),
            )
            for line in lines
        ]
    )


def safe(text: str) -> str:
    """A cell that no spreadsheet computes."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _written(csv_rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(csv_rows)
    return out.getvalue()


def _major(minor: int, currency: str) -> str:
    try:
        return format(Money(minor, currency).major, "f")
    except MoneyError:
        return f"{minor} minor units"
