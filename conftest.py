"""What holds for every test, an app's own included: the sockets it may open, how long hypothesis looks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from affluent.store import migrating
from tests.support.tables import drawn_once

HERE = Path(__file__).parent
LOOPBACK = ["127.0.0.1", "::1", "localhost"]
LOCAL_FOLDERS = tuple(HERE / "tests" / name for name in ("integration", "acceptance", "contract", "chaos", "e2e"))
TO_HEAD = drawn_once(migrating.to_head)
APPS_FOLDER = HERE / "src" / "affluent" / "apps"

settings.register_profile("default", deadline=None)
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that meet servers and twins reach the loopback and nothing else; the others have no sockets."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in (*LOCAL_FOLDERS, APPS_FOLDER)):
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))
