"""What happens to a whole drawn picture: weather, camera side, tone, style.

All take and return float32 (H, W, 3), 0 to 255.
"""

from __future__ import annotations

import cv2
import numpy as np

from unicedit_assets.synthetic.backdrops import Floats
from unicedit_assets.synthetic.scene import Camera

_GREY = np.array([0.299, 0.587, 0.114], np.float32)


def event(image: Floats, name: str, look: int) -> Floats:
    """Let it rain, snow, be night, foggy or sunset."""
    height, width = image.shape[:2]
    rng = np.random.default_rng([look, 11])
    if name == "night falls":
        return image * np.array([0.28, 0.32, 0.5], np.float32) + np.array([2, 4, 16], np.float32)
    if name == "the sun sets":
        fall = np.linspace(1, 0.4, height, dtype=np.float32)[:, None, None]
        return image * np.array([0.86, 0.6, 0.5], np.float32) + fall * np.array(
            [70, 34, 6], np.float32
        )
    if name == "fog rolls in":
        veil = np.linspace(0.78, 0.5, height, dtype=np.float32)[:, None, None]
        return image * (1 - veil) + veil * np.float32(214)
    drops = np.zeros((height, width), np.uint8)
    side = min(height, width)
    if name == "it rains":
        for x, y in rng.uniform((-0.05, -0.05), (1, 1), (170, 2)):
            start = (round(x * width), round(y * height))
            end = (start[0] + round(side * 0.012), start[1] + round(side * 0.06))
            cv2.line(drops, start, end, 150, max(side // 300, 1), cv2.LINE_AA)
        image = image * np.float32(0.66) + np.float32(18)
    else:
        for x, y, size in rng.uniform((0, 0, 0.004), (1, 1, 0.011), (190, 3)):
            centre = (round(x * width * 16), round(y * height * 16))
            cv2.circle(drops, centre, round(size * side * 16), 240, -1, cv2.LINE_AA, 4)
        image = image * np.float32(0.82) + np.float32(26)
    share = (drops / np.float32(255))[..., None]
    return np.asarray(image * (1 - share) + share * np.float32(238), np.float32)


def camera_warp(image: Floats, camera: Camera) -> Floats:
    """Look at the picture's plane from a side, so that the far edge becomes smaller."""
    height, width = image.shape[:2]
    far = 0.5 * min(max(camera.angle, 0.0), 1.0)
    w, h = float(width), float(height)
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    near, pinch = 0.35 * far, 0.5 * far
    if camera.side == "left":
        seen = np.array(
            [[0, 0], [w * (1 - near), h * pinch], [w * (1 - near), h * (1 - pinch)], [0, h]]
        )
    elif camera.side == "right":
        seen = np.array([[w * near, h * pinch], [w, 0], [w, h], [w * near, h * (1 - pinch)]])
    else:
        seen = np.array([[w * pinch, h * near], [w * (1 - pinch), h * near], [w, h], [0, h]])
    matrix = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
    warped = cv2.warpPerspective(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def tone(image: Floats, name: str, strength: float) -> Floats:
    """Shift the whole picture's colours; ``strength`` 0 leaves it alone."""
    grey = (image @ _GREY)[..., None]
    if name == "warm":
        toned = image * np.array([1.16, 1.0, 0.7], np.float32) + np.array([12, 2, 0], np.float32)
    elif name == "cool":
        toned = image * np.array([0.72, 0.95, 1.16], np.float32) + np.array([0, 2, 16], np.float32)
    elif name == "dark":
        toned = image * np.float32(0.42)
    elif name == "bright":
        toned = image * np.float32(0.62) + np.float32(106)
    elif name == "sepia":
        toned = grey * np.array([1.06, 0.88, 0.64], np.float32)
    else:
        toned = np.repeat(grey, 3, axis=2)
    # Half-grey pictures look coloured still: these two reach their full effect early.
    share = min(1.6 * strength, 1.0) if name in ("sepia", "black and white") else strength
    return np.asarray(image + np.float32(share) * (np.clip(toned, 0, 255) - image), np.float32)


def stylise(image: Floats, name: str) -> Floats:
    """Redraw the picture in a style."""
    picture = np.clip(image, 0, 255).astype(np.uint8)
    height, width = picture.shape[:2]
    side = min(height, width)
    if name == "pencil sketch":
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        soft = cv2.GaussianBlur(255 - grey, (0, 0), side / 90)
        drawn = cv2.divide(grey, 255 - soft, scale=250)
        return np.repeat(drawn[..., None], 3, axis=2).astype(np.float32)
    if name == "pixel drawing":
        small = cv2.resize(
            picture, (width * 42 // side, height * 42 // side), interpolation=cv2.INTER_AREA
        )
        small = np.minimum(small.astype(np.int32) // 36 * 36 + 18, 255).astype(np.uint8)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST).astype(
            np.float32
        )
    if name == "cartoon":
        smooth = cv2.medianBlur(picture, 7)
        flat = np.minimum(smooth.astype(np.float32) // 56 * 56 + 40, 255)
        grey = cv2.cvtColor(smooth, cv2.COLOR_RGB2GRAY)
        edges = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 26
        flat[edges] = 18
        return flat
    if name == "mosaic":
        return _mosaic(picture, max(side // 28, 4))
    return _oil(picture, side)


def _mosaic(picture: np.ndarray, step: int) -> Floats:
    height, width = picture.shape[:2]
    small = cv2.resize(
        picture, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_AREA
    )
    tiles = np.repeat(np.repeat(small, step, 0), step, 1)[:height, :width].astype(np.float32)
    rows, columns = np.arange(height) % step == 0, np.arange(width) % step == 0
    tiles[rows] = 226
    tiles[:, columns] = 226
    return tiles


def _oil(picture: np.ndarray, side: int) -> Floats:
    """Strokes: neighbouring pixels take one colour, along slanted streaks."""
    height, width = picture.shape[:2]
    rng = np.random.default_rng(3)
    grain = rng.normal(0, 1, (height, width)).astype(np.float32)
    kernel = np.eye(9, dtype=np.float32) / 9
    grain = np.asarray(cv2.filter2D(grain, -1, kernel) * 3, np.float32)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    reach = side / 130
    smeared = cv2.remap(
        cv2.medianBlur(picture, 5),
        x + grain * reach,
        y - grain * reach,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    rich = smeared.astype(np.float32) + 5 * grain[..., None]
    grey = (rich @ _GREY)[..., None]
    return np.asarray(grey + 1.25 * (rich - grey), np.float32)
