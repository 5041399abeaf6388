"""The system's Chromium: where it is, and how it is started where nobody looks."""

from __future__ import annotations

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
"""No GPU and no sandbox in a container; nothing that calls home."""
MISSING = "There is no Chromium on this machine: make system-browser"


def path() -> str | None:
    """Where it is; None: it is not installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)
