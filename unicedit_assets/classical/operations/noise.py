"""Smooth seeded noise for clouds, fog, stars and grain."""

from __future__ import annotations

import cv2
import numpy as np

from unicedit_assets.classical.colours import Floats


def clouds(width: int, height: int, cells: int, seed: int, octaves: int = 4) -> Floats:
    """Return fractal value noise, 0-1, with about ``cells`` blots across the width."""
    generator = np.random.default_rng(seed)
    total = np.zeros((height, width), np.float32)
    weight = 1.0
    for octave in range(octaves):
        columns = max(2, cells * 2**octave)
        rows = max(2, round(columns * height / width * 1.6))
        grid = generator.random((rows, columns), np.float32)
        total += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        weight *= 0.5
    low, high = float(total.min()), float(total.max())
    return np.asarray((total - low) / max(1e-6, high - low), np.float32)


def stars(width: int, height: int, count: int, seed: int) -> Floats:
    """Return a field of small soft stars, 0-1."""
    generator = np.random.default_rng(seed)
    field = np.zeros((height, width), np.float32)
    unit = max(width, height) / 1248
    ys, xs = generator.integers(0, height, count), generator.integers(0, width, count)
    powers = generator.random(count) ** 5
    for y, x, power in zip(ys, xs, powers, strict=True):
        radius = max(1, round(unit * (0.5 + 1.7 * power)))
        cv2.circle(field, (int(x), int(y)), radius, 0.22 + 0.78 * float(power), -1, cv2.LINE_8)
    return np.asarray(np.clip(cv2.GaussianBlur(field, (0, 0), 0.8 * unit) * 1.5, 0, 1), np.float32)
