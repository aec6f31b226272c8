"""Balance by caps: no cell (split, kind, subtask) may crowd out others; what is over is counted.

Which rows stay is decided by a hash of their keys, so it depends neither on the order of the rows
nor on how many there are of another cell's.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from unicedit_assets.domain.identity import digest


class Cell(NamedTuple):
    """What is balanced."""

    split: str
    kind: str
    subtask: str


@dataclass(frozen=True)
class Caps:
    """How many rows a cell may have.

    Attributes:
        most: rows in any cell.
        ratio: rows in a cell, as a multiple of the median cell of its split.
    """

    most: int = 5_000
    ratio: float = 3.0


def cap_of(sizes: Mapping[Cell, int], caps: Caps) -> dict[Cell, int]:
    """Return how many rows each cell may keep."""
    by_split: dict[str, list[int]] = {}
    for cell, size in sizes.items():
        by_split.setdefault(cell.split, []).append(size)
    most = {
        split: min(caps.most, max(1, math.ceil(caps.ratio * median(found))))
        for split, found in by_split.items()
    }
    return {cell: min(size, most[cell.split]) for cell, size in sizes.items()}


def kept(keys: Sequence[str], cells: Sequence[Cell], caps: Caps) -> list[bool]:
    """Tell for each row whether it stays under the caps."""
    members: dict[Cell, list[int]] = {}
    for place, cell in enumerate(cells):
        members.setdefault(cell, []).append(place)
    allowed = cap_of({cell: len(found) for cell, found in members.items()}, caps)
    stays = [False] * len(keys)
    for cell, found in members.items():
        ranked = sorted(found, key=lambda place: digest("balance", keys[place]))
        for place in ranked[: allowed[cell]]:
            stays[place] = True
    return stays


def spread(sizes: Mapping[Hashable, int]) -> float:
    """Return the largest count over the median one; 1 where there is nothing to compare."""
    counts = [size for size in sizes.values() if size]
    return max(counts) / median(counts) if counts else 1.0
