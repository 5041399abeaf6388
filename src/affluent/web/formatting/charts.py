"""Charts as SVG, drawn on the server: geometry as attributes, colours by class, a title for every bar, dark mode for free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from markupsafe import Markup

_ids = count(1)
_HEIGHT_OF_LABELS = 24
_TOP = 10
_ROUND_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One column: its title on hover, its label under the axis ("" for none), its values from the ground up."""

    title: str
    label: str
    values: Sequence[float]


def stacked(
    bars: Sequence[Bar], classes: Sequence[str], *, title: str, text: str, width: int = 1080, height: int = 220
) -> Markup:
    """Stacked columns over a few grid lines. `classes` colours the parts: a accent, b amber, c red, v violet, e grey."""
    left, ground = 40, height - _HEIGHT_OF_LABELS
    top = ceiling(max((sum(bar.values) for bar in bars), default=0))
    unit = (ground - _TOP) / top
    number = next(_ids)
    out = [
        Markup(
            '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="ct{} cd{}">'
            '<title id="ct{}">{}</title><desc id="cd{}">{}</desc>'
        ).format(width, height, number, number, number, title, number, text)
    ]
    for value in _grid(top):
        y = ground - value * unit
        out.append(
            Markup(
                '<line class="{}" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/><text x="{}" y="{:.1f}" text-anchor="end">{}</text>'
            ).format("grid" if value else "axis", left, width, y, y, left - 8, y + 4, f"{value:,g}")
        )
    step = (width - left) / max(len(bars), 1)
    for index, bar in enumerate(bars):
        out.append(_column(bar, classes, x=left + index * step, step=step, ground=ground, unit=unit, height=height))
    return Markup("").join(out) + Markup("</svg>")


def spark(slots: Sequence[str], *, label: str, width: int = 132) -> Markup:
    """A strip of equal slots, each up, slow, down or idle; `label` says the same in words."""
    pitch = width / max(len(slots), 1)
    drawn = Markup("").join(
        Markup('<rect class="{}" x="{:.1f}" y="2" width="{:.1f}" height="18" rx="1.5"/>').format(
            slot, index * pitch, max(pitch - 2, 1)
        )
        for index, slot in enumerate(slots)
    )
    return Markup('<svg class="spark" viewBox="0 0 {} 22" role="img" aria-label="{}">{}</svg>').format(
        width, label, drawn
    )


def ceiling(highest: float) -> float:
    """The end of an axis that holds the highest value: a round number, at least 4."""
    size = 1.0
    while True:
        for step in _ROUND_STEPS:
            if step * size * 4 >= highest and step * size == int(step * size):
                return step * size * 4
        size *= 10


def _grid(top: float) -> list[float]:
    return [top * part / 4 for part in range(5)]


def _column(
    bar: Bar, classes: Sequence[str], *, x: float, step: float, ground: float, unit: float, height: int
) -> Markup:
    gap = min(step * 0.2, 6)
    out = [
        Markup(
            '<g class="bar"><title>{}</title><rect class="h" x="{:.1f}" y="6" width="{:.1f}" height="{}" rx="4"/>'
        ).format(bar.title, x, step, ground - 6)
    ]
    y = ground
    for value, kind in zip(bar.values, classes, strict=True):
        if value:
            tall = value * unit
            y -= tall
            out.append(
                Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="2"/>').format(
                    kind, x + gap, y, step - 2 * gap, max(tall - 1, 1.5)
                )
            )
    if bar.label:
        out.append(
            Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(x + step / 2, height - 6, bar.label)
        )
    return Markup("").join(out) + Markup("</g>")
