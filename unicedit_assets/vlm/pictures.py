"""Pictures before a model sees them: checked, capped in pixels, hashed."""

from __future__ import annotations

import hashlib
import math

import cv2
import numpy as np

from unicedit_assets.domain.roles import Pixels


def flaw_of(pixels: object) -> str:
    """Return why something is not a picture, or nothing."""
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        return "a picture must be an array of 8-bit pixels"
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        return f"a picture must have the shape (H, W, 3), not {pixels.shape}"
    return ""


def capped(pixels: Pixels, max_pixels: int) -> Pixels:
    """Return the picture with at most ``max_pixels``, its aspect kept, averaged by area."""
    height, width = pixels.shape[:2]
    if height * width <= max_pixels:
        return pixels
    factor = math.sqrt(max_pixels / (height * width))
    size = (max(1, int(width * factor)), max(1, int(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def picture_hash(pixels: Pixels) -> str:
    """Return a hash of a picture's size and pixels."""
    seen = hashlib.sha256(repr(pixels.shape).encode())
    seen.update(pixels.tobytes())
    return seen.hexdigest()


def frozen(pixels: Pixels) -> Pixels:
    """Return a copy that nobody can write to, so that what is made of it can be kept."""
    own = np.array(pixels, np.uint8)
    own.setflags(write=False)
    return own
