"""A problem of a flow's definition, as it is shown beside its field."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowProblem:
    """One thing that is wrong, and where."""

    field: str
    """Dotted path in the definition, e.g. steps.0.inputs.amount."""
    message: str
    is_error: bool = True
    """False: a warning, which does not keep the flow from being published."""
    fix: str = ""
    """What to put there instead, when that can be said."""


def warning(field: str, message: str) -> FlowProblem:
    """A problem that does not keep the flow from being published."""
    return FlowProblem(field=field, message=message, is_error=False)
