"""Tone Transformation: one grade over the whole picture, by lookup tables and a colour matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.classical.colours import Floats
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.roles import Pixels

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_GRAY = np.tile(_LUMA, (3, 1))
_SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]], np.float32)
_RAMP = np.linspace(0, 1, 256, dtype=np.float32)


def matrix(image: Pixels, weights: NDArray[np.float32]) -> Pixels:
    """Return the image with its channels mixed by a 3 x 3 matrix, clipped to bytes."""
    return np.asarray(cv2.transform(image, weights), np.uint8)


def curve(image: Pixels, *channels: Floats) -> Pixels:
    """Return the image through one curve for all channels, or one a channel (0-1 -> 0-1)."""
    table = np.clip(np.stack(channels, -1) * 255 + 0.5, 0, 255).astype(np.uint8)
    full = np.broadcast_to(table, (256, 3)) if table.shape[1] == 1 else table
    return np.asarray(cv2.LUT(image, np.ascontiguousarray(full)[:, None]), np.uint8)


def saturate(image: Pixels, factor: float) -> Pixels:
    """Return the image with its distance from gray multiplied."""
    return matrix(image, np.asarray(np.eye(3) * factor + _GRAY * (1 - factor), np.float32))


def _black_and_white(image: Pixels) -> Pixels:
    return matrix(image, _GRAY)


def _sepia(image: Pixels) -> Pixels:
    toned = matrix(image, np.asarray(0.92 * _SEPIA, np.float32))
    return np.asarray(cv2.addWeighted(toned, 0.95, image, 0.05, 0), np.uint8)


def _warm(image: Pixels) -> Pixels:
    bright = _RAMP**0.9
    return curve(image, np.minimum(bright * 1.14 + 0.03, 1), bright * 0.99, _RAMP * 0.66)


def _cool(image: Pixels) -> Pixels:
    return curve(image, _RAMP * 0.68, _RAMP * 0.92 + 0.01, np.minimum(_RAMP**0.85 * 1.08 + 0.04, 1))


def _bright(image: Pixels) -> Pixels:
    return saturate(curve(image, _RAMP**0.55 * 0.93 + 0.07), 0.92)


def _dark(image: Pixels) -> Pixels:
    return saturate(curve(image, _RAMP**1.7 * 0.72), 0.75)


def _high_contrast(image: Pixels) -> Pixels:
    middle = float(np.clip(np.median(image[::8, ::8]) / 255, 0.3, 0.7))
    s = 1 / (1 + np.exp(-9.0 * (_RAMP - middle)))
    return curve(image, (s - s[0]) / (s[-1] - s[0]))


def _faded(image: Pixels) -> Pixels:
    return saturate(curve(image, _RAMP * 0.5 + 0.3), 0.6)


def _vivid(image: Pixels) -> Pixels:
    return saturate(curve(image, np.clip((_RAMP - 0.5) * 1.08 + 0.5, 0, 1)), 1.85)


TONES: Mapping[str, Callable[[Pixels], Pixels]] = MappingProxyType(
    {
        "black_and_white": _black_and_white,
        "sepia": _sepia,
        "warm": _warm,
        "cool": _cool,
        "bright": _bright,
        "dark": _dark,
        "high_contrast": _high_contrast,
        "faded": _faded,
        "vivid": _vivid,
    }
)


def tone(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Regrade the whole picture."""
    return TONES[slots["tone"]](scene.image)
