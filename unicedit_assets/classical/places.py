"""The nine places of the instruction language as points of a picture, and back again."""

from __future__ import annotations

from typing import NamedTuple

_COLUMNS = ("left", "center", "right")
_ROWS = ("upper", "center", "lower")
_NAMES = {
    ("upper", "left"): "upper_left",
    ("upper", "center"): "top",
    ("upper", "right"): "upper_right",
    ("center", "left"): "left",
    ("center", "center"): "center",
    ("center", "right"): "right",
    ("lower", "left"): "lower_left",
    ("lower", "center"): "bottom",
    ("lower", "right"): "lower_right",
}
_EDGES = (0.36, 0.64)
_MIDDLES = (0.18, 0.5, 0.82)


class Point(NamedTuple):
    """A point as shares of width and height, 0-1, from the upper left corner."""

    x: float
    y: float


def _third(share: float) -> int:
    return sum(share > edge for edge in _EDGES)


def place_of(point: Point) -> str:
    """Return the name of the place a point lies in."""
    return _NAMES[_ROWS[_third(point.y)], _COLUMNS[_third(point.x)]]


def point_of(place: str) -> Point:
    """Return the middle of a place.

    Raises:
        KeyError: no such place.
    """
    row, column = next(cell for cell, name in _NAMES.items() if name == place)
    return Point(_MIDDLES[_COLUMNS.index(column)], _MIDDLES[_ROWS.index(row)])


def certainty(point: Point) -> float:
    """Return how far a point is from the border of its place (shares; 0 = on the border)."""
    return min(abs(share - edge) for share in point for edge in _EDGES)


def place_row(place: str) -> int:
    """Return the row of the 3 x 3 grid that a place lies in, from the top."""
    return _third(point_of(place).y)


def distance(one: str, other: str) -> int:
    """Return how many steps of the 3 x 3 grid two places are apart (0 = the same)."""
    a, b = point_of(one), point_of(other)
    return max(abs(_third(a.x) - _third(b.x)), abs(_third(a.y) - _third(b.y)))


PLACES: tuple[str, ...] = tuple(_NAMES.values())
