"""What holds for every test, an app's own included: sockets, which process runs it, how long hypothesis looks."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

from affluent.store.schema import alembic_runner as migrating
from tests.support.tables import drawn_once
from tests.support.turns import turn

HERE = Path(__file__).parent
LOOPBACK = ["127.0.0.1", "::1", "localhost"]
LOCAL_FOLDERS = tuple(
    HERE / "tests" / name for name in ("integration", "acceptance", "contract", "chaos", "e2e", "fuzz")
)
CHAOS_FOLDER = HERE / "tests" / "chaos"
TO_HEAD = drawn_once(migrating.to_head)
APPS_FOLDER = HERE / "src" / "affluent" / "apps"

CHAOS_LANES = int(os.environ.get("CHAOS_LANES", "2"))
"""How many tests that kill processes run at the same time: each keeps a core busy with starting them again."""

settings.register_profile("default", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=25)
settings.register_profile("fuzz", deadline=None, max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests measured or counted (`line`), and the sum of the chaos, whichever process ran it."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    told = [told for report in reports for told in report.user_properties]
    lines = [line for name, line in told if name == "line"]
    if not lines:
        return
    terminalreporter.section("counts")
    for line in sorted(lines):
        terminalreporter.line(line)
    cases = [number for name, number in told if name == "cases"]
    if cases:
        terminalreporter.line(f"Cases in all: {sum(cases):,}")
    chaos = [figures for name, figures in told if name == "chaos"]
    if chaos:
        sums = ", ".join(f"{sum(each[name] for each in chaos)} {name}" for name in chaos[0])
        terminalreporter.line(f"Chaos in all: {sums}")


@pytest.fixture(autouse=True)
def tables_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty SQLite databases get their tables in one go, unless a test is about migrations."""
    if request.node.get_closest_marker("empty_database") is None:
        monkeypatch.setattr(migrating, "to_head", TO_HEAD)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Open the loopback to tests that meet servers and twins; the others have no sockets. Say what one process must run."""
    chaos = 0
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in (*LOCAL_FOLDERS, APPS_FOLDER)):
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))
        if item.path.is_relative_to(CHAOS_FOLDER):
            item.add_marker(pytest.mark.xdist_group(f"chaos-{chaos % CHAOS_LANES}"))
            chaos += 1
        elif _shares_fixtures(item):
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(HERE))))


def _shares_fixtures(item: pytest.Item) -> bool:
    """Whether a fixture of the test is made once for its module."""
    fixtures = getattr(item, "_fixtureinfo").name2fixturedefs  # noqa: B009 - pytest has no public way to ask
    return any(fixtures[name][-1].scope == "module" for name in fixtures)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before the time limit of the test begins
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """In one of several processes, wait while a test has the machine to itself."""
    if not hasattr(item.config, "workerinput") or item.config.cache is None:
        return (yield)
    with turn(item.config.cache.mkdir("turns"), alone=item.get_closest_marker("serial") is not None):
        return (yield)
