"""Expressions as people read them, where that can be done without changing what they say."""

from __future__ import annotations

import re

_PATH = re.compile(r"\b(trigger|steps|inputs|event)((?:\.\w+|\[\d+\])+)")
_WORDS = (
    (" != null", " is given"),
    (" == null", " is empty"),
    (" && ", " and "),
    (" || ", " or "),
    (" == ", " is "),
    (" != ", " is not "),
    (" >= ", " is at least "),
    (" <= ", " is at most "),
    (" > ", " is above "),
    (" < ", " is below "),
)
_LONGEST = 80


def condition(source: str) -> str:
    """A short condition in words, e.g. "invoice net is above 0"; empty when it is better read as it was written."""
    if not source or len(source) > 3 * _LONGEST:
        return ""
    text = _PATH.sub(lambda match: path(match[0]), source)
    for sign, words in _WORDS:
        text = text.replace(sign, words)
    return text if len(text) <= _LONGEST and not re.search(r"[(){}\[\]!&|]", text) else ""


def path(source: str) -> str:
    """A path by its last parts: trigger.invoice.paid_at is "invoice paid at"."""
    parts = [part for part in re.split(r"[.\[\]]+", source) if part]
    kept = parts[2:] if parts[0] == "steps" else parts[1:]
    names = [part for part in kept if not part.isdigit() and part not in ("data", "settings", "metadata")][-2:]
    words: list[str] = []
    for name in names:
        words += [word for word in name.split("_") if word not in words]
    return " ".join(words) or source


def title(name: str) -> str:
    """A key as a label: "paid_at" is "Paid at"; names with capitals stay as they are."""
    return name if any(letter.isupper() for letter in name) else name.replace("_", " ").capitalize()


def first_line(text: str) -> str:
    """The first paragraph on one line."""
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())
