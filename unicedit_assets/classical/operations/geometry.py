"""Lens Zooming, Viewpoint Transformation and mirroring: the frame stays full, nothing is padded."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, radians, sin

import cv2
import numpy as np

from unicedit_assets.classical.places import point_of
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.roles import EditorError, Pixels

_KEYSTONE = 0.21


def _warp(image: Pixels, corners: list[tuple[float, float]]) -> Pixels:
    """Return the picture that shows the source's quadrangle (from the upper left, clockwise)."""
    height, width = image.shape[:2]
    frame = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    transform = cv2.getPerspectiveTransform(np.asarray(corners, np.float32), frame)
    return np.asarray(
        cv2.warpPerspective(
            image, transform, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        ),
        np.uint8,
    )


def zoom(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Show a smaller part of the scene at full size."""
    factor = float(slots["factor"])
    if not 1.1 <= factor <= 4:
        raise EditorError(f"a zoom of {factor:g} is outside 1.1-4")
    width, height = scene.width / factor, scene.height / factor
    middle = point_of(slots["place"])
    left = min(max(0.0, middle.x * scene.width - width / 2), scene.width - width)
    top = min(max(0.0, middle.y * scene.height - height / 2), scene.height - height)
    right, bottom = left + width, top + height
    return _warp(scene.image, [(left, top), (right, top), (right, bottom), (left, bottom)])


def perspective(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Keystone the picture as a camera moved to that side sees it: the near side grows."""
    w, h = float(scene.width), float(scene.height)
    dx, dy = _KEYSTONE * w, _KEYSTONE * h
    quads = {
        "left": [(0, dy), (w, 0), (w, h), (0, h - dy)],
        "right": [(0, 0), (w, dy), (w, h - dy), (0, h)],
        "above": [(dx, 0), (w - dx, 0), (w, h), (0, h)],
        "below": [(0, 0), (w, 0), (w - dx, h), (dx, h)],
    }
    return _warp(scene.image, [(float(x), float(y)) for x, y in quads[slots["side"]]])


def roll(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Turn the picture about its centre and enlarge it until the frame is full."""
    degrees = float(slots["degrees"])
    if not 1 <= degrees <= 45:
        raise EditorError(f"a turn of {degrees:g} degrees is outside 1-45")
    w, h = float(scene.width), float(scene.height)
    angle = radians(degrees if slots["turn"] == "clockwise" else -degrees)
    c, s = cos(angle), abs(sin(angle))
    scale = max((w * c + h * s) / w, (w * s + h * c) / h)
    half = [(-w / 2, -h / 2), (w / 2, -h / 2), (w / 2, h / 2), (-w / 2, h / 2)]
    corners = [
        (
            w / 2 + (x * cos(angle) + y * sin(angle)) / scale,
            h / 2 + (-x * sin(angle) + y * cos(angle)) / scale,
        )
        for x, y in half
    ]
    return _warp(scene.image, corners)


def mirror(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Swap left and right."""
    return np.ascontiguousarray(scene.image[:, ::-1])
