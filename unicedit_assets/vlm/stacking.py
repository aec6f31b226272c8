"""Two pictures as one tall picture, the way a trained Qwen-Verify sees them.

Source above, edited below, of one size in whole cells: so both share a grid, and whatever depends
on both lies within one item of the request, which is what a server keeps apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from unicedit_assets.domain.roles import Pixels

# Model types of a Qwen-Verify, as its config.json has them.
ON_QWEN2_5, ON_QWEN3 = MODEL_TYPES = ("qwen_verify", "qwen3_verify")
# Side of a cell of Qwen2.5-VL: a patch of 14 pixels, merged 2 x 2. Qwen3-VL's has 32.
CELL = 28


@dataclass(frozen=True)
class Layout:
    """How the tall picture is made; a model is asked with the layout that it was trained with.

    Attributes:
        panels: 2, or 3 where the last one keeps room for difference tokens.
        side: of square panels, pixels; 0 keeps the pictures' aspect.
        max_pixels: of one panel, where the aspect is kept.
        cell: side of what becomes one token, pixels.
    """

    panels: int = 2
    side: int = 0
    max_pixels: int = 602_112
    cell: int = CELL

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of each panel for pictures of a size; whole cells."""
        if self.side:
            return self.side, self.side
        factor = min(1.0, math.sqrt(self.max_pixels / (height * width)))
        rows, columns = (max(1, int(side * factor / self.cell)) for side in (height, width))
        return rows * self.cell, columns * self.cell


def stacked(source: Pixels, edited: Pixels, layout: Layout) -> Pixels:
    """Return source above edited as one picture; a third panel, where asked for, is black.

    Raises:
        ValueError: the pictures are not of one shape (H, W, 3).
    """
    if source.shape != edited.shape or source.ndim != 3 or source.shape[2] != 3:
        shapes = f"{source.shape} and {edited.shape}"
        raise ValueError(f"source and edited picture must have one shape (H, W, 3), not {shapes}")
    height, width = layout.size(*source.shape[:2])
    sides = [_fitted(side, height, width) for side in (source, edited)]
    room = [np.zeros_like(sides[0])] * (layout.panels - 2)
    return np.concatenate([*sides, *room])


def _fitted(pixels: Pixels, height: int, width: int) -> Pixels:
    if pixels.shape[:2] == (height, width):
        return pixels
    way = cv2.INTER_AREA if height < pixels.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=way), np.uint8)
