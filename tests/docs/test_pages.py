"""The documentation is true: every command, option, setting, metric and path it names exists, and each of them is in it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from typer.main import get_command

from affluent.catalog import load
from affluent.cli.main import app
from affluent.cli.settings import variable
from affluent.kit.metrics import registry
from affluent.settings import SecretFiles, Settings
from scripts.docs import DOCS, pages
from tests.support.pages import blocks

ROOT = DOCS.parent
MADE = pages()
WRITTEN = sorted({*DOCS.rglob("*.md"), *ROOT.glob("*.md")} - {DOCS / made for made in MADE} - {ROOT / "CHANGELOG.md"})
APP_PAGES = [DOCS / made for made in MADE if made.startswith("apps/")]
MENTIONED = [*WRITTEN, *APP_PAGES]
COMMAND = re.compile(r"(?<![\w./=-])affluent +([a-z-][^|;&)#`\n]*)")
API_PATH = re.compile(r"`(?:(GET|POST|PUT|PATCH|DELETE) )?/api/v1(/[\w{}/-]+)")
PATHS = re.compile(r"`((?:src|deploy|docs|tests|scripts|benchmarks)/[\w./@-]+)`")


EVERYWHERE = {opt for one in get_command(app).params for opt in one.opts} | {
    "--install-completion",
    "--show-completion",
}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def commands() -> dict[str, set[str]]:
    """Whole command → its options."""
    found: dict[str, set[str]] = {}
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]  # a group has commands
        for inner, one in getattr(command, "commands", {"": command}).items():
            found[f"{name} {inner}".strip()] = {opt for p in one.params for opt in (*p.opts, *p.secondary_opts)} | {
                "--help"
            }
    return found


@pytest.mark.parametrize("path", list(MADE))
def test_a_page_made_from_the_code_is_up_to_date(path: str) -> None:
    assert (DOCS / path).read_text() == MADE[path], "make docs writes it anew"


@pytest.mark.parametrize("path", MENTIONED, ids=named)
def test_every_command_that_is_shown_exists_with_its_options(path: Path) -> None:
    text = path.read_text()
    lines = [
        line for block in blocks(path) if block.kind == "sh" for line in block.text.replace("\\\n", " ").splitlines()
    ]
    lines += re.findall(r"`(affluent [a-z-][^`]*)`", text.replace("\n", " "))
    for line in COMMAND.findall("\n".join(lines)):
        words = line.split()
        name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in commands()), "")
        is_group = any(known.startswith(f"{words[0]} ") for known in commands()) and len(words) == 1
        used = {word.split("=")[0] for word in words if word.startswith("--")}
        if name:
            assert used <= commands()[name], line
        else:
            assert is_group or set(words) <= EVERYWHERE, line


@pytest.mark.parametrize("path", MENTIONED, ids=named)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    known = {variable(name) for name in Settings.model_fields} | {
        f"{variable(name)}_FILE" for name in SecretFiles.NAMES
    }
    assert {name for name in re.findall(r"\bAFFLUENT_[A-Z_]+[A-Z]\b", path.read_text()) if name not in known} == set()


@pytest.mark.parametrize("path", MENTIONED, ids=named)
def test_every_path_that_is_named_exists(path: Path) -> None:
    there = [name for name in PATHS.findall(path.read_text()) if "<" not in name and "*" not in name]
    assert [name for name in there if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", MENTIONED, ids=named)
def test_every_address_of_the_api_that_is_named_exists(path: Path) -> None:
    reference = re.findall(r"\| `(\w+)` \| `/api/v1(\S+)` \|", (DOCS / "reference" / "api.md").read_text())
    known = [(method, re.compile(re.sub(r"{\w+}", "[^/]+", address))) for method, address in reference]
    for method, address in API_PATH.findall(path.read_text()):
        assert any(method in ("", one) and pattern.fullmatch(address) for one, pattern in known), address


def test_every_cause_that_is_named_is_an_error() -> None:
    named = {code for path in MENTIONED for code in re.findall(r"--cause (\w+)", path.read_text())}
    assert named
    assert named <= set(re.findall(r"^\| `(\w+)` \|", (DOCS / "reference" / "errors.md").read_text(), re.MULTILINE))


def test_every_metric_is_documented_and_every_documented_one_exists() -> None:
    page = (DOCS / "operations" / "monitoring.md").read_text()
    names = {f"{one.name}_total" if one.type == "counter" else one.name for one in registry.collect()}
    assert set(re.findall(r"`(affluent_\w+)`", page)) == names


def test_every_setting_and_command_is_in_the_reference() -> None:
    settings = (DOCS / "reference" / "settings.md").read_text()
    assert [name for name in Settings.model_fields if f"`{variable(name)}`" not in settings] == []
    told = (DOCS / "reference" / "commands.md").read_text()
    assert [name for name in commands() if f"affluent {name}\n" not in told] == []


def test_every_app_has_a_page_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    assert [app.key for app in load().apps.values() if not app.hidden and f"apps/{app.key}.md" not in text] == []


def test_the_navigation_has_every_page_but_single_decisions() -> None:
    listed = set(re.findall(r"(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    there = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert listed == {page for page in there if not re.fullmatch(r"decisions/\d.*", page)}


def test_every_flow_that_the_journey_names_is_shipped() -> None:
    rows = re.findall(r"^\| ((?:Sync|Track)[^|]+?) \|", (DOCS / "journey.md").read_text(), re.MULTILINE)
    assert len(rows) == 4
    shipped = {flow.name for flow in load().public_flows()}
    assert [row for row in rows if not any(name.startswith(row) for name in shipped)] == []
