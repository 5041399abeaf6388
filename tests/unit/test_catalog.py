"""Installed apps: found by their entry points; one that is broken is shown with its error and stops nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from affluent import catalog
from affluent.catalog import BrokenApp, Catalog

WORKING = """
from pathlib import Path
from affluent.sdk import App, Category
app = App(key="{key}", title="Pigeon", description="Carries.", category=Category.UTILITY, folder=Path(__file__).parent)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages that can be imported; they are forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("pigeon"):
            del sys.modules[name]


def package(site: Path, name: str, code: str, module: str = "app.py") -> None:
    """A package with one module."""
    (site / name).mkdir()
    (site / name / "__init__.py").touch()
    (site / name / module).write_text(code)


def found(monkeypatch: pytest.MonkeyPatch, *entries: tuple[str, str]) -> Catalog:
    """The catalogue of a Python that has these entry points."""
    points = [EntryPoint(name=name, value=value, group="affluent.apps") for name, value in entries]
    monkeypatch.setattr(catalog, "entry_points", lambda group: points)
    return catalog.load.__wrapped__()


def test_an_app_is_found_by_its_entry_point_and_its_twin_in_the_package_that_this_names(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(site, "pigeon", WORKING.format(key="pigeon"))
    (site / "pigeon" / "twin.py").write_text(
        "from affluent.sdk.twin import Twin\nclass Loft(Twin):\n    key = 'pigeon'\n"
    )
    apps = found(monkeypatch, ("pigeon", "pigeon.app:app"))
    assert apps.broken == ()
    assert apps.packages["pigeon"] == "pigeon"
    assert "Loft" in {type(twin).__name__ for twin in apps.twins()}


def test_an_entry_point_may_name_the_package_itself(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(site, "pigeon", WORKING.format(key="pigeon"), module="__init__.py")
    assert found(monkeypatch, ("pigeon", "pigeon:app")).packages["pigeon"] == "pigeon"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("raise RuntimeError('no wings')", "it cannot be imported: RuntimeError: no wings"),
        ("import pigeon_that_is_not_there", "it cannot be imported: ModuleNotFoundError: No module named"),
        ("import sys; sys.exit(3)", "it cannot be imported: SystemExit: 3"),
        ("this is no Python", "it cannot be imported: SyntaxError"),
        ("bird = 1", "it cannot be imported: AttributeError: module 'pigeon.app' has no attribute 'app'"),
        ("app = 1", "the entry point gives an object of type 'int'; it must give the app, as in pigeon.app:app."),
        (WORKING.format(key="dove"), "'pigeon' declares the key 'dove'; they must be the same."),
        (WORKING.format(key="pigeon") + "app.category = 'Birds'", "its category is no Category; ask its author."),
        (
            WORKING.format(key="pigeon") + "app.folder = Path('/nowhere/at/all')",
            "its folder /nowhere/at/all is not there",
        ),
        (WORKING.format(key="pigeon") + "app.credentials = dict", "its credentials is no model with a JSON Schema"),
        (
            WORKING.format(key="pigeon") + "app.actions['fly'] = 5",
            "its action 'fly' is declared wrongly; ask its author.",
        ),
        (WORKING.format(key="pigeon") + "app.actions = None", "it cannot be imported: AttributeError"),
    ],
)
def test_an_app_that_cannot_be_used_is_broken_with_its_error_and_all_others_are_there(
    site: Path, monkeypatch: pytest.MonkeyPatch, code: str, error: str
) -> None:
    package(site, "pigeon", code)
    package(site, "pigeon2", WORKING.format(key="pigeon2"))
    apps = found(monkeypatch, ("pigeon", "pigeon.app:app"), ("pigeon2", "pigeon2.app:app"))
    assert {"togai", "firstpromoter", "pigeon2"} <= apps.apps.keys()
    assert "pigeon" not in apps.apps
    (broken,) = apps.broken
    assert (broken.key, broken.package) == ("pigeon", "pigeon.app:app")
    assert broken.error.startswith(error)


def test_a_package_cannot_take_the_key_of_an_app_that_is_built_in(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(site, "pigeon", WORKING.format(key="togai"))
    apps = found(monkeypatch, ("togai", "pigeon.app:app"))
    assert apps.apps["togai"].title != "Pigeon"
    assert "belongs to an app that is built in" in apps.broken[0].error


def test_of_two_packages_with_one_key_neither_is_used(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(site, "pigeon", WORKING.format(key="pigeon"))
    package(site, "pigeon2", WORKING.format(key="pigeon"))
    apps = found(monkeypatch, ("pigeon", "pigeon.app:app"), ("pigeon", "pigeon2.app:app"))
    assert "pigeon" not in apps.apps
    assert [broken.package for broken in apps.broken] == ["pigeon.app:app", "pigeon2.app:app"]


def test_a_ready_made_flow_that_cannot_be_read_or_is_there_already_is_left_out(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(site, "pigeon", WORKING.format(key="pigeon"))
    (site / "pigeon" / "flows").mkdir()
    (site / "pigeon" / "flows" / "bad.yaml").write_text("{")
    own = catalog.load().apps["firstpromoter"].folder / "flows" / "track_refund.yaml"
    (site / "pigeon" / "flows" / "stolen.yaml").write_text(own.read_text().replace("Track", "Steal"))
    flows = found(monkeypatch, ("pigeon", "pigeon.app:app")).public_flows()
    assert {flow.name for flow in flows} == {flow.name for flow in catalog.load().public_flows()}


def test_why_an_app_is_missing_is_said() -> None:
    broken = BrokenApp(key="pigeon", package="pigeon 1.0", error="no wings.")
    assert Catalog({}, (broken,)).missing("pigeon") == "The app 'pigeon' cannot be used: no wings."
    assert Catalog({}, (broken,)).missing("dove") == "There is no app 'dove'."
