"""One expression: compiled once, evaluated here only when its work is bounded, null where a path is missing.

Expressions are CEL. Paths into the data (`trigger.invoice.id`, `steps.sale.promoter_email`) are taken out before CEL sees
them: a plain path is read directly, a missing one is null instead of an error, and only the values that are used are handed over.
CEL itself has no cost limit and cannot be interrupted. Without loops and regular expressions an expression is a tree whose work
is at most its length times the size of its values; everything else raises `Unbounded` and belongs into a process that can be
killed (`engine.expressions`).
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import ModuleType

from affluent.domain.functions import FUNCTIONS
from affluent.kit.jsons import JSONValue

# The package imports its own command line with a whole terminal toolkit: 9 MB and 0.3 s that are never used here.
sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))
import cel  # noqa: E402 - the line above must come first

ROOTS = ("trigger", "steps", "inputs", "event")
LONGEST = 2_000
MOST_WORK = 400_000
"""Weights of expressions times sizes of their values that are evaluated in this process for one mapping."""
_CHARACTERS_A_UNIT = 32
_LONGEST_SHOWN = 60
_LOOP = re.compile(r"map|filter|all|exists")
"""Searched in the whole text, also in its strings: a name that is hidden from this search is hidden from CEL too."""
_INVALID = re.compile(r"[$#@^~`;]")
_MOST_INVALID = 20
"""CEL collects an error for each character it does not know, which takes long."""

_PATH = re.compile(
    r"""(?<![\w.\])"'])(?P<root>trigger|steps|inputs|event)
        (?P<rest>(?:\.[A-Za-z_]\w*(?!\w*\s*\()|\[\d+\]|\['[^'\]]*'\]|\["[^"\]]*"\])*)""",
    re.VERBOSE,
)
_PART = re.compile(r"""\.([A-Za-z_]\w*)|\[(\d+)\]|\['([^'\]]*)'\]|\["([^"\]]*)"\]""")
_STRING = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
_HAS = re.compile(r"\bhas\(\s*(__p\d+)\s*\)")

Path = tuple[str | int, ...]


class ExpressionError(ValueError):
    """An expression that cannot be compiled or evaluated; the message is for the person who wrote it."""


class Unbounded(ExpressionError):
    """An expression whose work is not known to be small: it is evaluated only where it can be stopped."""


@dataclass(slots=True)
class Allowance:
    """What may be evaluated in this process for one mapping, and what was evaluated elsewhere already."""

    work: int = MOST_WORK
    results: Mapping[str, JSONValue | ExpressionError] = field(default_factory=dict)
    """By the expression's source."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression."""

    source: str
    paths: tuple[Path, ...]
    program: cel.Program | None
    """None: the expression is one plain path."""
    weight: int = 1
    """How much it does, at most, for each unit of its values: each part of it once, and each sum copies the sums before it."""
    is_bounded: bool = True
    """Whether it is free of loops, regular expressions and functions whose result is not bounded by their arguments."""

    def evaluate(self, data: Mapping[str, JSONValue], allowance: Allowance | None = None) -> JSONValue:
        """The value over data with the roots trigger, steps, inputs, event.

        Raises Unbounded when the work is not known to fit into the allowance, ExpressionError for everything else.
        """
        if self.program is None:
            return follow(data, self.paths[0])
        allowance = allowance or Allowance()
        if self.source in allowance.results:
            result = allowance.results[self.source]
            if isinstance(result, ExpressionError):
                raise result
            return result
        values = self.values(data)
        most = allowance.work // self.weight if self.is_bounded else 0
        units = size(values, most) + len(self.source) // _CHARACTERS_A_UNIT
        if not most or units > most:
            raise Unbounded(f"{self.source}: this may take too long to be evaluated here.")
        allowance.work -= units * self.weight
        return self.compute(values)

    def values(self, data: Mapping[str, JSONValue]) -> list[JSONValue]:
        """What stands at its paths."""
        return [follow(data, path) for path in self.paths]

    def compute(self, values: Sequence[JSONValue]) -> JSONValue:
        """The value over the values of its paths; takes as long as it takes. Raises ExpressionError."""
        assert self.program is not None  # noqa: S101 - a plain path has nothing to compute
        try:
            context = cel.Context(
                variables={f"__p{index}": value for index, value in enumerate(values)}, functions=FUNCTIONS
            )
            return _plain(self.program.execute(context))
        except ExpressionError:
            raise
        except Exception as error:
            raise ExpressionError(f"{self.source}: {_reason(error, self)}") from error


def size(values: Sequence[JSONValue], most: int) -> int:
    """How much there is in some values: one for each, and for each 32 characters. Counting ends beyond `most`."""
    units = 0
    waiting = list(values)
    while waiting and units <= most:
        value = waiting.pop()
        units += 1
        if isinstance(value, str):
            units += len(value) // _CHARACTERS_A_UNIT
        elif isinstance(value, dict):
            if len(value) > most:
                return units + len(value)
            waiting += value.values()
            units += sum(map(len, value)) // _CHARACTERS_A_UNIT
        elif isinstance(value, list):
            if len(value) > most:
                return units + len(value)
            waiting += value
    return units + len(waiting)


def shorten(value: JSONValue) -> str:
    """A value as it is shown in a message."""
    shown = repr(value)
    return shown if len(shown) <= _LONGEST_SHOWN else shown[: _LONGEST_SHOWN - 1] + "…"


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
    if len(_INVALID.findall(_STRING.sub("", text))) > _MOST_INVALID:
        raise ExpressionError(f"{text[:60]}…: this is no expression; it has characters that mean nothing in one.")
    try:
        program = cel.compile(_HAS.sub(r"(\1 != null)", rewritten))
    except Exception as error:
        raise ExpressionError(f"{text}: {_first_line(error)}") from error
    functions = _known_functions(text, program.functions())
    # A loop names a variable of its own, so two independent signs must both be absent.
    has_loop = bool(_LOOP.search(text)) or not all(_TAKEN.fullmatch(name) for name in program.variables())
    return Expression(
        text,
        paths,
        program,
        weight=len(text) + text.count("+") ** 2 // 4,
        is_bounded=not has_loop and not functions & _UNBOUNDED,
    )


def _known_functions(text: str, names: Iterable[str]) -> set[str]:
    """The functions that an expression calls. Raises ExpressionError for one that does not exist."""
    functions = {name for name in names if name.isidentifier()}
    unknown = sorted(functions - FUNCTIONS.keys() - _BUILT_IN)
    if unknown:
        raise ExpressionError(
            f"{text}: there is no function {unknown[0]!r}. There are: {', '.join(sorted(FUNCTIONS))}."
        )
    return functions


_TAKEN = re.compile(r"__p\d+")
_UNBOUNDED = frozenset(("matches", "join"))
"""A regular expression takes its length times that of the text; what `join` gives is longer than what it is given."""
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
    if isinstance(value, float) and not math.isfinite(value):
        raise ExpressionError("The result is not a number that can be written down.")
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
