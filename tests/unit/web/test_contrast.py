"""Colours are read from the style sheet and held against WCAG AA: text 4.5 to 1, edges of fields 3 to 1, in both themes."""

from __future__ import annotations

import re
from itertools import product

import pytest

from affluent.web.assets import FOLDER

TOKENS = dict(re.findall(r"--([\w-]+):\s*(light-dark\([^)]*\)|#[0-9a-f]{6})", (FOLDER / "css/app.css").read_text()))
THEMES = ("light", "dark")
SURFACES = ("canvas", "surface", "raised", "sunken", "hover", "active")
INKS = ("ink", "ink-2", "ink-3")
STATUSES = ("ok", "warn", "bad", "info", "violet", "teal")


def colour(name: str, theme: str) -> str:
    """The value of a token."""
    return re.findall(r"#[0-9a-f]{6}", TOKENS[name] * 2)[THEMES.index(theme)]


def luminance(hexes: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(hexes[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio, WCAG 2.2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


TEXTS = [
    *product(INKS, SURFACES),
    *product((*STATUSES, "accent-ink"), ("surface", "raised", "sunken", "canvas")),
    *((status, f"{status}-soft") for status in STATUSES),
    ("accent-ink", "accent-soft"),
    ("ink-inv", "accent-fill"),
    ("ink-inv", "accent-fill-hover"),
]
EDGES = [("edge", "raised"), ("edge", "surface"), ("accent", "surface"), ("bad-fill", "raised")]


def test_the_measure_is_right() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("ink", "ground"), TEXTS)
def test_text_can_be_read(theme: str, ink: str, ground: str) -> None:
    assert contrast(colour(ink, theme), colour(ground, theme)) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("edge", "ground"), EDGES)
def test_edges_of_fields_can_be_seen(theme: str, edge: str, ground: str) -> None:
    assert contrast(colour(edge, theme), colour(ground, theme)) >= 3
