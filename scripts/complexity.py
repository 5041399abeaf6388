"""Lists functions that are longer or more complex than the house rules allow.

Complexity counts every way through a function: branches, loops, handlers, cases, `and`/`or`, and also conditional
expressions and comprehensions with their conditions, which the linter's own figure leaves out.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LONGEST = 60
MOST_COMPLEX = 12
PACKAGE = Path(__file__).parents[1] / "src" / "affluent"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.IfExp, ast.match_case, ast.comprehension)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One function: its name within the module (`Class.method`), where it starts, how long and how complex it is."""

    name: str
    line: int
    lines: int
    complexity: int

    @property
    def is_over(self) -> bool:
        return self.lines > LONGEST or self.complexity > MOST_COMPLEX


def product_modules() -> list[Path]:
    """Every module of the product; not the tests of apps, not the dated migrations."""
    return [path for path in sorted(PACKAGE.rglob("*.py")) if not {"tests", "versions"} & set(path.parts)]


def measure(source: str) -> Iterator[Measured]:
    """Every function of a module; one that is defined inside another is measured on its own as well."""
    return _within(ast.parse(source), "")


@cache
def offenders() -> dict[str, Measured]:
    """The product's functions over a limit, by `engine/journal.py:Journal.record`."""
    return {
        f"{path.relative_to(PACKAGE)}:{function.name}": function
        for path in product_modules()
        for function in measure(path.read_text())
        if function.is_over
    }


def _within(parent: ast.AST, prefix: str) -> Iterator[Measured]:
    for node in ast.iter_child_nodes(parent):
        inner_prefix = prefix
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            inner_prefix = f"{prefix}{node.name}."
        if isinstance(node, _FUNCTIONS):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            name = f"{prefix}{node.name}"
            yield Measured(name=name, line=node.lineno, lines=lines, complexity=_complexity(node))
        yield from _within(node, inner_prefix)


def _complexity(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    waiting: list[ast.AST] = list(ast.iter_child_nodes(function))
    ways = 1
    while waiting:
        node = waiting.pop()
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            continue  # measured on its own
        ways += isinstance(node, _BRANCHES)
        ways += len(node.values) - 1 if isinstance(node, ast.BoolOp) else 0
        ways += len(node.ifs) if isinstance(node, ast.comprehension) else 0
        waiting.extend(ast.iter_child_nodes(node))
    return ways


def main() -> int:
    """Print the offenders, the most complex first. Exit code 1 when there are any."""
    worst_first = sorted(offenders().items(), key=lambda item: (-item[1].complexity, -item[1].lines))
    for place, function in worst_first:
        sys.stdout.write(f"{place}, line {function.line}: {function.lines} lines, complexity {function.complexity}\n")
    return 1 if worst_first else 0


if __name__ == "__main__":
    raise SystemExit(main())
