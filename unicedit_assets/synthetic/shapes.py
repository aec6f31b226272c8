"""What each class of object looks like: flat parts in a unit box, x to the right, y down.

A part has a role: ``m`` is the object's own colour, ``d`` a darker and ``l`` a lighter one, the
others are colours of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Part:
    """A filled outline; ``smooth`` marks ellipses (centre and radii in ``points``)."""

    role: str
    points: tuple[Point, ...]
    ellipse: bool = False


@dataclass(frozen=True)
class Shape:
    """A class's parts in drawing order.

    Attributes:
        aspect: width over height.
        relief: how light falls on it: ``round``, ``tube`` or ``flat``.
        text: the box (x0, y0, x1, y1) that text fills, or None.
        floats: it need not stand on the ground.
    """

    aspect: float
    relief: str
    parts: tuple[Part, ...]
    text: tuple[float, float, float, float] | None = None
    floats: bool = False


def _e(role: str, cx: float, cy: float, rx: float, ry: float) -> Part:
    return Part(role, ((cx, cy), (rx, ry)), ellipse=True)


def _p(role: str, *points: Point) -> Part:
    return Part(role, points)


def _r(role: str, x0: float, y0: float, x1: float, y1: float) -> Part:
    return Part(role, ((x0, y0), (x1, y0), (x1, y1), (x0, y1)))


def _star() -> Part:
    radii = (0.53, 0.22)
    turns = [(-math.pi / 2 + i * math.pi / 5, radii[i % 2]) for i in range(10)]
    return _p("m", *((0.5 + r * math.cos(t) / 1.05, 0.53 + r * math.sin(t)) for t, r in turns))


def _petals() -> tuple[Part, ...]:
    turns = [i * math.pi / 3 for i in range(6)]
    return tuple(
        _e("m", 0.5 + 0.3 * math.cos(t), 0.26 + 0.165 * math.sin(t), 0.19, 0.105) for t in turns
    )


def _dome(role: str, x0: float, x1: float, top: float, foot: float) -> Part:
    middle, radius = (x0 + x1) / 2, (x1 - x0) / 2
    turns = [math.pi + i * math.pi / 24 for i in range(25)]
    return _p(
        role,
        *((middle + radius * math.cos(t), foot + (foot - top) * math.sin(t)) for t in turns),
    )


def _wheel(x: float) -> tuple[Part, ...]:
    return (_e("tyre", x, 0.82, 0.1, 0.18), _e("grey", x, 0.82, 0.045, 0.08))


SHAPES: dict[str, Shape] = {
    "ball": Shape(1.0, "round", (_e("m", 0.5, 0.5, 0.5, 0.5),)),
    "box": Shape(
        1.15,
        "flat",
        (
            _p("l", (0.0, 0.25), (0.22, 0.0), (1.0, 0.0), (0.78, 0.25)),
            _p("d", (0.78, 0.25), (1.0, 0.0), (1.0, 0.75), (0.78, 1.0)),
            _r("m", 0.0, 0.25, 0.78, 1.0),
        ),
    ),
    "cup": Shape(
        1.15,
        "tube",
        (
            _e("m", 0.76, 0.47, 0.23, 0.28),
            _e("hole", 0.75, 0.47, 0.13, 0.17),
            _p("m", (0.05, 0.1), (0.77, 0.1), (0.68, 0.94), (0.55, 1.0), (0.27, 1.0), (0.14, 0.94)),
            _e("l", 0.41, 0.1, 0.36, 0.1),
            _e("d", 0.41, 0.11, 0.3, 0.07),
        ),
    ),
    "bottle": Shape(
        0.38,
        "tube",
        (
            _p(
                "m",
                *((0.34, 0.1), (0.66, 0.1), (0.66, 0.28), (0.95, 0.42), (1.0, 0.48), (1.0, 0.96)),
                *((0.9, 1.0), (0.1, 1.0), (0.0, 0.96), (0.0, 0.48), (0.05, 0.42), (0.34, 0.28)),
            ),
            _r("tyre", 0.3, 0.0, 0.7, 0.1),
            _r("paper", 0.0, 0.56, 1.0, 0.82),
        ),
    ),
    "book": Shape(
        0.78,
        "flat",
        (
            _r("d", 0.0, 0.0, 1.0, 1.0),
            _r("paper", 0.06, 0.92, 1.0, 0.98),
            _r("m", 0.12, 0.0, 1.0, 0.92),
            _r("l", 0.3, 0.16, 0.84, 0.22),
            _r("l", 0.3, 0.28, 0.84, 0.34),
        ),
    ),
    "lamp": Shape(
        0.62,
        "tube",
        (
            _r("grey", 0.44, 0.4, 0.56, 0.92),
            _e("grey", 0.5, 0.94, 0.34, 0.06),
            _p("m", (0.28, 0.0), (0.72, 0.0), (1.0, 0.46), (0.0, 0.46)),
        ),
    ),
    "chair": Shape(
        0.66,
        "flat",
        (
            _r("m", 0.08, 0.0, 0.26, 0.6),
            _r("d", 0.1, 0.5, 0.2, 1.0),
            _r("d", 0.3, 0.62, 0.4, 0.92),
            _r("d", 0.82, 0.62, 0.92, 1.0),
            _p("m", (0.08, 0.55), (0.9, 0.5), (1.0, 0.62), (0.08, 0.66)),
            _r("d", 0.08, 0.63, 0.98, 0.68),
        ),
    ),
    "table": Shape(
        1.6,
        "flat",
        (
            _r("d", 0.08, 0.2, 0.16, 1.0),
            _r("d", 0.84, 0.2, 0.92, 1.0),
            _r("d", 0.24, 0.2, 0.29, 0.86),
            _r("d", 0.71, 0.2, 0.76, 0.86),
            _p("l", (0.1, 0.0), (0.9, 0.0), (1.0, 0.16), (0.0, 0.16)),
            _r("m", 0.0, 0.16, 1.0, 0.27),
        ),
    ),
    "tree": Shape(
        0.72,
        "round",
        (
            _p("trunk", (0.42, 0.55), (0.58, 0.55), (0.62, 1.0), (0.38, 1.0)),
            _e("d", 0.27, 0.44, 0.27, 0.2),
            _e("d", 0.73, 0.44, 0.27, 0.2),
            _e("m", 0.5, 0.25, 0.36, 0.25),
            _e("m", 0.4, 0.45, 0.28, 0.19),
            _e("m", 0.62, 0.46, 0.27, 0.18),
        ),
    ),
    "house": Shape(
        1.05,
        "flat",
        (
            _r("tyre", 0.7, 0.06, 0.8, 0.3),
            _r("m", 0.1, 0.4, 0.9, 1.0),
            _p("roof", (0.0, 0.42), (0.5, 0.0), (1.0, 0.42)),
            _r("trunk", 0.42, 0.64, 0.6, 1.0),
            _r("pane", 0.18, 0.54, 0.34, 0.74),
            _r("pane", 0.68, 0.54, 0.84, 0.74),
        ),
    ),
    "car": Shape(
        1.9,
        "flat",
        (
            _p("m", (0.2, 0.42), (0.32, 0.05), (0.66, 0.05), (0.82, 0.42)),
            _p("pane", (0.26, 0.4), (0.35, 0.12), (0.48, 0.12), (0.48, 0.4)),
            _p("pane", (0.52, 0.4), (0.52, 0.12), (0.64, 0.12), (0.75, 0.4)),
            _p("m", (0.02, 0.5), (0.1, 0.4), (0.9, 0.4), (1.0, 0.52), (1.0, 0.82), (0.0, 0.82)),
            _r("d", 0.0, 0.72, 1.0, 0.82),
            _e("lightbulb", 0.96, 0.55, 0.03, 0.06),
            *_wheel(0.22),
            *_wheel(0.77),
        ),
    ),
    "boat": Shape(
        1.2,
        "flat",
        (
            _r("trunk", 0.48, 0.02, 0.52, 0.75),
            _p("paper", (0.54, 0.05), (0.9, 0.64), (0.54, 0.64)),
            _p("paper", (0.46, 0.12), (0.46, 0.64), (0.2, 0.64)),
            _p("m", (0.0, 0.7), (1.0, 0.7), (0.84, 1.0), (0.17, 1.0)),
            _r("l", 0.0, 0.7, 1.0, 0.76),
        ),
    ),
    "balloon": Shape(
        0.52,
        "round",
        (
            _p("grey", (0.48, 0.62), (0.52, 0.62), (0.55, 0.8), (0.52, 1.0), (0.49, 0.8)),
            _e("m", 0.5, 0.31, 0.5, 0.31),
            _p("d", (0.5, 0.6), (0.6, 0.66), (0.4, 0.66)),
        ),
        floats=True,
    ),
    "clock": Shape(
        1.0,
        "flat",
        (
            _e("m", 0.5, 0.5, 0.5, 0.5),
            _e("paper", 0.5, 0.5, 0.39, 0.39),
            *(
                _e("tyre", 0.5 + 0.33 * math.cos(t), 0.5 + 0.33 * math.sin(t), 0.025, 0.025)
                for t in [i * math.pi / 6 for i in range(12)]
            ),
            _p("tyre", (0.48, 0.52), (0.49, 0.2), (0.51, 0.2), (0.52, 0.52)),
            _p("tyre", (0.48, 0.48), (0.72, 0.6), (0.7, 0.64), (0.48, 0.53)),
        ),
        floats=True,
    ),
    "sign": Shape(
        1.25,
        "flat",
        (_r("trunk", 0.46, 0.55, 0.54, 1.0), _r("m", 0.0, 0.0, 1.0, 0.6)),
        text=(0.07, 0.08, 0.93, 0.52),
    ),
    "flower": Shape(
        0.55,
        "flat",
        (
            _r("leaf", 0.46, 0.3, 0.54, 1.0),
            _e("leaf", 0.28, 0.74, 0.22, 0.06),
            _e("leaf", 0.72, 0.66, 0.22, 0.06),
            *_petals(),
            _e("lightbulb", 0.5, 0.26, 0.16, 0.09),
        ),
    ),
    "star": Shape(1.05, "flat", (_star(),), floats=True),
    "mushroom": Shape(
        1.0,
        "round",
        (
            _p("paper", (0.38, 0.5), (0.62, 0.5), (0.68, 1.0), (0.32, 1.0)),
            _dome("m", 0.0, 1.0, 0.0, 0.58),
        ),
    ),
    "umbrella": Shape(
        1.0,
        "flat",
        (
            _r("trunk", 0.48, 0.02, 0.52, 0.92),
            _p(
                "trunk",
                (0.48, 0.9),
                (0.52, 0.92),
                (0.6, 0.9),
                (0.64, 0.94),
                (0.58, 1.0),
                (0.49, 0.98),
            ),
            _dome("m", 0.0, 1.0, 0.04, 0.5),
            _dome("d", 0.33, 0.67, 0.04, 0.5),
        ),
    ),
    "cat": Shape(
        0.9,
        "flat",
        (
            _e("d", 0.86, 0.72, 0.13, 0.26),
            _e("hole", 0.8, 0.68, 0.1, 0.22),
            _e("m", 0.5, 0.74, 0.32, 0.26),
            _p("m", (0.2, 0.3), (0.2, 0.0), (0.44, 0.14)),
            _p("m", (0.8, 0.3), (0.8, 0.0), (0.56, 0.14)),
            _e("m", 0.5, 0.32, 0.32, 0.24),
            _e("lightbulb", 0.38, 0.29, 0.06, 0.055),
            _e("lightbulb", 0.62, 0.29, 0.06, 0.055),
            _e("tyre", 0.38, 0.29, 0.02, 0.045),
            _e("tyre", 0.62, 0.29, 0.02, 0.045),
            _p("nose", (0.45, 0.39), (0.55, 0.39), (0.5, 0.44)),
            _e("l", 0.38, 0.95, 0.1, 0.05),
            _e("l", 0.62, 0.95, 0.1, 0.05),
        ),
    ),
    "dog": Shape(
        1.35,
        "flat",
        (
            _p("m", (0.02, 0.2), (0.08, 0.16), (0.2, 0.5), (0.1, 0.55)),
            _r("d", 0.2, 0.6, 0.28, 0.97),
            _r("m", 0.12, 0.6, 0.2, 1.0),
            _r("d", 0.66, 0.6, 0.73, 0.97),
            _r("m", 0.58, 0.6, 0.66, 1.0),
            _e("m", 0.4, 0.56, 0.33, 0.19),
            _p("m", (0.55, 0.5), (0.62, 0.2), (0.82, 0.4), (0.7, 0.68)),
            _e("m", 0.74, 0.27, 0.16, 0.2),
            _e("m", 0.88, 0.34, 0.12, 0.1),
            _e("d", 0.63, 0.3, 0.065, 0.2),
            _e("tyre", 0.97, 0.31, 0.03, 0.045),
            _e("tyre", 0.79, 0.22, 0.02, 0.03),
        ),
    ),
}
