"""Pictures on their way to a model: checked, capped in pixels, hashed, encoded one way."""

from __future__ import annotations

import base64
import hashlib
import math

import cv2
import numpy as np

from unicedit_assets.domain.roles import Pixels

# Lossless, since a verifier looks for small differences; fast, since the server throws it away.
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1)


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


def data_url(pixels: Pixels) -> str:
    """Return a picture as a ``data:`` URL of a PNG."""
    done, png = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), _PNG)
    if not done:
        raise ValueError("the picture cannot be encoded")
    return "data:image/png;base64," + base64.b64encode(png.tobytes()).decode("ascii")
