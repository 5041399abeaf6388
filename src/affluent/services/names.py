"""Names that people give to things."""

from __future__ import annotations

from affluent.services.errors import Invalid

LONGEST_NAME = 120


def checked_name(name: str, field: str = "name") -> str:
    """The name without spaces at its ends; raises Invalid when it is empty, too long or has control characters."""
    trimmed = name.strip()
    if not trimmed:
        raise Invalid("Give it a name.", field=field)
    if len(trimmed) > LONGEST_NAME:
        raise Invalid(f"A name has at most {LONGEST_NAME} characters; this one has {len(trimmed)}.", field=field)
    if not trimmed.isprintable():
        raise Invalid("A name must not contain line breaks or control characters.", field=field)
    return trimmed
