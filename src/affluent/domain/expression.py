"""One expression: compiled once, bounded before it runs, null where a path is missing.

Expressions are CEL. Paths into the data (`trigger.invoice.id`, `steps.sale.promoter_email`) are taken out before CEL sees
them: a plain path is read directly, a missing one is null instead of an error, and only the values that are used are handed over.
CEL itself has no cost limit, so the text, the nesting of comprehensions and the sizes of lists are bounded first.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType

from affluent.domain.functions import FUNCTIONS
from affluent.kit.jsons import JSONValue

# The package imports its own command line with a whole terminal toolkit: 9 MB and 0.3 s that are never used here.
sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))
import cel  # noqa: E402 - the line above must come first

ROOTS = ("trigger", "steps", "inputs", "event")
LONGEST = 2_000
MOST_COMPREHENSIONS = 2
LONGEST_LIST = 1_000
LONGEST_NESTED_LIST = 100
MOST_WORK = 6_000_000
"""Rounds of loops times values handed to each: at most about a second."""
MOST_CHARACTERS = 20_000_000
_CHARACTERS_A_VALUE = 64
_LOOPS = ("map", "filter", "all", "exists")

_PATH = re.compile(
    r"""(?<![\w.\])"'])(?P<root>trigger|steps|inputs|event)
        (?P<rest>(?:\.[A-Za-z_]\w*(?!\w*\s*\()|\[\d+\]|\['[^'\]]*'\]|\["[^"\]]*"\])*)""",
    re.VERBOSE,
)
_PART = re.compile(r"""\.([A-Za-z_]\w*)|\[(\d+)\]|\['([^'\]]*)'\]|\["([^"\]]*)"\]""")
_STRING = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
_MACRO = re.compile(r"\.\s*(map|filter|all|exists|exists_one)\s*\(")
_HAS = re.compile(r"\bhas\(\s*(__p\d+)\s*\)")

Path = tuple[str | int, ...]


class ExpressionError(ValueError):
    """An expression that cannot be compiled or evaluated; the message is for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression."""

    source: str
    paths: tuple[Path, ...]
    program: cel.Program | None
    """None: the expression is one plain path."""
    loops: int = 0
    """How many of map, filter, all, exists it uses; they may stand inside each other."""
    sums: int = 0
    """How often it adds."""

    def evaluate(self, data: Mapping[str, JSONValue]) -> JSONValue:
        """The value over data with the roots trigger, steps, inputs, event. Raises ExpressionError."""
        values = [follow(data, path) for path in self.paths]
        if self.program is None:
            return values[0]
        self._bound(values)
        try:
            context = cel.Context(
                variables={f"__p{index}": value for index, value in enumerate(values)}, functions=FUNCTIONS
            )
            return _plain(self.program.execute(context))
        except ExpressionError:
            raise
        except Exception as error:
            raise ExpressionError(f"{self.source}: {_reason(error, self)}") from error

    def _bound(self, values: list[JSONValue]) -> None:
        """Refuse what would take long: CEL hands all values to every round of a loop, and cannot be interrupted."""
        if not self.loops and not self.sums:
            return
        size = _Size()
        for value in values:
            size.add(value)
        longest = LONGEST_NESTED_LIST if self.loops > 1 else LONGEST_LIST
        if self.loops and size.longest > longest:
            raise ExpressionError(f"{self.source}: a list of {size.longest} items is too long here (at most {longest})")
        rounds = size.longest**self.loops if self.loops else 0
        if rounds * (size.values + size.characters // _CHARACTERS_A_VALUE) > MOST_WORK:
            raise ExpressionError(f"{self.source}: this is too much data for {', '.join(_LOOPS)}; name a smaller part.")
        if self.sums * size.characters * max(rounds, 1) > MOST_CHARACTERS:
            raise ExpressionError(f"{self.source}: the texts that are put together are too long.")


@dataclass(slots=True)
class _Size:
    """How much there is in some values."""

    values: int = 0
    characters: int = 0
    longest: int = 0

    def add(self, value: JSONValue) -> None:
        self.values += 1
        if isinstance(value, str):
            self.characters += len(value)
        elif isinstance(value, (list, dict)):
            self.longest = max(self.longest, len(value))
            for item in value.values() if isinstance(value, dict) else value:
                self.add(item)


def follow(data: JSONValue, path: Path) -> JSONValue:
    """The value at a path, or None where it ends."""
    value = data
    for part in path:
        if isinstance(part, str) and isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(part, int) and isinstance(value, list) and part < len(value):
            value = value[part]
        else:
            return None
    return value


@lru_cache(maxsize=4096)
def compile_expression(source: str) -> Expression:
    """Compile an expression, or raise ExpressionError saying what is wrong with it."""
    text = source.strip()
    if not text:
        raise ExpressionError("The expression is empty.")
    if len(text) > LONGEST:
        raise ExpressionError(f"The expression has {len(text)} characters; at most {LONGEST} are allowed.")
    rewritten, paths = _take_paths(text)
    if rewritten == "__p0" and len(paths) == 1:
        return Expression(text, paths, None)
    code = _STRING.sub("''", rewritten)
    comprehensions = len(_MACRO.findall(code))
    if comprehensions > MOST_COMPREHENSIONS:
        raise ExpressionError(
            f"{text}: at most {MOST_COMPREHENSIONS} of map, filter, all, exists may be used in one expression."
        )
    try:
        program = cel.compile(_HAS.sub(r"(\1 != null)", rewritten))
    except Exception as error:
        raise ExpressionError(f"{text}: {_first_line(error)}") from error
    unknown = [
        name for name in program.functions() if name.isidentifier() and name not in FUNCTIONS and name not in _BUILT_IN
    ]
    if unknown:
        raise ExpressionError(
            f"{text}: there is no function {unknown[0]!r}. There are: {', '.join(sorted(FUNCTIONS))}."
        )
    return Expression(text, paths, program, loops=comprehensions, sums=code.count("+"))


_BUILT_IN = frozenset(
    (
        "size",
        "int",
        "uint",
        "double",
        "string",
        "bool",
        "bytes",
        "type",
        "dyn",
        "contains",
        "startsWith",
        "endsWith",
        "matches",
        "duration",
        "timestamp",
        "has",
        "map",
        "filter",
        "all",
        "exists",
        "exists_one",
        "existsOne",
        "getFullYear",
        "getMonth",
        "getDayOfMonth",
        "getHours",
        "getMinutes",
        "getSeconds",
        "max",
        "min",
        "in",
        "not",
    )
)


def _take_paths(text: str) -> tuple[str, tuple[Path, ...]]:
    paths: dict[Path, int] = {}

    def replace(match: re.Match[str]) -> str:
        path: Path = (match["root"], *_parts(match["rest"]))
        return f"__p{paths.setdefault(path, len(paths))}"

    pieces = _STRING.split(text)
    # An index in quotes belongs to its path, so the text is searched whole when a path continues into a string.
    rewritten = (
        _PATH.sub(replace, text)
        if re.search(r"\w\[['\"]", text)
        else "".join(piece if index % 2 else _PATH.sub(replace, piece) for index, piece in enumerate(pieces))
    )
    return rewritten, tuple(paths)


def _parts(rest: str) -> list[str | int]:
    return [
        int(match[2])
        if match[2] is not None
        else next(group for group in (match[1], match[3], match[4]) if group is not None)
        for match in _PART.finditer(rest)
    ]


def _plain(value: object) -> JSONValue:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


def _reason(error: Exception, expression: Expression) -> str:
    text = _first_line(error)
    for index, path in enumerate(expression.paths):
        text = text.replace(f"__p{index}", ".".join(map(str, path)))
    return text


def _first_line(error: Exception) -> str:
    line = str(error).splitlines()[0] if str(error) else type(error).__name__
    return line.split("ERROR: ", 1)[-1][:300]
