"""Files of flows as text: YAML that says one thing only, read strictly and written to be read by people."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from affluent.kit.jsons import MAX_DEPTH, unstorable
from affluent.kit.numbers import shown
from affluent.services.errors import Invalid
from affluent.services.flow_files.model import FlowFile
from affluent.services.validation import problems_of

_HEAD = "# yaml-language-server: $schema=flow-file.schema.json\n"
_LARGEST = 4_194_304
_LONG = 90
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_FLOAT = re.compile(r"[+-]?[0-9]{1,20}\.[0-9]{0,20}(?:[eE][+-]?[0-9]{1,3})?")
_LINES = re.compile(r"[!-~](?:[ -~]*[!-~])?(?:\n+[!-~](?:[ -~]*[!-~])?)+")
"""Text of several lines that a block can hold as it is; anything odder is quoted."""
_BREAKS = re.compile("[\n\r\x85\u2028\u2029]")
_WORDS = re.compile(r"[!-~]+(?: [!-~]+)*")


def read(texts: Sequence[tuple[str, str]]) -> FlowFile:
    """Several files, each a name and a text, as one. Raises Invalid, whose message names the file and the place."""
    parts = [_read(name, text) for name, text in texts]
    return FlowFile(
        connections=tuple(item for part in parts for item in part.connections),
        flows=tuple(item for part in parts for item in part.flows),
        flow_connections=tuple(item for part in parts for item in part.flow_connections),
    )


def write(file: FlowFile) -> str:
    """The text of a file; what is as usual is left out."""
    content = file.model_dump(mode="json", exclude_defaults=True)
    content = {"affluent": file.affluent, **content}
    return _HEAD + yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def _read(name: str, text: str) -> FlowFile:
    if len(text) > _LARGEST:
        raise Invalid(f"{name}: a file has at most {_LARGEST} characters; this one has {len(text)}.")
    try:
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - a stricter kind of the safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
        raise Invalid(f"{name}{where}: this is not the YAML that we take: {reason}.") from error
    except RecursionError as error:
        raise Invalid(f"{name}: nested deeper than {MAX_DEPTH} levels.") from error
    wrong = unstorable(content)
    if wrong is not None:
        field = wrong[0].encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
        raise Invalid(f"{name}: {field}: {wrong[1]}", field=field)
    try:
        return FlowFile.model_validate(content if content is not None else {})
    except ValidationError as error:
        problems = [
            (field, f"{name}: {field}: {message}" if field else f"{name}: {message}")
            for field, message in problems_of(error)
        ]
        raise Invalid(problems[0][1], field=problems[0][0], problems=problems) from error


class _Loader(yaml.SafeLoader):
    """Text stays text (no dates, no yes and no), no key twice, no aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 - PyYAML's own types
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are not used here", problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it out
        return super().compose_node(parent, index)

    def construct_number(self, node: Any) -> int | float:  # noqa: ANN401 - PyYAML's own types
        """A number as JSON has it: no underscores, no base 60, nothing infinite, and no more digits than can be kept."""
        text = str(node.value)
        if _WHOLE.fullmatch(text):
            return int(text)
        number = float(text) if _FLOAT.fullmatch(text) else math.inf
        if not math.isfinite(number):
            raise yaml.MarkedYAMLError(
                problem=f"{shown(text)} is not a number of at most 18 digits; quote it if it is text",
                problem_mark=node.start_mark,
            )
        return number

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:  # noqa: ANN401, FBT001, FBT002 - PyYAML's own signature
        seen: set[str] = set()
        for key, _value in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise yaml.MarkedYAMLError(
                    problem=f"the name {key.value!r} must be text: quote it", problem_mark=key.start_mark
                )
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} is there twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_CORE = {
    letter: [
        (tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool", ":merge", ":value"))
    ]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.yaml_implicit_resolvers = _CORE
for _tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_number)
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), ["t", "f"])


class _Dumper(yaml.SafeDumper):
    """Lines of their own for items, blocks for long texts."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - PyYAML's own signature
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's own signature
        super().increase_indent(flow, indentless=False)

    def write_single_quoted(self, text: str, split: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's own signature
        super().write_single_quoted(text, split=False)

    def write_double_quoted(self, text: str, split: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's own signature
        super().write_double_quoted(text, split=False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = None
    if _LINES.fullmatch(value):
        style = "|"
    elif _BREAKS.search(value):
        style = '"'
    elif len(value) > _LONG and _WORDS.fullmatch(value):
        style = ">"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
