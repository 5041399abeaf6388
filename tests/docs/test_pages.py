"""The documentation is true: every command, option, setting, metric and path it names exists, and each of them is in it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.main import get_command

from affluent.catalog import load
from affluent.cli.main import app
from affluent.cli.settings import variable
from affluent.kit.metrics import registry
from affluent.services.flow_files_schema import file_schema
from affluent.services.flow_files_text import read
from affluent.settings import SecretFiles, Settings
from scripts.docs import DOCS, pages

ROOT = DOCS.parent
WRITTEN = sorted(set(DOCS.rglob("*.md")) - {DOCS / made for made in pages()} - set(DOCS.glob("decisions/*")))
OURS = [path for path in WRITTEN if path.parent.name in ("docs", "operations", "apps")]
MENTIONED = [*OURS, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
PATHS = re.compile(r"`((?:src|deploy|docs|tests|scripts|benchmarks)/[\w./@-]+)`")


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


@pytest.mark.parametrize("path", list(pages()))
def test_a_page_made_from_the_code_is_up_to_date(path: str) -> None:
    assert (DOCS / path).read_text() == pages()[path], "make docs writes it anew"


@pytest.mark.parametrize("path", MENTIONED, ids=named)
def test_every_command_that_is_shown_exists_with_its_options(path: Path) -> None:
    lines = [
        line.strip() for _, kind, body in BLOCK.findall(path.read_text()) if kind == "sh" for line in body.splitlines()
    ]
    lines += re.findall(r"`(affluent [a-z][^`]*)`", path.read_text().replace("\n", " "))
    for line in lines:
        words = re.sub(r"^(?:\S+=\S+ )*(?:\.venv/bin/)?", "", line).split()
        if not words or words[0] != "affluent" or words[1:2] == ["--install-completion"]:
            continue
        name = next((" ".join(words[1:n]) for n in (3, 2) if " ".join(words[1:n]) in commands()), "")
        is_group = any(known.startswith(f"{words[1]} ") for known in commands()) and len(words) == 2
        assert name or is_group, line
        used = {word.split("=")[0] for word in words if word.startswith("--")}
        assert is_group or used <= commands()[name], line


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


def test_every_page_of_the_navigation_exists() -> None:
    assert [
        name
        for name in re.findall(r"(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
        if not (DOCS / name).exists()
    ] == []


def test_the_file_that_is_shown_follows_the_schema_and_is_read() -> None:
    (body,) = [body for _, kind, body in BLOCK.findall((DOCS / "files.md").read_text()) if kind == "yaml"]
    assert read([("files.md", body)]).flow_connections[0].connections == {"order": "http/Shop"}
    assert list(Draft202012Validator(file_schema(load())).iter_errors(yaml.safe_load(body))) == []


def test_every_flow_that_the_journey_names_is_shipped() -> None:
    rows = re.findall(r"^\| ((?:Sync|Track)[^|]+?) \|", (DOCS / "journey.md").read_text(), re.MULTILINE)
    assert len(rows) == 4
    shipped = {flow.name for flow in load().public_flows()}
    assert [row for row in rows if not any(name.startswith(row) for name in shipped)] == []
