"""Pictures with known content, and the user's own photographs where a folder of them is named."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from unicedit_assets.domain.roles import Pixels

WIDTH, HEIGHT = 624, 416


def _noise(shape: tuple[int, int], cell: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    grid = rng.normal(0, 1, (shape[0] // cell + 1, shape[1] // cell + 1)).astype(np.float32)
    return cv2.resize(grid, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def landscape() -> Pixels:
    """A pale blue sky over rough green hills, with one red barn on the lower left."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    sky = np.stack([120 + 0.25 * y, 170 + 0.15 * y, 225 + 0.05 * y], -1)
    rough = _noise((HEIGHT, WIDTH), 6, 1) * 16 + _noise((HEIGHT, WIDTH), 2, 2) * 12
    land = np.stack([58 + rough, 96 + rough, 44 + rough * 0.6], -1)
    line = 190 + 22 * np.sin(x / 90) + 12 * np.sin(x / 37)
    canvas = np.where((y > line)[..., None], land, sky)
    canvas[300:348, 120:176] = [186, 36, 30]
    canvas += _noise((HEIGHT, WIDTH), 2, 3)[..., None] * 1.5
    return np.clip(canvas, 0, 255).astype(np.uint8)


def still_life() -> Pixels:
    """A blue bowl in the middle of a plain sand-coloured table, lit from one side."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    table = np.stack([222 - x * 0.04, 206 - x * 0.04, 176 - x * 0.03], -1)
    r = np.hypot(x - 312, y - 208)
    bowl = np.stack([34 + r * 0.2, 66 + r * 0.2, 168 + r * 0.2], -1)
    canvas = np.where((r < 92)[..., None], bowl, table)
    canvas += _noise((HEIGHT, WIDTH), 2, 4)[..., None] * 1.2
    return np.clip(canvas, 0, 255).astype(np.uint8)


def sea() -> Pixels:
    """A calm gray sea with one small dark boat on the left."""
    y = np.mgrid[0:HEIGHT, 0:WIDTH][0].astype(np.float32)
    canvas = np.repeat((150 + 0.05 * y)[..., None], 3, -1) + np.array([-8, 0, 10], np.float32)
    canvas += _noise((HEIGHT, WIDTH), 3, 5)[..., None] * 2
    cv2.ellipse(canvas, (130, 210), (26, 14), 0, 0, 360, (24, 22, 26), -1)
    return np.clip(canvas, 0, 255).astype(np.uint8)


def gray_gradient() -> Pixels:
    """Nothing but a gray ramp."""
    ramp = np.linspace(60, 190, WIDTH)[None, :, None]
    return np.broadcast_to(ramp, (HEIGHT, WIDTH, 3)).astype(np.uint8).copy()


SCENES = {"landscape": landscape, "still_life": still_life, "sea": sea}


def photographs(most: int = 4) -> list[Pixels]:
    """Return photographs of the folder UNICEDIT_PHOTOS, none where it is not set."""
    folder = os.environ.get("UNICEDIT_PHOTOS")
    files = sorted(Path(folder).rglob("*.jpg"))[:most] if folder else []
    return [np.asarray(Image.open(file).convert("RGB").resize((1248, 832))) for file in files]
