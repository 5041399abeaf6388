"""What the pages for engineers name in the code exists: files, functions, tests."""

from __future__ import annotations

import ast
import re
import tomllib
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


ARCHITECTURE = (DOCS / "architecture.md").read_text()
PLACE = re.compile(r"`((?:[\w.]+/)*[\w.]+\.(?:py|md|yaml)|(?:[\w.]+/)+)(?::([A-Za-z_][\w.]*))?`")


def test_the_places_on_the_map_are_read() -> None:
    assert len(PLACE.findall(ARCHITECTURE)) > 100


@pytest.mark.parametrize("section", ["Where is …?", "Change X: look here"])
def test_at_least_twenty_questions_are_answered(section: str) -> None:
    table = ARCHITECTURE.split(f"## {section}\n")[1].split("\n## ")[0]
    assert len(re.findall(r"^\| .+ \| .+ \|$", table, re.MULTILINE)) >= 20 + len(["heading"])


@pytest.mark.parametrize(
    "page", ["architecture.md", "glossary.md", "decisions/0015-positions.md", "decisions/0016-rooms.md"]
)
def test_every_file_and_function_that_a_page_names_exists(page: str) -> None:
    missing = []
    for path, name in PLACE.findall((DOCS / page).read_text()):
        whole = next((base / path for base in (PACKAGE, ROOT) if (base / path).exists()), None)
        missing += [path] if whole is None and "/" in path else []
        missing += [f"{path}:{name}"] if whole and name and name not in names_of(str(whole.relative_to(ROOT))) else []
    assert missing == []


def layers(contract: str) -> list[str]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    lines = next(each["layers"] for each in contracts if each["name"].startswith(contract))
    return [name for line in lines for name in re.findall(r"\w+", line)]


def test_the_map_shows_the_layers_in_the_order_that_lint_holds() -> None:
    table = ARCHITECTURE.split("| Layer |")[1].split("\n\n")[0]
    shown = [name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line.split(" | ")[0])]
    assert shown == layers("Imports point down")


def test_the_map_shows_the_packages_of_services_in_the_order_that_lint_holds() -> None:
    packages = [name for name in layers("Each package of services") if (PACKAGE / "services" / name).is_dir()]
    assert (
        re.findall(r"services/(\w+)/`(?=[^|]* \| )", ARCHITECTURE.split("| Package |")[1].split("\n\n")[0]) == packages
    )


def test_the_picture_names_modules_that_exist() -> None:
    named = re.findall(r">([\w/]+\.py)<", (DOCS / "images" / "architecture.svg").read_text())
    assert named
    assert [path for path in named if not (PACKAGE / path).exists()] == []


def test_a_word_of_the_glossary_has_one_meaning() -> None:
    words = re.findall(r"^\| (?!Word|Old|-)([^|]+?) \|", (DOCS / "glossary.md").read_text(), re.MULTILINE)
    assert len(words) > 100
    assert sorted(word for word in set(words) if words.count(word) > 1) == []


def test_no_module_has_an_old_name() -> None:
    table = (DOCS / "glossary.md").read_text().split("## Old names")[1]
    old = {
        word for cell in re.findall(r"^\| (\w+(?:, \w+)*) \|", table, re.MULTILINE) for word in cell.lower().split(", ")
    }
    names = {path.stem for path in PACKAGE.rglob("*.py") if path.parent.name != "routes"}
    assert "door" in old
    assert sorted(old & names) == []
