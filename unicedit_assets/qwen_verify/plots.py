"""Small pictures of numbers, for metadata and the report: equal numbers give equal bytes."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from unicedit_assets.truth.outcomes import Calibration

_SIDE, _MARGIN, _FONT = 260, 44, 13
_PAPER, _INK, _GRID, _LINE, _FILL = "#ffffff", "#333333", "#d8d8d8", "#0b6e99", "#9cc9dd"
_HUGE = 1e100

Curve = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class _Axes:
    """Where numbers lie in a picture: x and y from low to high inside a square."""

    left: int
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1)
        up = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1)
        return self.left + across * _SIDE, _MARGIN + (1 - up) * _SIDE


def _canvas(panels: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    size = (panels * (_SIDE + 2 * _MARGIN), _SIDE + 2 * _MARGIN)
    image = Image.new("RGB", size, _PAPER)
    return image, ImageDraw.Draw(image)


def _frame(draw: ImageDraw.ImageDraw, axes: _Axes, title: str) -> None:
    font = ImageFont.load_default(_FONT)
    for step in range(5):
        share = step / 4
        x = axes.x[0] + share * (axes.x[1] - axes.x[0])
        y = axes.y[0] + share * (axes.y[1] - axes.y[0])
        draw.line([axes.at(x, axes.y[0]), axes.at(x, axes.y[1])], fill=_GRID)
        draw.line([axes.at(axes.x[0], y), axes.at(axes.x[1], y)], fill=_GRID)
        across, up = axes.at(x, axes.y[0]), axes.at(axes.x[0], y)
        draw.text((across[0], across[1] + 4), f"{x:.3g}", fill=_INK, font=font, anchor="ma")
        draw.text((up[0] - 4, up[1]), f"{y:.3g}", fill=_INK, font=font, anchor="rm")
    draw.text((axes.left, _MARGIN // 2), title, fill=_INK, font=font, anchor="lm")


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def reliability_png(title: str, found: Calibration) -> bytes:
    """Return a reliability plot: stated confidence across, share of right answers up.

    A bar's width tells how many answers are behind it; a calibrated verifier's bars end on the
    diagonal.
    """
    image, draw = _canvas(1)
    axes = _Axes(_MARGIN, (0.0, 1.0), (0.0, 1.0))
    _frame(draw, axes, f"{title}: ECE {found.error:.3f}")
    total = sum(count for _, _, count in found.bins) or 1
    for stated, right, count in found.bins:
        half = 0.006 + 0.04 * count / total
        low, high = max(0.0, stated - half), min(1.0, stated + half)
        draw.rectangle(
            [*axes.at(low, right), *axes.at(high, 0.0)], fill=_FILL, outline=_LINE, width=1
        )
    draw.line([axes.at(0.0, 0.0), axes.at(1.0, 1.0)], fill=_INK, width=1)
    return _png(image)


def curves_png(curves: Mapping[str, Curve]) -> bytes:
    """Return training curves side by side, one panel each: steps across, the value up.

    Points that are no numbers are left out.

    Raises:
        ValueError: there is no curve with a point.
    """
    drawn = {name: kept for name, points in curves.items() if (kept := _finite(points))}
    if not drawn:
        raise ValueError("no curve has a point to draw")
    image, draw = _canvas(len(drawn))
    for number, (name, points) in enumerate(drawn.items()):
        left = number * (_SIDE + 2 * _MARGIN) + _MARGIN
        axes = _Axes(left, _range(x for x, _ in points), _range(y for _, y in points))
        _frame(draw, axes, name)
        places = [axes.at(x, y) for x, y in points]
        if len(places) > 1:
            draw.line(places, fill=_LINE, width=2)
        else:
            x, y = places[0]
            draw.ellipse([x - 3, y - 3, x + 3, y + 3], fill=_LINE)
    return _png(image)


def _finite(points: Curve) -> Curve:
    """Return the points that have a place in a picture; huge numbers are cut to what has one."""
    return [
        (max(-_HUGE, min(_HUGE, x)), max(-_HUGE, min(_HUGE, y)))
        for x, y in points
        if math.isfinite(x) and math.isfinite(y)
    ]


def _range(values: Iterable[float]) -> tuple[float, float]:
    found = list(values)
    low, high = min(found), max(found)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def data_uri(png: bytes) -> str:
    """Return a picture as a ``data:`` URI."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
