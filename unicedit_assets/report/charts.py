"""Charts as inline SVG, from numbers alone.

Colours are classes of the page's stylesheet, so that dark mode and print can change them and the
page needs no inline style. Every chart carries a text that says what it shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from unicedit_assets.report.text import Box, visible

_LEAST = 0.4  # per cent: what is there at all can be seen
_RADAR = 108.0  # radius in user units
_CENTRE = (190.0, 136.0)
_RINGS = 4
_MARK = 4.0
_LINE = 14.0


@dataclass(frozen=True)
class Segment:
    """One part of a stacked bar: its style class, its size and what it stands for."""

    kind: str
    count: int
    label: str


@dataclass(frozen=True)
class Series:
    """One outline of a radar chart; a value is None where nothing was scored."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class _Point:
    x: float
    y: float

    def __str__(self) -> str:
        return f"{self.x:.1f} {self.y:.1f}"


def _percent(value: float, whole: float) -> float:
    if value <= 0 or whole <= 0:
        return 0.0
    return min(100.0, max(_LEAST, 100.0 * value / whole))


def stacked_bar(segments: Sequence[Segment], scale: float) -> Markup:
    """Return a bar of segments side by side; ``scale`` is the count at full width."""
    pieces, start = [], 0.0
    for segment in segments:
        width = _percent(segment.count, scale)
        if width:
            pieces.append(
                Markup(
                    '<rect class="{}" x="{:.2f}%" width="{:.2f}%" height="100%">'
                    "<title>{}</title></rect>"
                ).format(segment.kind, start, width, visible(segment.label))
            )
        start += width
    spoken = "; ".join(segment.label for segment in segments if segment.count)
    return _bar(spoken or "none", Markup().join(pieces))


def quota_bar(written: int, accepted: int, target: float | None, scale: float) -> Markup:
    """Return how many were written (pale), accepted (solid), and the quota's mark."""
    pieces = [
        Markup('<rect class="written" width="{:.2f}%" height="100%"/>').format(
            _percent(written, scale)
        ),
        Markup('<rect class="accepted" y="25%" width="{:.2f}%" height="50%"/>').format(
            _percent(accepted, scale)
        ),
    ]
    label = f"{written:,} written, {accepted:,} accepted"
    if target:
        place = _percent(target, scale)
        pieces.append(
            Markup('<line class="target" x1="{0:.2f}%" x2="{0:.2f}%" y1="0" y2="100%"/>').format(
                place
            )
        )
        label += f", quota {target:,.1f}"
    return _bar(label, Markup().join(pieces))


def _bar(label: str, content: Markup) -> Markup:
    return Markup(
        '<svg class="bar" width="100%" height="16" role="img" aria-label="{}">{}</svg>'
    ).format(visible(label), content)


def regions(found: Sequence[Box]) -> Markup:
    """Return boxes to lay over a picture; the SVG stretches with it."""
    outline = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
    drawn = [
        outline.format(kind, x0 * 1000, y0 * 1000, (x1 - x0) * 1000, (y1 - y0) * 1000)
        for x0, y0, x1, y1 in found
        for kind in ("halo", "edge")
    ]
    return Markup(
        '<svg class="boxes" viewBox="0 0 1000 1000" preserveAspectRatio="none" '
        'aria-hidden="true">{}</svg>'
    ).format(Markup().join(drawn))


def radar(
    title: str, axes: Sequence[str], series: Sequence[Series], highest: float, margin: int = 0
) -> Markup:
    """Return a radar chart. An outline is open where a value is missing: unscored is not zero.

    A name of several words is written one word a line.

    Args:
        title: what the chart shows.
        axes: their names, clockwise from the top.
        series: one outline each, with one value an axis.
        highest: the value at the rim.
        margin: more room for names on both sides, in user units (a letter takes about 7).

    Raises:
        ValueError: fewer than three axes, or a series of another length.
    """
    if len(axes) < 3:
        raise ValueError("a radar chart needs at least three axes")
    if any(len(one.values) != len(axes) for one in series):
        raise ValueError("a series needs one value, or None, for each axis")
    drawn = [_grid(axes, highest), *(_outline(n, one, highest) for n, one in enumerate(series))]
    spoken = ". ".join([title, *(_spoken(one, axes) for one in series)])
    # Names of several words reach beyond the frame of single ones.
    above = _LINE * (len(axes[0].split() or [""]) - 1)
    below = _LINE * max(len(axis.split() or [""]) - 1 for axis in axes) if len(axes) % 2 == 0 else 0
    return Markup(
        '<svg class="radar" viewBox="{:g} {:g} {:g} {:g}" role="img" aria-label="{}">{}</svg>'
    ).format(
        -margin,
        0 - above,
        380 + 2 * margin,
        276 + above + below,
        visible(spoken),
        Markup().join(drawn),
    )


def _spoken(series: Series, axes: Sequence[str]) -> str:
    values = ", ".join(
        f"{axis} {'unscored' if value is None else f'{value:.1f}'}"
        for axis, value in zip(axes, series.values, strict=True)
    )
    return f"{series.name}: {values}"


def _point(index: int, count: int, share: float) -> _Point:
    angle = 2 * math.pi * index / count - math.pi / 2
    return _Point(
        _CENTRE[0] + _RADAR * share * math.cos(angle), _CENTRE[1] + _RADAR * share * math.sin(angle)
    )


def _grid(axes: Sequence[str], highest: float) -> Markup:
    count = len(axes)
    drawn = []
    for ring in range(1, _RINGS + 1):
        share = ring / _RINGS
        corners = " L ".join(str(_point(index, count, share)) for index in range(count))
        drawn.append(Markup('<path class="ring" d="M {} Z"/>').format(corners))
        top = _point(0, count, share)
        drawn.append(
            Markup('<text class="tick" x="{:.1f}" y="{:.1f}">{:g}</text>').format(
                top.x + 7, top.y + 12, highest * share
            )
        )
    for index, axis in enumerate(axes):
        rim, label = _point(index, count, 1.0), _point(index, count, 1.13)
        drawn.append(
            Markup('<path class="ring" d="M {} {} L {}"/>').format(*_CENTRE, rim)
            + _name(axis, label)
        )
    return Markup().join(drawn)


def _name(axis: str, at: _Point) -> Markup:
    """Return an axis's name at a point, its words below each other and away from the centre."""
    words = axis.split() or [""]
    up = (_CENTRE[1] - at.y) / (2 * _RADAR) + 0.5  # 1 at the top, 0 at the bottom
    top = at.y + 4 - _LINE * (len(words) - 1) * min(1.0, max(0.0, up))
    lines = [
        Markup('<tspan x="{:.1f}" y="{:.1f}">{}</tspan>').format(
            at.x, top + _LINE * number, visible(word)
        )
        for number, word in enumerate(words)
    ]
    return Markup('<text class="axis" text-anchor="{}">{}</text>').format(
        _anchor(at.x), Markup().join(lines)
    )


def _anchor(x: float) -> str:
    if abs(x - _CENTRE[0]) < 8:
        return "middle"
    return "start" if x > _CENTRE[0] else "end"


def _outline(number: int, series: Series, highest: float) -> Markup:
    count = len(series.values)
    points = [
        None if value is None else _point(index, count, min(max(value / highest, 0.0), 1.0))
        for index, value in enumerate(series.values)
    ]
    sides = [
        f"M {one} L {two}"
        for one, two in zip(points, [*points[1:], points[0]], strict=True)
        if one and two
    ]
    whole = " L ".join(map(str, points)) if None not in points else ""
    return Markup('<g class="series s{}">{}{}{}</g>').format(
        number % 6,
        Markup('<path class="area" d="M {} Z"/>').format(whole) if whole else "",
        Markup('<path class="outline" d="{}"/>').format(" ".join(sides)),
        Markup().join(mark(number, point.x, point.y) for point in points if point),
    )


def mark(number: int, x: float, y: float) -> Markup:
    """Return the mark of a series: its shape differs, not only its colour."""
    r = _MARK
    shapes = (
        f"M {x - r:.1f} {y:.1f} a {r} {r} 0 1 0 {2 * r} 0 a {r} {r} 0 1 0 {-2 * r} 0 Z",
        f"M {x - r:.1f} {y - r:.1f} h {2 * r} v {2 * r} h {-2 * r} Z",
        f"M {x:.1f} {y - r * 1.2:.1f} l {r * 1.2:.1f} {r * 2.1:.1f} h {-2.4 * r:.1f} Z",
        f"M {x:.1f} {y - r * 1.3:.1f} l {r * 1.3:.1f} {r * 1.3:.1f} "
        f"l {-r * 1.3:.1f} {r * 1.3:.1f} l {-r * 1.3:.1f} {-r * 1.3:.1f} Z",
    )
    return Markup('<path class="mark" d="{}"/>').format(shapes[number % len(shapes)])


def key_mark(number: int) -> Markup:
    """Return the mark of a series for a table or a legend."""
    return Markup(
        '<svg class="key" width="14" height="14" aria-hidden="true">'
        '<g class="series s{}">{}</g></svg>'
    ).format(number % 6, mark(number, 7.0, 7.0))
