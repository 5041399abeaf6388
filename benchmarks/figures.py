"""Percentiles."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of the sorted values do not exceed; 0 when there are none."""
    if not values:
        return 0.0
    return values[min(int(len(values) * percent / 100), len(values) - 1)]
