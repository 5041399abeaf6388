"""A browser and a server per module, a tab per test. A complaint of the console fails the test.

Tests of a module share its server and come in any order, so each uses things of its own or of a fixture, found by name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.e2e.browsing import WIDE, Tab
from tests.e2e.served import Served, served
from tests.support import chromium as system

expect.set_options(timeout=10_000)  # as long as a click waits: a machine that does much else at once is slow, not wrong


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium. Stopped with its module: its loop must not run under other tests."""
    path = system.path()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(system.MISSING)
        pytest.skip(system.MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=system.ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A fresh server with twins."""
    with served(tmp_path_factory.mktemp("data")) as it:
        yield it


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Served]:
    """A server of one test alone, where nothing has happened yet; its tab looks at this one."""
    with served(tmp_path) as it:
        yield it


@pytest.fixture
def looked_at(request: pytest.FixtureRequest) -> Served:
    """The server of the tab: the module's, unless the test asks for a `fresh` one."""
    chosen: Served = request.getfixturevalue("fresh" if "fresh" in request.fixturenames else "server")
    return chosen


@pytest.fixture(params=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> str:
    """Asked for by tests that hold in both themes; others are in the light one."""
    return str(request.param)


@pytest.fixture
def visitor(request: pytest.FixtureRequest, chromium: Browser, looked_at: Served) -> Iterator[Tab]:
    """A tab in which nobody is signed in."""
    theme = request.getfixturevalue("theme") if "theme" in request.fixturenames else "light"
    context = chromium.new_context(
        color_scheme=theme, viewport=WIDE, timezone_id="Asia/Kolkata", reduced_motion="reduce"
    )
    context.set_default_timeout(10_000)
    tab = Tab(context, looked_at.url, theme)
    yield tab
    context.close()
    assert tab.complaints == []


@pytest.fixture
def tab(visitor: Tab, looked_at: Served) -> Tab:
    """A tab in which an administrator is signed in."""
    visitor.open(looked_at.call(looked_at.hub.people.signed_in_link(name="Mira Kapoor", email="mira@example.com")))
    return visitor
