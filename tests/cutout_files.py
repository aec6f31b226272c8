"""Makes a small folder of cut-outs: two that can be used, and some that cannot."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

RED, ORANGE = (206, 40, 40), (240, 140, 30)


def blob(colour: tuple[int, int, int], shift: bool = False) -> np.ndarray:
    """Return RGBA (120, 160): a shaded body on two dark wheels, wider above than below."""
    rgba = np.zeros((120, 160, 4), np.uint8)
    light = np.linspace(1.1, 0.7, 120)[:, None, None]
    rgba[..., :3] = np.clip(np.array(colour) * light, 0, 255)
    cv2.ellipse(rgba, (80, 45), (70 - 9 * shift, 38), 0, 0, 360, 255, -1)
    alpha = np.zeros((120, 160), np.uint8)
    cv2.ellipse(alpha, (80, 45), (70 - 9 * shift, 38), 0, 0, 360, 255, -1)
    cv2.rectangle(alpha, (55, 70), (75, 110), 255, -1)
    rgba[85:, 55:76, :3] = 20
    rgba[..., :3][(alpha > 0) & (rgba[..., 0] == 255)] = colour
    rgba[..., 3] = alpha
    return rgba


def write_cutouts(folder: Path, shift: bool = False) -> Path:
    """Write ``cat/tom.png`` (orange), ``ball-2.png`` (red), and what is no cut-out of a class."""
    (folder / "cat").mkdir(parents=True)
    Image.fromarray(blob(ORANGE, shift)).save(folder / "cat" / "tom.png")
    disc = np.zeros((100, 100, 4), np.uint8)
    disc[..., :3] = RED
    cv2.circle(alpha := np.zeros((100, 100), np.uint8), (50, 50), 45, 255, -1)
    disc[..., 3] = alpha
    Image.fromarray(disc).save(folder / "ball-2.png")
    Image.fromarray(disc).save(folder / "teapot.png")
    Image.fromarray(disc).save(folder / "football pitch.png")
    Image.fromarray(disc[40:60, 40:60]).save(folder / "book.png")
    Image.fromarray(disc[..., :3]).save(folder / "chair.png")
    (folder / "house.png").write_bytes(b"no picture")
    return folder
