"""The quality of every app of the catalogue, judged by the rules of `affluent apps check`."""

from __future__ import annotations

import pytest

from affluent import catalog
from affluent.cli.apps_check import LEVELS, RULES, level_of
from affluent.sdk import App

APPS = list(catalog.load().apps.values())


@pytest.mark.parametrize("app", APPS, ids=[app.key for app in APPS])
def test_every_app_is_at_least_silver(app: App) -> None:
    missing = [rule.says for rule in RULES if rule.level in ("bronze", "silver") and not rule.holds(app)]
    assert missing == []
    assert level_of(app) in LEVELS[1:]
