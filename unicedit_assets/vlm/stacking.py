"""Two pictures as one tall picture, the way a trained Qwen-Verify sees them.

Source above, edited below, of one size in whole cells: so both share a grid, and whatever depends
on both lies within one item of the request, which is what a server keeps apart.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from unicedit_assets.domain.roles import Pixels

# Side of a cell of Qwen2.5-VL: a patch of 14 pixels, merged 2 x 2.
CELL = 28


def panel_size(height: int, width: int, panel: int, max_pixels: int) -> tuple[int, int]:
    """Return height and width of each panel, whole cells.

    Args:
        panel: side of square panels; 0 keeps the picture's aspect.
        max_pixels: of one panel, where the aspect is kept.
    """
    if panel:
        return panel, panel
    factor = min(1.0, math.sqrt(max_pixels / (height * width)))
    whole = (max(1, int(side * factor / CELL)) * CELL for side in (height, width))
    return next(whole), next(whole)


def stacked(
    source: Pixels, edited: Pixels, panel: int = 0, panels: int = 2, max_pixels: int = 1_100_000
) -> Pixels:
    """Return source above edited as one picture; a third panel, where asked for, is black.

    Raises:
        ValueError: the pictures are not of one shape (H, W, 3).
    """
    if source.shape != edited.shape or source.ndim != 3 or source.shape[2] != 3:
        raise ValueError(
            f"source and edited picture must have one shape (H, W, 3): {source.shape}, {edited.shape}"
        )
    height, width = panel_size(*source.shape[:2], panel, max_pixels)
    sides = [_fitted(side, height, width) for side in (source, edited)]
    room = [np.zeros_like(sides[0])] * (panels - 2)
    return np.concatenate([*sides, *room])


def _fitted(pixels: Pixels, height: int, width: int) -> Pixels:
    if pixels.shape[:2] == (height, width):
        return pixels
    way = cv2.INTER_AREA if height < pixels.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=way), np.uint8)
