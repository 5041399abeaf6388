"""What a browser says of itself, as people call it."""

from __future__ import annotations

import re

# The first that is found counts: every browser also names those that it descends from.
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("HeadlessChrome", "Chrome"),
             ("Chrome", "Chrome"), ("CriOS", "Chrome"), ("Safari", "Safari"), ("curl", "curl"))  # fmt: skip
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
            ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"))  # fmt: skip


def called(user_agent: str) -> str:
    """E.g. "Firefox 133 on Windows"; what it said, shortened, when it is none that is known."""
    browser = next((pair for pair in _BROWSERS if f"{pair[0]}/" in user_agent), None)
    if browser is None:
        return user_agent[:60] or "Unknown"
    token = "Version" if browser[1] == "Safari" else browser[0]
    version = re.search(rf"{token}/(\d+)", user_agent)
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), "")
    return f"{browser[1]}{f' {version[1]}' if version else ''}{f' on {system}' if system else ''}"
