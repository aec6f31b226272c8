"""Texture Editing: a pattern laid over a region, lit by the region's own light and shade."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np

from unicedit_assets.classical import masks
from unicedit_assets.classical.colours import Floats
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.roles import Pixels

_PALETTES = {
    "stripes": ((248, 246, 240), (40, 70, 130)),
    "polka_dots": ((250, 246, 238), (200, 50, 60)),
    "checkerboard": ((245, 245, 242), (30, 30, 34)),
    "bricks": ((214, 206, 196), (158, 74, 52)),
}


def _step(distance: Floats) -> Floats:
    """Return a one-pixel soft edge at distance 0."""
    return np.asarray(np.clip(distance + 0.5, 0, 1), np.float32)


def _triangle(value: Floats, period: float) -> Floats:
    """Return the distance to the middle of the nearest period, in pixels."""
    return np.asarray(np.abs((value % period) - period / 2), np.float32)


def _stripes(x: Floats, y: Floats, pitch: float) -> Floats:
    across = np.asarray((x + y) / np.float32(1.4142), np.float32)
    return _step(np.asarray(_triangle(across, pitch) - pitch / 4, np.float32))


def _polka_dots(x: Floats, y: Floats, pitch: float) -> Floats:
    odd = np.floor(y / pitch) % 2
    dx = _triangle(x + odd * pitch / 2, pitch)
    away = np.hypot(dx, _triangle(y, pitch))
    return _step(np.asarray(0.3 * pitch - away, np.float32))


def _checkerboard(x: Floats, y: Floats, pitch: float) -> Floats:
    side = pitch * 0.8
    cells = np.floor(x / side) + np.floor(y / side)
    return np.asarray(cells % 2, np.float32)


def _bricks(x: Floats, y: Floats, pitch: float) -> Floats:
    tall, wide, joint = pitch * 0.6, pitch * 1.3, max(1.5, pitch * 0.06)
    odd = np.floor(y / tall) % 2
    dx = wide / 2 - _triangle(x + odd * wide / 2, wide)
    dy = tall / 2 - _triangle(y, tall)
    return _step(np.minimum(dx, dy) - joint / 2)


PATTERNS: Mapping[str, Callable[[Floats, Floats, float], Floats]] = MappingProxyType(
    {
        "stripes": _stripes,
        "polka_dots": _polka_dots,
        "checkerboard": _checkerboard,
        "bricks": _bricks,
    }
)


def pattern_pixels(part: Pixels, pattern: str, pitch: float, seed: int) -> Pixels:
    """Return a pattern of the part's size, shaded by the part's lightness."""
    height, width = part.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    choose = PATTERNS[pattern](x, y, pitch)[..., None]
    low, high = (np.asarray(colour, np.float32) for colour in _PALETTES[pattern])
    paint = low + (high - low) * choose
    if pattern == "bricks":
        noise = np.random.default_rng(seed).normal(0, 9, (height // 3 + 1, width // 3 + 1))
        paint += cv2.resize(noise.astype(np.float32), (width, height))[..., None]
    gray = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32)
    light = cv2.GaussianBlur(gray, (0, 0), max(1.0, pitch / 14))
    level = float(np.median(light))
    shade = np.clip((light + 40) / (level + 40), 0.45, 1.5)[..., None]
    dim = 0.45 + 0.55 * min(1.0, level / 130)
    return np.asarray(np.clip(paint * shade * dim, 0, 255), np.uint8)


def texture(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Cover the region that the words name with a pattern."""
    region = scene.find(slots["kind"], slots["colour"], slots["place"])
    alpha = scene.alpha(region)
    x0, y0, x1, y1 = masks.box_of(alpha > 0)
    part = scene.image[y0:y1, x0:x1]
    side = float(np.sqrt(region.share * scene.width * scene.height))
    pitch = float(np.clip(side / 7, 14, max(scene.width, scene.height) / 16))
    out = scene.image.copy()
    out[y0:y1, x0:x1] = masks.blend(
        part,
        pattern_pixels(part, slots["pattern"], pitch, seed),
        alpha[y0:y1, x0:x1] * np.float32(0.93),
    )
    return out
