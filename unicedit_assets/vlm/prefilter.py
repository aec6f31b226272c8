"""Certain no-edits, settled by pixels alone: pictures that are the same but for the last bits.

The rule errs on one side only: it must never take a real edit, and it may let any no-edit pass on
to the model. An edit that a person can see moves at least one small block by more than rounding,
mild re-encoding or a one-level brightness shift do. The blocks lie on four grids, half a block
apart, because a small mark across a corner of four blocks counts a quarter in each of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unicedit_assets.domain.roles import Pixels

BLOCK = 16
# Gray levels, 0-255. PNG round trips give 0, JPEG at quality 95 about 1 to 2 in rough texture.
CERTAIN = 2.0


class Difference(NamedTuple):
    """How far two pictures are apart.

    Attributes:
        mean: mean absolute difference, levels.
        largest_block: the largest mean absolute difference of any block, levels.
    """

    mean: float
    largest_block: float


def difference(source: Pixels, edited: Pixels) -> Difference:
    """Compare two pictures block by block, blocks cut off at the edges included.

    Raises:
        ValueError: the pictures are not (H, W, 3) uint8 of one shape.
    """
    if source.shape != edited.shape or source.ndim != 3 or source.shape[2] != 3:
        raise ValueError(f"pictures of shapes {source.shape} and {edited.shape}")
    if source.dtype != np.uint8 or edited.dtype != np.uint8:
        raise ValueError(f"pictures of types {source.dtype} and {edited.dtype}")
    apart = np.maximum(source, edited) - np.minimum(source, edited)
    summed = apart.sum(axis=2, dtype=np.uint16)
    half = BLOCK // 2
    shifted = [_whole(summed, y, x) for y, x in ((0, half), (half, 0), (half, half))]
    largest = max(_largest(part) for part in (summed, *shifted))
    return Difference(float(summed.mean() / 3.0), largest)


def _whole(summed: np.ndarray, top: int, left: int) -> np.ndarray:
    """Return the whole blocks of a grid that begins there; what they leave out has others."""
    height = (summed.shape[0] - top) // BLOCK * BLOCK
    width = (summed.shape[1] - left) // BLOCK * BLOCK
    return summed[top : top + max(0, height), left : left + max(0, width)]


def _largest(summed: np.ndarray) -> float:
    if not summed.size:
        return 0.0
    rows = np.arange(0, summed.shape[0], BLOCK)
    columns = np.arange(0, summed.shape[1], BLOCK)
    sums = np.add.reduceat(np.add.reduceat(summed, rows, axis=0, dtype=np.uint32), columns, axis=1)
    heights = np.diff(np.append(rows, summed.shape[0]))
    widths = np.diff(np.append(columns, summed.shape[1]))
    return float((sums / (3.0 * np.outer(heights, widths))).max())
