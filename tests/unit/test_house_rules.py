"""The house rules a linter cannot count: the size of modules and functions, names, reasons of ignored rules, the locks."""

from __future__ import annotations

import io
import json
import re
import textwrap
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import ratchet
from scripts.complexity import LONGEST, MOST_COMPLEX, PACKAGE, measure, product_modules

HERE = Path(__file__).parents[2]
MODULE_LINES = 500
LONG_MODULES: dict[str, str] = {}  # path below src/affluent → why it is one conversation that must not be cut
APP_LINES = 200
RATCHET = json.loads(ratchet.FILE.read_text())
IGNORE = re.compile(r"#\s*(?:noqa|type:\s*ignore)\b", re.IGNORECASE)
EXPLAINED = re.compile(
    r"""\#\ (?:noqa:\ [A-Z]+\d+(?:,\ ?[A-Z]+\d+)*\ (?:-|\#)   # noqa: S608 - reason
          | type:\ ignore\[[a-z0-9, -]+\]\ +\#               # type: ignore[arg-type]  # reason
        )\ *[^\s\#].{7,}""",
    re.VERBOSE,
)


def modules() -> dict[str, int]:
    """Every module of the product → its lines, with docstring and blank lines."""
    return {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in product_modules()}


def unexplained(source: str) -> Iterator[str]:
    """The comments that silence a tool without a code and a reason."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        comment = token.string
        if token.type == tokenize.COMMENT and IGNORE.search(comment) and not EXPLAINED.search(comment):
            yield f"{token.start[0]}: {comment}"


def test_a_long_module_has_its_reason() -> None:
    assert {path for path, lines in modules().items() if lines > MODULE_LINES} == LONG_MODULES.keys()


def test_an_app_is_declared_on_one_screen() -> None:
    declarations = {path: lines for path, lines in modules().items() if re.fullmatch(r"apps/\w+/app\.py", path)}
    assert declarations
    assert {path: lines for path, lines in declarations.items() if lines > APP_LINES} == {}


@pytest.mark.parametrize(
    ("body", "complexity"),
    [
        ("return a", 1),
        ("return a if b else c", 2),
        ("return a and b and c", 3),
        ("return [x for x in a if x if b]", 4),
        ("return {x for y in a for x in y}", 3),
        ("if a:\n    return b\nelif b:\n    return c", 3),
        ("for x in a:\n    while b:\n        c()", 3),
        ("try:\n    a()\nexcept KeyError:\n    b()\nexcept ValueError:\n    c()", 3),
        ("match a:\n    case 1:\n        b()\n    case _:\n        c()", 3),
        ("return lambda: a if b else c", 2),
    ],
)
def test_complexity_counts_every_way_through_a_function(body: str, complexity: int) -> None:
    (function,) = measure("def f(a, b, c):\n" + textwrap.indent(body, "    "))
    assert function.complexity == complexity


def test_a_function_inside_a_function_is_measured_on_its_own() -> None:
    source = "class C:\n    def f(self):\n        def g():\n            return 1 if self else 2\n        return g\n"
    assert [(function.name, function.lines, function.complexity) for function in measure(source)] == [
        ("C.f", 4, 1),
        ("C.f.g", 2, 2),
    ]


def test_no_function_grows_over_the_limits() -> None:
    """Split it. What stands in the ratchet may stay until somebody works there, and may not get worse."""
    worse = {
        place: {"lines": lines, "complexity": complexity}
        for place, (lines, complexity) in ratchet.large_functions().items()
        if lines > max(LONGEST, RATCHET["large_functions"].get(place, [0, 0])[0])
        or complexity > max(MOST_COMPLEX, RATCHET["large_functions"].get(place, [0, 0])[1])
    }
    assert worse == {}


def test_the_ratchet_names_only_functions_that_are_still_over_the_limits() -> None:
    """After an improvement: python -m scripts.ratchet."""
    assert sorted(RATCHET["large_functions"].keys() - ratchet.large_functions().keys()) == []


def test_vague_names_of_variables_get_no_more() -> None:
    """Say what the variable holds: not `found` but `referral`."""
    counts = ratchet.vague_names_by_package()
    assert {package: n for package, n in counts.items() if n > RATCHET["vague_names"].get(package, 0)} == {}


def test_a_vague_name_is_counted_where_it_is_bound() -> None:
    source = """
        def f(one, *, wanted=None):
            found = [said for said in one if (told := said)]
            for this, (found, x) in found: ...
            try: ...
            except ValueError as told: ...
            return wanted.found(one=found)
    """
    assert ratchet.vague_names(textwrap.dedent(source)) == {
        "one": 1,
        "wanted": 1,
        "found": 2,
        "said": 1,
        "told": 2,
        "this": 1,
    }


def test_every_silenced_rule_has_a_code_and_a_reason() -> None:
    written_here = [*HERE.glob("*.py"), *PACKAGE.rglob("*.py"), *(HERE / "tests").rglob("*.py")]
    written_here += (HERE / "benchmarks").rglob("*.py")
    silenced = {str(path.relative_to(HERE)): list(unexplained(path.read_text())) for path in written_here}
    assert {path: comments for path, comments in silenced.items() if comments} == {}


def test_a_silenced_rule_without_a_reason_is_found() -> None:
    code = "a = 1  # noqa: S105\nb = 2  # type: ignore[misc]\nc = 3  # noqa - because I say so\n"
    assert len(list(unexplained(code))) == len(code.splitlines())


def test_a_silenced_rule_with_a_reason_is_accepted() -> None:
    code = "a = 1  # noqa: S105, S106 - a made-up secret\nb = 2  # type: ignore[misc]  # untyped library\n"
    assert list(unexplained(code)) == []


def test_the_locks_name_no_host_and_no_path() -> None:
    requirement = re.compile(r"[a-z0-9][a-z0-9._\[\],-]*==\S+( ; .*)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?|    #.*")
    locks = [HERE / "requirements.lock", HERE / "requirements-dev.lock"]
    written = [line for lock in locks for line in lock.read_text().splitlines()]
    assert [line for line in written if not requirement.fullmatch(line) or "://" in line] == []
