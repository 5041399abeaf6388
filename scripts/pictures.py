"""Takes the manual's pictures: plays the demo, opens its pages in the system's Chromium, writes docs/images/*.webp.

`python -m scripts.pictures [--png FOLDER]`; with a folder, PNG files are written there instead, to look at.
"""

from __future__ import annotations

import argparse
import base64
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.support import chromium

IMAGES = Path(__file__).parents[1] / "docs" / "images"
AFFLUENT = Path(sys.executable).with_name("affluent")
SIZE = {"width": 1280, "height": 900}
QUALITY = 88
LARGEST = 150_000
SETTLE_MILLISECONDS = 600
ACCOUNT = "/accounts/ACC-1005"
REPEATED = "This sale was tracked before."


def flow(page: Page) -> None:
    """The ready-made flow that tracks sales."""
    page.goto("/flows")
    page.get_by_role("link", name="Track referral sale and attach price plan").first.click()
    page.wait_for_load_state()


def connecting(page: Page) -> None:
    """The dialog that switches the flow on."""
    flow(page)
    page.get_by_role("button", name="Add Connection").click()


def editor(page: Page) -> None:
    """A copy of the flow, its first step chosen."""
    flow(page)
    page.get_by_role("button", name="Edit a copy").click()
    page.wait_for_url("**/edit*")
    page.goto(page.url.split("?")[0] + "?part=sale")


def lost_answer(page: Page) -> None:
    """The run whose first request was applied while its answer was lost."""
    page.goto("/activity")
    for run in sorted(set(re.findall(r"/activity/run_\w+", page.content()))):
        if REPEATED in page.request.get(run).text():
            page.goto(run)
            page.get_by_role("link", name="Track a sale").first.click()
            return
    raise SystemExit(f"No run of the demo says: {REPEATED}")


def why(page: Page) -> None:
    """The chain behind an invoice."""
    page.goto(f"{ACCOUNT}/invoices")
    invoice = re.search(r"inv\.[0-9A-Z]+", page.content())
    if invoice is None:
        raise SystemExit("The demo's account has no invoice.")
    page.goto(f"/why/{invoice[0]}")


PICTURES: dict[str, str | Callable[[Page], None]] = {
    "home": "/",
    "apps": "/apps",
    "app": "/apps/firstpromoter",
    "flow": flow,
    "connect": connecting,
    "editor": editor,
    "activity": "/activity",
    "run": lost_answer,
    "account": f"{ACCOUNT}/settings",
    "reconciliation": "/reconciliation",
    "why": why,
}


@contextmanager
def demo() -> Iterator[str]:
    """The demo on free ports, when its story is over; the link that signs in."""
    command = [AFFLUENT, "demo", "--port", "0", "--twins-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as playing:  # noqa: S603 - our own command
        try:
            told = ""
            for line in playing.stdout or ():
                told += line
                if link := re.search(r"already signed in: (\S+)", line):
                    yield link[1]
                    return
            raise SystemExit(f"The demo ended:\n{told}")
        finally:
            playing.send_signal(signal.SIGINT)


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--png", type=Path, help="write PNG files into this folder instead")
    folder = parser.parse_args().png
    browser_path = chromium.path()
    if browser_path is None:
        raise SystemExit(chromium.MISSING)
    with demo() as link, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=chromium.ARGUMENTS)
        server = re.match(r"https?://[^/]+", link)
        context = browser.new_context(
            base_url=server[0] if server else "",
            viewport=SIZE,
            color_scheme="light",
            reduced_motion="reduce",
            timezone_id="UTC",
        )
        page = context.new_page()
        page.goto(link)
        for name, way in PICTURES.items():
            page.goto(way) if isinstance(way, str) else way(page)
            page.wait_for_timeout(SETTLE_MILLISECONDS)  # pages keep a stream open, so the network is never idle
            take(page, name, folder)
        browser.close()


def take(page: Page, name: str, folder: Path | None) -> None:
    """One picture of what is seen now."""
    page.mouse.move(0, 0)
    if folder is not None:
        page.screenshot(path=folder / f"{name}.png", animations="disabled")
        return
    session = page.context.new_cdp_session(page)
    picture = base64.b64decode(session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})["data"])
    if len(picture) > LARGEST:
        raise SystemExit(f"{name} has {len(picture):,} bytes; more than {LARGEST:,} is too much for a page.")
    (IMAGES / f"{name}.webp").write_bytes(picture)


if __name__ == "__main__":
    main()
