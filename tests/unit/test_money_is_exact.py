"""No float touches money: not in the modules that handle it, and not through the back door of a division or a round."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "affluent"
MARKS = ("Money", "minor_units", "amount_minor", "_minor", "money")
MONEY_FOLDERS = ("billing", "api/togai")
KNOWN = (
    "reconciliation",
    "repair",
    "books",
    "money",
    "facts",
    "amounts",
    "tracking",
    "commissions",
    "ledger",
    "actions",
)
TIMES = frozenset({"timestamp", "total_seconds", "monotonic", "perf_counter", "sleep", "per_seconds", "timedelta"})


EXCUSED = {"billing/fields.py": ["float()"], "kit/money.py": ["round()", "round()"]}
"""Free JSON (metadata, rate cards) is given back as the numbers it came as; no amount passes there. A fraction is rounded exactly."""


def handles_money(path: Path, source: str) -> bool:
    """Whether a module computes or carries amounts."""
    relative = path.relative_to(PACKAGE).as_posix()
    named = any(mark in path.stem for mark in KNOWN) or relative.startswith(MONEY_FOLDERS)
    return named and any(mark in source for mark in MARKS)


def modules() -> list[Path]:
    """The modules that handle money; no tests."""
    found = (path for path in sorted(PACKAGE.rglob("*.py")) if not {"tests", "versions"} & set(path.parts))
    return [path for path in found if handles_money(path, path.read_text())]


def inexact(source: str) -> Iterator[str]:
    """Where a float could come about: float(), a float literal, a true division, round(). Times and paths aside."""
    tree = ast.parse(source)
    times = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.Call, ast.keyword)) and _is_about_time(node)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in times:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"{node.lineno}: the literal {node.value}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("float", "round"):
            yield f"{node.lineno}: {node.func.id}()"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not _is_path(node):
            yield f"{node.lineno}: a true division"
        if isinstance(node, ast.Name) and node.id == "float" and not isinstance(node.ctx, ast.Store):
            yield from _annotation(tree, node)


def _annotation(tree: ast.AST, name: ast.Name) -> Iterator[str]:
    """`float` as a type is refused too, unless it is the refusal itself: isinstance(amount, float)."""
    for node in ast.walk(tree):
        calls = isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "float")
        if calls and any(inner is name for inner in ast.walk(node)):
            return
        if isinstance(node, (ast.AnnAssign, ast.arg)) and node.annotation is not None:
            label = node.target if isinstance(node, ast.AnnAssign) else node
            text = ast.unparse(label) if isinstance(label, ast.expr) else label.arg
            if "seconds" in text and any(inner is name for inner in ast.walk(node.annotation)):
                return
    yield f"{name.lineno}: the type float"


def _is_about_time(node: ast.AST) -> bool:
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any("second" in ast.unparse(target).lower() for target in targets)
    if isinstance(node, ast.keyword):
        return "second" in (node.arg or "")
    if not isinstance(node, ast.Call):
        return False
    is_shown = ast.unparse(node.func) == "round" and "second" in ast.unparse(node)
    return is_shown or ast.unparse(node.func).rsplit(".", 1)[-1] in TIMES


def _is_path(node: ast.BinOp) -> bool:
    return any(word in ast.unparse(node).lower() for word in ("path", "folder", "__file__"))


def test_the_modules_that_handle_money_are_found() -> None:
    found = {path.relative_to(PACKAGE).as_posix() for path in modules()}
    assert {
        "kit/money.py",
        "billing/amounts.py",
        "services/reconciliation/repair_plan.py",
        "apps/razorpay/facts.py",
    } <= found
    assert len(found) > 25


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_float_touches_money(path: Path) -> None:
    excused = EXCUSED.get(path.relative_to(PACKAGE).as_posix(), [])
    assert [found.partition(": ")[2] for found in inexact(path.read_text())] == excused


@pytest.mark.parametrize(
    "code", ["x = 0.5", "x = float(amount)", "x = amount / 100", "x = round(amount, 2)", "def f(amount: float): ..."]
)
def test_a_float_is_found(code: str) -> None:
    assert list(inexact(code)) != []


@pytest.mark.parametrize("code", ["x = amount // 100", "isinstance(amount, (float, bool))", "_WAIT_SECONDS = 0.5"])
def test_what_is_exact_is_let_through(code: str) -> None:
    assert list(inexact(code)) == []
