"""Implicit Change Edits: what the picture would look like under other circumstances."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np

from unicedit_assets.classical.colours import Array, Floats
from unicedit_assets.classical.operations.noise import clouds, stars
from unicedit_assets.classical.operations.tone import saturate
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.roles import Pixels


def _bytes(values: Array) -> Pixels:
    return np.asarray(np.clip(values + 0.5, 0, 255), np.uint8)


def _fog(scene: Scene, seed: int) -> Pixels:
    """Mix toward a pale gray, thicker toward the middle distance and in drifts."""
    height, width = scene.height, scene.width
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    depth = 0.8 - 0.3 * np.clip((y - 0.55) / 0.45, 0, 1)
    drift = (clouds(width, height, 3, seed, 3) - 0.5) * 0.28
    thick = np.clip(depth + drift, 0.3, 0.92)[..., None]
    hazy = cv2.GaussianBlur(scene.image, (0, 0), max(0.8, max(width, height) / 700))
    return _bytes(hazy + (np.array([206, 210, 214], np.float32) - hazy) * thick)


def _night(scene: Scene, seed: int) -> Pixels:
    """Darken and turn blue; stars where the sky is known."""
    dark = saturate(scene.image, 0.45).astype(np.float32) / 255
    toned = (dark**1.4) * np.array([58, 72, 120], np.float32)
    sky = scene.sky
    if sky is not None:
        alpha = scene.alpha(sky)[..., None]
        night = toned * 0.35 + np.array([5, 8, 24], np.float32)
        shine = stars(scene.width, scene.height, 500, seed)[..., None] * np.array(
            [220, 226, 245], np.float32
        )
        toned = toned + (night + shine - toned) * alpha
    return _bytes(toned)


def _flakes(width: int, height: int, count: int, radius: float, seed: int) -> Floats:
    generator = np.random.default_rng(seed)
    layer = np.zeros((height, width), np.uint8)
    xs, ys = generator.integers(0, width, count), generator.integers(0, height, count)
    sizes = radius * (0.6 + 0.8 * generator.random(count))
    for x, y, size in zip(xs, ys, sizes, strict=True):
        centre, axes = (int(x), int(y)), (max(1, int(size)), max(1, int(size * 1.5)))
        cv2.ellipse(layer, centre, axes, 18, 0, 360, 255, -1, cv2.LINE_8)
    soft = cv2.GaussianBlur(layer, (0, 0), max(0.7, radius / 2.5))
    return np.asarray(soft * np.float32(1 / 255), np.float32)


def _snow(scene: Scene, seed: int) -> Pixels:
    """Cool and pale air, and flakes at three distances."""
    width, height = scene.width, scene.height
    unit = max(width, height) / 1248
    pale = saturate(scene.image, 0.6).astype(np.float32)
    air = pale + (np.array([196, 204, 216], np.float32) - pale) * np.float32(0.3)
    cover = np.zeros((height, width), np.float32)
    for index, (count, radius, power) in enumerate(
        ((1500, 1.5, 0.8), (520, 3.0, 0.9), (90, 6.5, 0.85))
    ):
        cover = np.maximum(
            cover, power * _flakes(width, height, count, radius * unit, seed + index)
        )
    return _bytes(air + (250 - air) * cover[..., None])


def _aged(scene: Scene, seed: int) -> Pixels:
    """Fade to brown, with grain, stains, scratches, creases and dark corners."""
    width, height = scene.width, scene.height
    generator = np.random.default_rng(seed)
    gray = cv2.cvtColor(scene.image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    gray = 0.2 + 0.66 * gray + generator.normal(0, 0.035, gray.shape).astype(np.float32)
    stain = np.clip(clouds(width, height, 4, seed) - 0.62, 0, 1) * 0.55
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    corner = np.clip(np.hypot(x, y) - 0.8, 0, 1) * 0.4
    marks = np.zeros((height, width), np.uint8)
    thick = max(1, round(max(width, height) / 900))
    for _ in range(14):
        x0, y0 = int(generator.integers(0, width)), int(generator.integers(0, height))
        dx, dy = int(generator.normal(0, width / 40)), int(generator.normal(0, height / 14))
        cv2.line(marks, (x0, y0), (x0 + dx, y0 + dy), 200, thick, cv2.LINE_AA)
    crease = int(generator.integers(width // 4, 3 * width // 4))
    cv2.line(marks, (crease, 0), (crease + width // 30, height), 230, thick, cv2.LINE_AA)
    tone = (gray - stain - corner)[..., None] * np.array([255, 222, 168], np.float32) + np.array(
        [8, 6, 4], np.float32
    )
    scratch = marks[..., None].astype(np.float32) / 255 * np.float32(0.6)
    return _bytes(tone + (np.array([244, 232, 205], np.float32) - tone) * scratch)


SCENARIOS: Mapping[str, Callable[[Scene, int], Pixels]] = MappingProxyType(
    {"fog": _fog, "night": _night, "snow": _snow, "aged": _aged}
)


def scenario(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Show the picture under other circumstances."""
    return SCENARIOS[slots["scenario"]](scene, seed)
