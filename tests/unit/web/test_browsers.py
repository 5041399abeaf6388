"""Browsers, as people call them."""

from __future__ import annotations

import pytest

from affluent.web.formatting.browsers import called

MOZILLA = "Mozilla/5.0"


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (f"{MOZILLA} (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36", "Chrome 156 on Linux"),
        (f"{MOZILLA} (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0", "Edge 131 on Windows"),
        (f"{MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.1 Safari/605.1.15", "Safari 18 on macOS"),
        (f"{MOZILLA} (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Mobile/15E Safari/604.1", "Safari 18 on iPhone"),
        (f"{MOZILLA} (Android 15; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0", "Firefox 133 on Android"),
        ("curl/8.5.0", "curl 8"),
        ("", "Unknown"),
        ("x" * 100, "x" * 60),
    ],
)  # fmt: skip
def test_a_browser_is_called_by_its_name_version_and_system(said: str, name: str) -> None:
    assert called(said) == name
