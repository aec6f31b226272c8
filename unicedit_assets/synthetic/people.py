"""Simple figures: a person's parts by pose, expression and hair."""

from __future__ import annotations

from itertools import pairwise

from unicedit_assets.synthetic.shapes import Part, Point, Shape

_ASPECT = 0.62
_FACES: dict[str, tuple[Part, ...]] = {}


def _ellipse(role: str, cx: float, cy: float, rx: float, ry: float) -> Part:
    return Part(role, ((cx, cy), (rx, ry)), ellipse=True)


def _limb(role: str, *points: Point, wide: float = 0.05) -> tuple[Part, ...]:
    """Thick strokes from point to point; ``wide`` is half a stroke's height."""
    parts = []
    for (x0, y0), (x1, y1) in pairwise(points):
        dx, dy = (x1 - x0) * _ASPECT, y1 - y0
        length = max((dx * dx + dy * dy) ** 0.5, 1e-6)
        ox, oy = -dy / length * wide / _ASPECT, dx / length * wide
        corners = ((x0 + ox, y0 + oy), (x1 + ox, y1 + oy), (x1 - ox, y1 - oy), (x0 - ox, y0 - oy))
        parts += [Part(role, corners), _ellipse(role, x1, y1, wide / _ASPECT, wide)]
    return tuple(parts)


def _arm(*points: Point) -> tuple[Part, ...]:
    x, y = points[-1]
    return (*_limb("m", *points, wide=0.038), _ellipse("skin", x, y, 0.065, 0.04))


def _mouth(expression: str) -> tuple[Part, ...]:
    if expression == "surprised":
        return (_ellipse("mouth", 0.5, 0.205, 0.05, 0.036),)
    if expression == "calm":
        return (Part("mouth", ((0.42, 0.194), (0.58, 0.194), (0.58, 0.206), (0.42, 0.206))),)
    bend = 0.04 if expression == "smiling" else -0.04
    y = 0.188 if expression == "smiling" else 0.22
    upper = tuple((0.38 + 0.04 * i, y + bend * (1 - ((i - 3) / 3) ** 2)) for i in range(7))
    lower = tuple((x, v + 0.016) for x, v in reversed(upper))
    return (Part("mouth", upper + lower),)


def _head(expression: str) -> tuple[Part, ...]:
    eye = 0.034 if expression == "surprised" else 0.022
    return (
        _ellipse("hair", 0.5, 0.125, 0.24, 0.125),
        _ellipse("skin", 0.5, 0.15, 0.2, 0.118),
        Part(
            "hair", ((0.3, 0.12), (0.34, 0.05), (0.5, 0.02), (0.66, 0.05), (0.7, 0.12), (0.5, 0.07))
        ),
        _ellipse("tyre", 0.42, 0.145, 0.028, eye),
        _ellipse("tyre", 0.58, 0.145, 0.028, eye),
        *_mouth(expression),
    )


_ARMS: dict[str, tuple[tuple[Point, ...], tuple[Point, ...]]] = {
    "standing": (
        ((0.33, 0.31), (0.2, 0.45), (0.18, 0.58)),
        ((0.67, 0.31), (0.8, 0.45), (0.82, 0.58)),
    ),
    "waving": (
        ((0.33, 0.31), (0.2, 0.45), (0.18, 0.58)),
        ((0.67, 0.31), (0.86, 0.26), (0.9, 0.08)),
    ),
    "walking": (
        ((0.33, 0.31), (0.14, 0.4), (0.2, 0.52)),
        ((0.67, 0.31), (0.78, 0.46), (0.94, 0.48)),
    ),
    "sitting": (
        ((0.33, 0.31), (0.22, 0.46), (0.4, 0.58)),
        ((0.67, 0.31), (0.78, 0.46), (0.62, 0.58)),
    ),
    "raising both arms": (
        ((0.33, 0.31), (0.12, 0.24), (0.12, 0.05)),
        ((0.67, 0.31), (0.88, 0.24), (0.88, 0.05)),
    ),
}
_LEGS: dict[str, tuple[tuple[Point, ...], tuple[Point, ...]]] = {
    "walking": (((0.45, 0.6), (0.3, 0.78), (0.1, 0.94)), ((0.55, 0.6), (0.74, 0.76), (0.76, 0.96))),
    "sitting": (
        ((0.42, 0.62), (0.22, 0.74), (0.22, 0.96)),
        ((0.58, 0.62), (0.78, 0.74), (0.78, 0.96)),
    ),
}
_STRAIGHT: tuple[tuple[Point, ...], tuple[Point, ...]] = (
    ((0.42, 0.6), (0.4, 0.78), (0.39, 0.96)),
    ((0.58, 0.6), (0.6, 0.78), (0.61, 0.96)),
)


def figure(pose: str, expression: str) -> Shape:
    """Return a person's shape; lying down is standing, to be turned by the caller."""
    pose = "standing" if pose == "lying down" else pose
    arms = _ARMS[pose]
    legs = _LEGS.get(pose, _STRAIGHT)
    parts = [part for leg in legs for part in _limb("trousers", *leg, wide=0.045)]
    if pose == "sitting":
        parts.insert(0, Part("trunk", ((0.16, 0.66), (0.84, 0.66), (0.84, 0.98), (0.16, 0.98))))
    parts.append(Part("skin", ((0.44, 0.22), (0.56, 0.22), (0.56, 0.3), (0.44, 0.3))))
    body = ((0.33, 0.28), (0.67, 0.28), (0.72, 0.34), (0.68, 0.64), (0.32, 0.64), (0.28, 0.34))
    parts.append(Part("m", body))
    parts += [part for arm in arms for part in _arm(*arm)]
    return Shape(_ASPECT, "flat", (*parts, *_head(expression)))
