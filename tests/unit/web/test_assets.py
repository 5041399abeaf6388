"""Vendored files are what their makers published, licences travel along, and templates hold no inline code."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

from affluent.web.app import HERE, TEMPLATES
from affluent.web.assets import FOLDER, Assets, assets

ROOT = Path(__file__).parents[3]
LOCK = json.loads((ROOT / "scripts/vendor_assets.lock.json").read_text())
PINS = json.loads((ROOT / "scripts/vendor_assets.json").read_text())
FILES = [(path, digest) for package in LOCK.values() for path, digest in package["sha256"].items()]
SOURCES = sorted(path for folder in TEMPLATES for path in folder.rglob("*.html"))
FORBIDDEN = re.compile(
    r"""\sstyle\s*=|\son[a-z]+\s*=|hx-on|js:|javascript:|<script(?![^>]*\bsrc=)|<style|\|\s*safe\b"""
)
SCRIPT_BUDGET, COLD_BUDGET = 30 * 1024, 100 * 1024
EVERY_PAGE = ("css/app.css", "vendor/htmx.min.js", "vendor/hx-sse.min.js", "js/trusted.js", "js/app.js", "icons.svg")
FONTS = ("fonts/geist-latin.woff2", "fonts/geist-mono-latin.woff2")


@pytest.mark.parametrize(("path", "digest"), FILES)
def test_a_vendored_file_is_unmodified(path: str, digest: str) -> None:
    assert hashlib.sha256((ROOT / path).read_bytes()).hexdigest() == digest


def test_the_lock_belongs_to_the_pins() -> None:
    assert {name: pin["version"] for name, pin in PINS.items()} == {name: it["version"] for name, it in LOCK.items()}


@pytest.mark.parametrize("name", LOCK)
def test_every_package_brings_its_licence(name: str) -> None:
    assert [path for path in LOCK[name]["sha256"] if "/licenses/" in path]


def test_only_what_the_interface_uses_is_in_the_package() -> None:
    vendored = {path for path, _ in FILES if path.startswith("src/")}
    found = {path.relative_to(ROOT).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    own = {path for path in found if re.search(r"static/(css|js)/|mark\.svg$", path)}
    assert found - own == vendored


def test_the_tree_changes_with_any_file(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a{}")
    before = Assets(tmp_path).tree
    (tmp_path / "a.css").write_text("b{}")
    assert Assets(tmp_path).tree != before


def test_an_asset_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(KeyError):
        assets().url("css/nothing.css")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(HERE).as_posix())
def test_a_template_holds_no_inline_code_and_switches_no_escaping_off(path: Path) -> None:
    assert FORBIDDEN.findall(path.read_text()) == []


@pytest.mark.parametrize(
    "bad", ['<p style="x">', '<a onclick="x">', "<script>x</script>", "{{ x|safe }}", '<a hx-on:click="x">']
)
def test_inline_code_is_found(bad: str) -> None:
    assert FORBIDDEN.search(bad)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(HERE).as_posix())
def test_a_template_names_only_icons_that_exist(path: Path) -> None:
    known = set(PINS["lucide-static"]["icons"])
    assert set(re.findall(r"""\bi\("([\w-]+)\"""", path.read_text())) <= known


def test_a_first_visit_and_its_script_stay_within_the_budget() -> None:
    size = {name: len(gzip.compress((FOLDER / name).read_bytes(), 9)) for name in EVERY_PAGE}
    fonts = sum((FOLDER / name).stat().st_size for name in FONTS)
    assert sum(value for name, value in size.items() if name.endswith(".js")) <= SCRIPT_BUDGET
    assert sum(size.values()) + fonts <= COLD_BUDGET
