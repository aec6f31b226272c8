"""A procedural picture with known content, right edits of it, and damage: made here, by other means
than the classical editor's, so that the verifier is not tested on the editor's own habits."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unicedit_assets.domain.roles import Pixels

WIDTH, HEIGHT = 960, 640
BOX = (slice(440, 560), slice(130, 290))  # the red block on the lower left
STRAY = (slice(60, 200), slice(640, 800))  # well away from it


def _noise(cell: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    grid = rng.normal(0, 1, (HEIGHT // cell + 2, WIDTH // cell + 2)).astype(np.float32)
    return cv2.resize(grid, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def scene() -> Pixels:
    """Return a textured green-gray ground with a red block, stones and a pale upper part."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    rough = _noise(24, 1) * 14 + _noise(6, 2) * 10 + _noise(2, 3) * 6
    ground = np.stack([104 + rough, 120 + rough, 92 + rough * 0.8], -1)
    pale = np.stack([168 + rough * 0.5, 176 + rough * 0.5, 186 + rough * 0.5], -1)
    canvas = np.where((y > 250 + 30 * np.sin(x / 120))[..., None], ground, pale)
    rng = np.random.default_rng(4)
    for _ in range(26):
        centre = (int(rng.integers(0, WIDTH)), int(rng.integers(0, HEIGHT)))
        shade = tuple(float(v) for v in rng.integers(60, 190, 3))
        cv2.circle(canvas, centre, int(rng.integers(8, 26)), shade, -1, cv2.LINE_AA)
    canvas[BOX] = np.array([182, 34, 32], np.float32) + rough[BOX][..., None] * 0.8
    return np.clip(canvas, 0, 255).astype(np.uint8)


def recoloured(image: Pixels, box: tuple[slice, slice], rgb: tuple[int, int, int]) -> Pixels:
    """Return the picture with a box in another colour that keeps its light and shade."""
    out = image.copy()
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)[box]
    shade = gray - gray.mean()
    out[box] = np.clip(np.array(rgb, np.float32) + shade[..., None], 0, 255).astype(np.uint8)
    return out


def graded(image: Pixels, gains: tuple[float, float, float], power: float = 1.0) -> Pixels:
    """Return the picture through one curve a channel."""
    levels = (image.astype(np.float32) / 255) ** power * 255 * np.array(gains, np.float32)
    return np.clip(levels, 0, 255).astype(np.uint8)


def gray(image: Pixels) -> Pixels:
    return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def lettered(image: Pixels, text: str, at: tuple[int, int], rgb: tuple[int, int, int]) -> Pixels:
    """Return the picture with a text whose middle is at a point."""
    canvas = Image.fromarray(image)
    font = ImageFont.load_default(64)
    ImageDraw.Draw(canvas).text(at, text, fill=rgb, font=font, anchor="mm")
    return np.asarray(canvas, np.uint8)


def moved(image: Pixels, dx: float = 0.0, dy: float = 0.0, zoom: float = 1.0) -> Pixels:
    """Return the picture moved and enlarged about its centre, its border repeated."""
    matrix = np.array(
        [[zoom, 0, (1 - zoom) * WIDTH / 2 + dx], [0, zoom, (1 - zoom) * HEIGHT / 2 + dy]]
    )
    return np.asarray(
        cv2.warpAffine(image, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def zoomed(image: Pixels, factor: float, left: float, top: float) -> Pixels:
    """Return a part at full size; ``left`` and ``top`` are shares of the free range."""
    wide, tall = int(WIDTH / factor), int(HEIGHT / factor)
    x, y = int(left * (WIDTH - wide)), int(top * (HEIGHT - tall))
    part = image[y : y + tall, x : x + wide]
    return np.asarray(cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


def rolled(image: Pixels, degrees: float) -> Pixels:
    """Return the picture turned clockwise and enlarged until the frame is full."""
    angle = np.radians(abs(degrees))
    fill = max(
        np.cos(angle) + HEIGHT / WIDTH * np.sin(angle),
        np.cos(angle) + WIDTH / HEIGHT * np.sin(angle),
    )
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), -degrees, float(fill))
    return np.asarray(
        cv2.warpAffine(image, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT), np.uint8
    )


def jpeg(image: Pixels, quality: int) -> Pixels:
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def jittered(image: Pixels) -> Pixels:
    steps = np.random.default_rng(5).integers(-1, 2, image.shape)
    return np.clip(image.astype(np.int16) + steps, 0, 255).astype(np.uint8)


def noisy(image: Pixels, sigma: float) -> Pixels:
    extra = np.random.default_rng(6).normal(0, sigma, image.shape)
    return np.clip(image + extra, 0, 255).astype(np.uint8)


def blurred(image: Pixels, sigma: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def mosaic(image: Pixels, side: int) -> Pixels:
    small = cv2.resize(image, (WIDTH // side, HEIGHT // side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST), np.uint8)


def blacked(image: Pixels) -> Pixels:
    out = image.copy()
    out[150:450, 300:750] = 0
    return out


def harmed(image: Pixels) -> Pixels:
    """Return the picture with a vivid patch far from the red block."""
    return recoloured(image, STRAY, (30, 200, 210))


def erased(image: Pixels, box: tuple[slice, slice] = BOX) -> Pixels:
    """Return the picture with a box filled from its surroundings."""
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[box] = 255
    mask = cv2.dilate(mask, np.ones((7, 7), np.uint8))
    return np.asarray(cv2.inpaint(image, mask, 5, cv2.INPAINT_TELEA), np.uint8)


def cut_out(image: Pixels, rgb: tuple[int, int, int]) -> Pixels:
    """Return the red block alone on a plain ground."""
    out = np.empty_like(image)
    out[:] = rgb
    out[BOX] = image[BOX]
    return out


def striped(image: Pixels) -> Pixels:
    """Return the picture with diagonal stripes over the red block."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    bands = np.where(((x + y) // 12 % 2)[..., None] > 0, 230, 40).astype(np.uint8)
    out = image.copy()
    out[BOX] = np.broadcast_to(bands, image.shape)[BOX]
    return out


def copied(image: Pixels, dx: int, dy: int = 0) -> Pixels:
    """Return the picture with a second red block beside the first."""
    out = image.copy()
    rows, columns = BOX
    out[rows.start + dy : rows.stop + dy, columns.start + dx : columns.stop + dx] = image[BOX]
    return out


def pixelated_art(image: Pixels) -> Pixels:
    return np.asarray(mosaic(image, 16) // 40 * 40 + 20, np.uint8)
