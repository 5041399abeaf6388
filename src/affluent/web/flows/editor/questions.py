"""What a flow asks for when it is switched on, edited as rows: a title, a type, and its choices or columns."""

from __future__ import annotations

import re
from typing import Any

from affluent.kit.jsons import JSONObject
from affluent.web.forms import Form

TYPES = (
    ("text", "Text"),
    ("number", "Number"),
    ("boolean", "Yes or no"),
    ("choice", "Choice"),
    ("table", "Table"),
)
_LONGEST_KEY = 40


def questions(draft: JSONObject) -> list[dict[str, Any]]:
    """The questions that are at least objects."""
    inputs = draft.get("inputs")
    return [item for item in inputs if isinstance(item, dict)] if isinstance(inputs, list) else []


def more_of(question: dict[str, Any]) -> str:
    """Choices or column titles as they are edited: separated by commas."""
    if question.get("type") == "choice":
        return ", ".join(str(choice) for choice in question.get("choices") or ())
    return ", ".join(str(column.get("title", "")) for column in question.get("columns") or ())


def from_form(draft: JSONObject, form: Form) -> list[dict[str, Any]]:
    """The questions as the form has them; a row without a title is dropped. What the form does not show stays."""
    before = {str(question.get("key")): question for question in questions(draft)}
    cells = form.under("q")
    numbers = sorted({int(name.split(".", 1)[0]) for name in cells if re.match(r"[0-9]{1,3}\.", name)})
    if not numbers:
        return questions(draft)
    kept: list[dict[str, Any]] = []
    for number in numbers:
        title = cells.get(f"{number}.title", "").strip()
        if not title:
            continue
        taken = {question["key"] for question in kept} | set(before)
        key = cells.get(f"{number}.key", "") or _key(title, taken)
        question = {**before.get(key, {}), "key": key, "title": title}
        question["type"] = cells.get(f"{number}.type", "text")
        question["required"] = cells.get(f"{number}.required") == "yes"
        _with_more(question, [name.strip() for name in cells.get(f"{number}.more", "").split(",") if name.strip()])
        kept.append(question)
    return kept


def _with_more(question: dict[str, Any], names: list[str]) -> None:
    is_choice, is_table = question["type"] == "choice", question["type"] == "table"
    known = {column.get("title"): column for column in question.get("columns") or ()}
    columns: list[dict[str, Any]] = []
    for name in names if is_table else ():
        columns.append(known.get(name) or {"key": _key(name, {column["key"] for column in columns}), "title": name})
    question |= {"choices": names if is_choice else [], "columns": columns}
    if question.get("default") is not None and is_choice and question["default"] not in names:
        question["default"] = None


def _key(title: str, taken: set[str]) -> str:
    base = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[: _LONGEST_KEY - 3]
    base = base if base[:1].isalpha() else f"q_{base}".rstrip("_")
    return next(name for name in (base, *(f"{base}_{n}" for n in range(2, 99))) if name not in taken)
