"""Every example of the documentation is executed or examined by something, or says why it is not."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from affluent.catalog import load
from affluent.services.flow_files.json_schema import file_schema
from affluent.services.flow_files.yaml_text import read
from affluent.settings import configured
from tests.acceptance.test_manual import TYPED, WALKED
from tests.support.pages import DOCS, ROOT, Block, blocks

ELSEWHERE = {
    ("docs/apps/tutorial.md", ""): "names of files, which test_tutorial.py writes",
    ("docs/apps/tutorial.md", "python"): "test_tutorial.py makes an app of it",
    ("docs/apps/webhook.md", ""): "the form of a request; own-flow.md sends one",
    ("docs/security/people.md", "sh"): "variables, of which test_pages.py knows each",
    ("README.md", "sh"): "make targets and a server, which CI and tests/acceptance start",
    ("CONTRIBUTING.md", "sh"): "a make target, which CI starts with",
}
COPIES = {DOCS / "contributing.md", DOCS / "changelog.md"}
PAGES = sorted({*DOCS.rglob("*.md"), *ROOT.glob("*.md")} - COPIES)
FOUND = [(str(page.relative_to(ROOT)), block) for page in PAGES for block in blocks(page)]


def of_kind(kind: str) -> list[Block]:
    return [block for _, block in FOUND if block.kind == kind]


def is_run(page: str, block: Block) -> bool:
    name = page.removeprefix("docs/")
    return name in WALKED or (name in TYPED and block.kind == "sh")


def test_every_block_is_run_or_examined_or_says_why_not() -> None:
    examined = ("json", "yaml", "toml")
    assert [
        f"{page}:{block.place}"
        for page, block in FOUND
        if not (block.reason or block.kind in examined or is_run(page, block) or (page, block.kind) in ELSEWHERE)
    ] == []


def test_every_fence_of_a_page_is_seen() -> None:
    fences = {str(page.relative_to(ROOT)): len(re.findall(r"^ *```", page.read_text(), re.MULTILINE)) for page in PAGES}
    assert {page: number for page, number in fences.items() if number != 2 * sum(page == one for one, _ in FOUND)} == {}


def test_every_reason_is_needed() -> None:
    kinds = {(page, block.kind) for page, block in FOUND}
    assert [place for place in ELSEWHERE if place not in kinds] == []
    assert [name for name in (*WALKED, *TYPED) if not (DOCS / name).exists()] == []


@pytest.mark.parametrize("block", of_kind("json"), ids=lambda block: block.place)
def test_json_is_json(block: Block) -> None:
    assert json.loads(block.text)


@pytest.mark.parametrize("block", of_kind("yaml"), ids=lambda block: block.place)
def test_a_file_of_flows_follows_the_schema_and_is_read(block: Block) -> None:
    assert list(Draft202012Validator(file_schema(load())).iter_errors(yaml.safe_load(block.text))) == []
    assert read([(block.place, block.text)]).flow_connections


@pytest.mark.parametrize("block", of_kind("toml"), ids=lambda block: block.place)
def test_a_configuration_file_is_accepted(block: Block, tmp_path: Path) -> None:
    if "project" in tomllib.loads(block.text):
        return  # of a package, in the tutorial
    file = tmp_path / "affluent.toml"
    file.write_text(block.text)
    assert configured(file)


def test_every_module_that_is_drawn_exists() -> None:
    picture = (DOCS / "images" / "architecture.svg").read_text()
    drawn = re.findall(r">((?:\w+/)+\w+\.py)<", picture)
    assert len(drawn) > 4
    assert [name for name in drawn if not (ROOT / "src" / "affluent" / name).exists()] == []


def test_every_picture_is_shown_and_says_what_is_seen() -> None:
    shown = [
        pair
        for page in PAGES
        for pair in re.findall(r"!\[([^\]]*)\]\((?:[./]|docs/)*images/([\w.]+)\)", page.read_text())
    ]
    assert {name for _, name in shown} == {file.name for file in (DOCS / "images").iterdir()}
    assert [name for text, name in shown if len(text) < 20] == []
