"""A real browser at a real server: what it sees, what it complains of, and how the page looks."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page

HERE = Path(__file__).parent
SCREENS = os.environ.get("SCREENS", "")
"""The folder for pictures; empty: none are taken."""
LOOKS_AT_ALL = bool(os.environ.get("THOROUGH"))
"""Whether axe looks at every state of a page that a test comes to, or once at each kind of page."""
LOOKED_AT: set[tuple[str, bool, str]] = set()
ID = re.compile(r"/[^/]*[\d_][^/]*")
AXE = (HERE / "vendor" / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (e) => console.error(`CSP ${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
"""
REFUSED = re.compile(r"status of (\d+)")
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 360, "height": 780}


@dataclass
class Tab:
    """One tab. What the console says against the page is kept, except the statuses that a test expects."""

    context: BrowserContext
    url: str
    theme: str
    expected: set[int] = field(default_factory=lambda: {422})
    complaints: list[str] = field(default_factory=list)
    page: Page = field(init=False)

    def __post_init__(self) -> None:
        self.context.add_init_script(REPORT_VIOLATIONS)
        self.page = self.context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))

    def open(self, path: str) -> Page:
        """Open an address of the server, or a whole one."""
        self.page.goto(path if path.startswith("http") else self.url + path)
        return self.page

    def shot(self, name: str) -> None:
        """Take a picture for a person to look at, when SCREENS names a folder for it."""
        if SCREENS:
            folder = Path(SCREENS)
            folder.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=folder / f"{name}-{self.theme}.png", animations="disabled")

    def narrow(self, name: str) -> None:
        """The same on a telephone, where nothing may stick out sideways."""
        self.page.set_viewport_size(NARROW)
        sticks_out = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        self.shot(f"{name}-narrow")
        self.page.set_viewport_size(WIDE)
        assert sticks_out <= 0, f"{name} is {sticks_out} px wider than a telephone"

    def check(self, name: str) -> None:
        """Take pictures, wide and, as a theme moves nothing, in the light one narrow; and let axe look: it must find nothing."""
        self.shot(name)
        kind = self._kind()
        if LOOKS_AT_ALL or kind not in LOOKED_AT:
            violations = self.violations()
            assert not violations, f"{name}: {violations}"
            LOOKED_AT.add(kind)
        if self.theme == "light":
            self.narrow(name)

    def violations(self) -> list[Any]:
        """What axe finds, in short. It comes over the debugger, so the page's policy does not stop it."""
        self.page.evaluate(AXE)
        found = self.page.evaluate("rules => axe.run(document, { runOnly: rules })", RULES)["violations"]
        return [(one["id"], [node["html"][:160] for node in one["nodes"][:3]]) for one in found]

    def _kind(self) -> tuple[str, bool, str]:
        """The address without ids, whether a dialog is open, and the theme."""
        has_dialog = self.page.locator("dialog[open]").count() > 0
        return ID.sub("/*", urlsplit(self.page.url).path), has_dialog, self.theme

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        refused = REFUSED.search(message.text)
        if refused is None or int(refused[1]) not in self.expected:
            self.complaints.append(f"{message.text} at {message.location.get('url', '')}")
