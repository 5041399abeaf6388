"""The tutorial's app and a fresh one of `affluent apps new`: both work as they are, and keep the catalogue's promises."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from affluent.catalog import load
from affluent.cli.apps_check import RULES, level_of
from affluent.cli.main import app as command
from affluent.sdk import App, Effect

PAGE = (Path(__file__).parents[2] / "docs" / "apps" / "tutorial.md").read_text()
CODE = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]  # type: ignore[index]  # the page has one
SAMPLE = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1]  # type: ignore[index]  # the page has one


def loaded(folder: Path) -> App:
    """The app of a folder."""
    spec = importlib.util.spec_from_file_location(f"tutorial_{folder.name}", folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.app


def judged_by_its_sample(app: App, name: str, action: str) -> None:
    sample = json.loads((app.folder / "samples" / name).read_text())
    app.actions[action].input.model_validate(sample["input"])
    output = app.actions[action].output
    assert output is not None
    output.model_validate(sample["output"])


def test_the_tutorials_app_is_short_and_works(tmp_path: Path) -> None:
    own_lines = [line for line in CODE.splitlines() if line.strip()]
    assert len(own_lines) < 60
    folder = tmp_path / "sms"
    (folder / "samples").mkdir(parents=True)
    (folder / "app.py").write_text(CODE)
    (folder / "samples" / "send.json").write_text(SAMPLE)
    app = loaded(folder)
    assert app.actions["send"].effect is Effect.WRITE
    judged_by_its_sample(app, "send.json", "send")


def test_a_new_app_is_silver_from_its_first_moment(tmp_path: Path) -> None:
    made = CliRunner().invoke(command, ["apps", "new", "carrier_pigeon", "--into", str(tmp_path)])
    assert made.exit_code == 0, made.output
    app = loaded(tmp_path / "carrier_pigeon")
    assert (app.key, app.title) == ("carrier_pigeon", "Carrier pigeon")
    assert level_of(app) == "silver"
    judged_by_its_sample(app, "send.json", "send")
    test = (tmp_path / "carrier_pigeon" / "tests" / "test_carrier_pigeon.py").read_text()
    compile(test, "test_carrier_pigeon.py", "exec")


@pytest.mark.parametrize("key", ["slack", "Nope", "1x", "a"])
def test_a_key_that_cannot_be_is_refused(key: str, tmp_path: Path) -> None:
    refused = CliRunner().invoke(command, ["apps", "new", key, "--into", str(tmp_path)])
    assert refused.exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("app", load().apps.values(), ids=lambda app: app.key)
def test_every_app_of_the_catalogue_is_silver_at_least(app: App) -> None:
    assert level_of(app) in ("silver", "gold"), [rule.says for rule in RULES if not rule.holds(app)]


def test_razorpay_is_gold() -> None:
    told = CliRunner().invoke(command, ["apps", "check", "razorpay", "--json"])
    assert json.loads(told.output)["level"] == "gold", told.output
