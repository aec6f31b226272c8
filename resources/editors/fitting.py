"""Bringing what a model gives to pixels of exactly the source's size."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unicedit_assets.domain.roles import EditorError, Pixels

# A model rounds sides to multiples of 16 or 32, which moves the aspect ratio by less than this.
_ASPECT_TOLERANCE = 0.05


def to_pixels(values: NDArray[np.floating]) -> Pixels:
    """Turn a picture of floats, 0-1, shape (H, W, 3), into 8-bit pixels.

    Raises:
        EditorError: a value is NaN or infinite: half of a broken model's outputs are.
    """
    if not np.isfinite(values).all():
        raise EditorError("the model's output is not finite")
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), dtype=np.uint8)


def fitted(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return a picture at exactly this size.

    A picture of another shape than rounding explains is returned as it is: the stage rejects it.
    """
    found_height, found_width = pixels.shape[:2]
    if (found_width, found_height) == (width, height):
        return pixels
    if abs(math.log(found_width / found_height) - math.log(width / height)) > _ASPECT_TOLERANCE:
        return pixels
    resized = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(resized, dtype=np.uint8)
