"""Colour names as ranges of hue, chroma and lightness, with a distance to each range.

Borders between names are a matter of taste (is it orange or brown?), so a claim is checked by its
distance to the named range, not by the nearest name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class _Range:
    """A box in LAB cylinder coordinates: hue in degrees, chroma, lightness 0-100."""

    hue: tuple[float, float] | None
    chroma: tuple[float, float]
    light: tuple[float, float]


_RANGES: dict[str, _Range] = {
    "red": _Range((8, 46), (32, 200), (18, 68)),
    "orange": _Range((46, 77), (40, 200), (48, 85)),
    "yellow": _Range((77, 112), (34, 200), (55, 100)),
    "green": _Range((112, 172), (14, 200), (15, 95)),
    "cyan": _Range((172, 232), (12, 200), (40, 97)),
    "blue": _Range((232, 308), (14, 200), (12, 85)),
    "purple": _Range((300, 338), (20, 200), (12, 75)),
    "pink": _Range((330, 388), (16, 200), (55, 95)),
    "brown": _Range((35, 88), (13, 60), (16, 62)),
    "black": _Range(None, (0, 14), (0, 24)),
    "white": _Range(None, (0, 12), (82, 100)),
    "gray": _Range(None, (0, 13), (22, 84)),
}
_HUELESS_CHROMA = 8.0


def gap_plane(lab: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Return how far LAB colours (..., 3) lie outside a named range, about in LAB units."""
    box = _RANGES[name]
    light, chroma = lab[..., 0], np.hypot(lab[..., 1], lab[..., 2])
    gap = np.hypot(_outside(light, *box.light), _outside(chroma, *box.chroma))
    if box.hue is None:
        return np.asarray(gap, np.float32)
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360.0
    low, high = box.hue
    middle, half = (low + high) / 2, (high - low) / 2
    turn = np.maximum(np.abs((hue - middle + 180.0) % 360.0 - 180.0) - half, 0.0)
    arc = 2.0 * np.maximum(chroma, _HUELESS_CHROMA) * np.sin(np.radians(turn) / 2.0)
    return np.asarray(np.hypot(gap, arc), np.float32)


def colour_gap(lab: Sequence[float], name: str) -> float:
    """Return how far one LAB colour lies outside a named range; 0 inside."""
    return float(gap_plane(np.asarray(lab, np.float32), name))


def _outside(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    return np.asarray(np.maximum(np.maximum(low - values, values - high), 0), np.float32)


def colour_name(lab: Sequence[float]) -> str:
    """Return the name whose range is nearest (ties: the range whose middle is nearest)."""
    own = float(np.degrees(np.arctan2(lab[2], lab[1])) % 360.0)

    def rank(name: str) -> tuple[float, float]:
        box = _RANGES[name]
        turn = abs((own - sum(box.hue) / 2 + 180.0) % 360.0 - 180.0) if box.hue else 0.0
        return (round(colour_gap(lab, name), 1), turn + 0.3 * abs(lab[0] - sum(box.light) / 2))

    return min(_RANGES, key=rank)


def median_colour(lab: NDArray[np.float32], mask: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return the per-channel median of the masked pixels; zeros for an empty mask."""
    if not mask.any():
        return (0.0, 0.0, 0.0)
    light, a, b = (float(v) for v in np.median(lab[mask], axis=0))
    return (light, a, b)


def mean_colour(lab: NDArray[np.float32], mask: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return the mean of the masked pixels; zeros for an empty mask."""
    if not mask.any():
        return (0.0, 0.0, 0.0)
    light, a, b = (float(v) for v in lab[mask].mean(axis=0))
    return (light, a, b)
