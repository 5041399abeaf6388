"""What the pages for engineers name in the code exists: files, functions, tests."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from scripts.docs import DOCS

ROOT = DOCS.parent
PACKAGE = ROOT / "src" / "affluent"
TEST = re.compile(r"`([\w/.]+\.py)::(\w+)`")
FINDINGS = re.findall(
    r"^\| (?!Seen \||-)(.+?) \| .+ \| (.+) \|$", (DOCS / "security/findings.md").read_text(), re.MULTILINE
)


@cache
def names_of(path: str) -> frozenset[str]:
    """What a module of the repository defines at its top and in its classes: `run`, `Journal`, `Journal.record`."""
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(_names(tree.body, ""))


def _names(body: list[ast.stmt], prefix: str) -> list[str]:
    names: list[str] = []
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.append(prefix + name)
            case ast.ClassDef(name=name):
                names += [prefix + name, *_names(node.body, f"{name}.")]
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.append(prefix + name)
            case _:
                pass
    return names


def test_the_findings_are_read() -> None:
    assert len(FINDINGS) > 50


@pytest.mark.parametrize(("seen", "tests"), FINDINGS, ids=[seen[:40] for seen, _tests in FINDINGS])
def test_a_finding_names_the_tests_that_hold_it(seen: str, tests: str) -> None:
    named = TEST.findall(tests)
    assert named, seen
    assert [name for path, name in named if name not in names_of(path)] == []


def test_the_threat_model_says_what_an_installed_app_may_do() -> None:
    assert "An installed app runs with the product's rights" in (DOCS / "security/threat-model.md").read_text()
