"""The house rules a linter cannot count: how long modules are, why a rule is ignored, what a lock may say."""

from __future__ import annotations

import io
import re
import statistics
import tokenize
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parents[2]
PACKAGE = HERE / "src" / "affluent"
MEDIAN_LINES = 120
MODULE_LINES = 400
APP_LINES = 200
IGNORE = re.compile(r"#\s*(?:noqa|type:\s*ignore)\b", re.IGNORECASE)
EXPLAINED = re.compile(
    r"""\#\ (?:noqa:\ [A-Z]+\d+(?:,\ ?[A-Z]+\d+)*\ (?:-|\#)   # noqa: S608 - reason
          | type:\ ignore\[[a-z0-9, -]+\]\ +\#               # type: ignore[arg-type]  # reason
        )\ *[^\s\#].{7,}""",
    re.VERBOSE,
)


def modules() -> list[Path]:
    """Every module of the product; not an app's tests, not the dated migrations."""
    found = (path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*.py")))
    return [path for path in found if not {"tests", "versions"} & set(path.parts)]


def lines(module: Path) -> int:
    """How long a module is, its docstring and blank lines included."""
    return len((PACKAGE / module).read_text().splitlines())


def unexplained(source: str) -> Iterator[str]:
    """The comments that silence a tool without a code and a reason."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        comment = token.string
        if token.type == tokenize.COMMENT and IGNORE.search(comment) and not EXPLAINED.search(comment):
            yield f"{token.start[0]}: {comment}"


def test_the_median_module_is_short() -> None:
    lengths = [lines(module) for module in modules() if module.name != "__init__.py"]
    assert statistics.median(lengths) <= MEDIAN_LINES


def test_no_module_is_long() -> None:
    assert {str(module): lines(module) for module in modules() if lines(module) > MODULE_LINES} == {}


def test_an_app_is_declared_on_one_screen() -> None:
    declarations = [module for module in modules() if module.match("apps/*/app.py")]
    assert {str(module): lines(module) for module in declarations if lines(module) > APP_LINES} == {}


def test_every_silenced_rule_has_a_code_and_a_reason() -> None:
    written_here = [*HERE.glob("*.py"), *PACKAGE.rglob("*.py"), *(HERE / "tests").rglob("*.py")]
    written_here += (HERE / "benchmarks").rglob("*.py")
    found = {str(path.relative_to(HERE)): list(unexplained(path.read_text())) for path in written_here}
    assert {path: comments for path, comments in found.items() if comments} == {}


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
