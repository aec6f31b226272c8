"""Draws a scene graph: backdrop, shadows, items by depth, weather, camera, tone, style."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.domain.roles import Pixels
from unicedit_assets.synthetic import words
from unicedit_assets.synthetic.backdrops import Floats, backdrop
from unicedit_assets.synthetic.finish import camera_warp, event, stylise, tone
from unicedit_assets.synthetic.scene import Camera, Item, Scene
from unicedit_assets.synthetic.sprites import Sprite, paint, shape_of


def render(
    scene: Scene, size: tuple[int, int], photographs: Sequence[NDArray[np.uint8]] = ()
) -> Pixels:
    """Draw a scene.

    Args:
        size: width and height in pixels.
        photographs: the pictures that a ``photograph`` backdrop chooses from.

    Returns:
        uint8 (H, W, 3), sRGB.
    """
    width, height = size
    if scene.plain:
        image = np.empty((height, width, 3), np.float32)
        image[:] = words.COLOURS[scene.plain][0]
    else:
        ground = backdrop(scene.backdrop, scene.look, size, scene.simple, photographs)
        image = _zoomed(ground, scene.camera) if scene.camera.zoom != 1.0 else ground.copy()
    for item in sorted(scene.items, key=lambda item: (-item.depth, item.y)):
        _draw(image, item, scene)
    if scene.event:
        image = event(image, scene.event, scene.look)
    _glow(image, scene)
    if scene.camera.side:
        image = camera_warp(image, scene.camera)
    if scene.tone:
        image = tone(image, scene.tone, scene.tone_strength)
    if scene.style:
        image = stylise(image, scene.style)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def box(item: Item, camera: Camera, size: tuple[int, int]) -> tuple[float, float, float]:
    """Return where an item's foot is and how tall it is, in pixels: (x, y, height)."""
    width, height = size
    x = ((item.x - camera.x) * camera.zoom + camera.x) * width
    y = ((item.y - camera.y) * camera.zoom + camera.y) * height
    return x, y, item.size * camera.zoom * min(width, height)


def _zoomed(ground: Floats, camera: Camera) -> Floats:
    height, width = ground.shape[:2]
    zoom = camera.zoom
    matrix = np.array(
        [
            [zoom, 0, camera.x * width * (1 - zoom)],
            [0, zoom, camera.y * height * (1 - zoom)],
        ]
    )
    moved = cv2.warpAffine(
        ground, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(moved, np.float32)


def _draw(image: Floats, item: Item, scene: Scene) -> None:
    height, width = image.shape[:2]
    x, y, tall = box(item, scene.camera, (width, height))
    cutout = scene.cutout(item)
    sprite = paint(item, round(tall), scene.light, cutout)
    turn = item.turn + (90.0 if item.pose == "lying down" else 0.0)
    if turn:
        sprite = _turned(sprite, turn)
    wide = sprite.alpha.shape[1]
    if not shape_of(item).floats and not scene.plain:
        middle, broad = _foot(sprite) if cutout else (0.0, wide)
        _shadow(image, x + middle, y, broad, scene.light)
    _lay(image, sprite, round(x - wide / 2), round(y - sprite.alpha.shape[0]))


def _turned(sprite: Sprite, degrees: float) -> Sprite:
    tall, wide = sprite.alpha.shape
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    new = (
        int(np.ceil(abs(wide * cos) + abs(tall * sin))),
        int(np.ceil(abs(wide * sin) + abs(tall * cos))),
    )
    matrix = cv2.getRotationMatrix2D((wide / 2, tall / 2), -degrees, 1.0)
    matrix[:, 2] += (new[0] / 2 - wide / 2, new[1] / 2 - tall / 2)
    return Sprite(
        np.asarray(cv2.warpAffine(sprite.colour, matrix, new), np.float32),
        np.asarray(cv2.warpAffine(sprite.alpha, matrix, new), np.float32),
    )


def _lay(image: Floats, sprite: Sprite, left: int, top: int) -> None:
    height, width = image.shape[:2]
    tall, wide = sprite.alpha.shape
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + wide, width), min(top + tall, height)
    if x0 >= x1 or y0 >= y1:
        return
    part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    region = image[y0:y1, x0:x1]
    region *= 1 - sprite.alpha[part][..., None]
    region += sprite.colour[part]


def _foot(sprite: Sprite) -> tuple[float, int]:
    """Return where something touches the ground, from its middle, and how wide, in pixels."""
    tall, wide = sprite.alpha.shape
    low = np.flatnonzero((sprite.alpha[-max(tall // 10, 2) :] > 0.3).any(0))
    if not len(low):
        return 0.0, wide
    # What has a narrow foot still shades more of the ground.
    return float(low[0] + low[-1] + 1 - wide) / 2, max(int(low[-1] - low[0] + 1), wide * 2 // 5)


def _shadow(image: Floats, x: float, y: float, wide: int, light: float) -> None:
    """Darken an ellipse on the ground, away from the light, with soft edges."""
    height, width = image.shape[:2]
    rx, ry = wide * 0.55, max(wide * 0.13, 3.0)
    cx, cy = x - light * wide * 0.12, y - ry * 0.25
    x0, x1 = max(int(cx - rx * 1.5), 0), min(int(cx + rx * 1.5) + 1, width)
    y0, y1 = max(int(cy - ry * 1.8), 0), min(int(cy + ry * 1.8) + 1, height)
    if x0 >= x1 or y0 >= y1:
        return
    dx = (np.arange(x0, x1, dtype=np.float32) - cx) / rx
    dy = (np.arange(y0, y1, dtype=np.float32) - cy) / ry
    away = dx[None, :] ** 2 + dy[:, None] ** 2
    image[y0:y1, x0:x1] *= (1 - 0.5 * np.exp(-(away**2) * 1.2))[..., None]


def _glow(image: Floats, scene: Scene) -> None:
    """Let lamps that are on shine."""
    height, width = image.shape[:2]
    for item in scene.items:
        if item.lit:
            x, y, tall = box(item, scene.camera, (width, height))
            dx = (np.arange(width, dtype=np.float32) - x)[None, :]
            dy = (np.arange(height, dtype=np.float32) - (y - tall * 0.75))[:, None]
            light = np.exp(-(dx**2 + dy**2) / (tall * 0.7) ** 2)[..., None]
            seen = 1.0 if scene.event == "night falls" else 0.35
            image += seen * light * np.array([130, 110, 60], np.float32)
