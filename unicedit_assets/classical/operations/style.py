"""Style Transfer: the whole picture redrawn; every size is relative to the picture's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np

from unicedit_assets.classical.colours import Array, Floats
from unicedit_assets.classical.operations.tone import saturate
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.roles import Pixels


def _unit(image: Pixels) -> float:
    """Return the size of one drawing unit: 1 pixel at 1248 pixels."""
    return float(max(image.shape[:2]) / 1248)


def _gray(image: Array) -> Pixels:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def _pencil_sketch(image: Pixels) -> Pixels:
    gray = _gray(image)
    sigma = max(1.0, 7 * _unit(image))
    soft = cv2.GaussianBlur(gray, (0, 0), sigma)
    dodge = cv2.divide(gray, np.maximum(soft, 1), scale=250)
    shade = cv2.addWeighted(dodge, 0.8, gray, 0.16, 10)
    darker = np.clip((np.arange(256) / 255) ** 1.5 * 255, 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(cv2.LUT(shade, darker), cv2.COLOR_GRAY2RGB), np.uint8)


def _oil_painting(image: Pixels) -> Pixels:
    """Each pixel takes the mean colour of the commonest lightness level around it."""
    height, width = image.shape[:2]
    scale = 0.5
    small = cv2.resize(image, (int(width * scale), int(height * scale)), interpolation=3)
    radius = max(1, round(4 * _unit(image) * scale * 2 / 2))
    size = (2 * radius + 1, 2 * radius + 1)
    levels = _gray(small) // 32
    best = np.zeros(levels.shape, np.float32)
    out = small.astype(np.float32)
    for level in range(8):
        member = (levels == level).astype(np.float32)
        if not member.any():
            continue
        count = cv2.GaussianBlur(member, size, radius / 1.5)
        colour = cv2.GaussianBlur(small * member[..., None], size, radius / 1.5)
        better = count > best
        out[better] = (colour / np.maximum(count, 1e-3)[..., None])[better]
        best = np.maximum(best, count)
    paint = saturate(np.asarray(np.clip(out, 0, 255), np.uint8), 1.3)
    full = cv2.resize(paint, (width, height), interpolation=cv2.INTER_CUBIC)
    relief = cv2.Sobel(cv2.GaussianBlur(_gray(full), (0, 0), 1.2), cv2.CV_16S, 1, 1)
    lit = full.astype(np.int16) + np.clip(relief, -28, 28)[..., None]
    return np.asarray(np.clip(lit, 0, 255), np.uint8)


def _smoothed(image: Pixels) -> Pixels:
    height, width = image.shape[:2]
    small = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    for _ in range(2):
        small = cv2.bilateralFilter(small, 7, 45, 5)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _cartoon(image: Pixels) -> Pixels:
    smooth = _smoothed(image)
    steps = np.clip((np.arange(256) // 32) * 32 + 22, 0, 255).astype(np.uint8)
    hsv = cv2.cvtColor(smooth, cv2.COLOR_RGB2HSV)
    hsv[..., 2] = cv2.GaussianBlur(cv2.LUT(hsv[..., 2], steps), (0, 0), 0.8)
    hsv[..., 1] = np.clip(hsv[..., 1].astype(np.int16) * 5 // 4, 0, 255)
    flat = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    block = max(5, round(13 * _unit(image))) | 1
    lines = cv2.adaptiveThreshold(
        cv2.medianBlur(_gray(smooth), 5), 255, cv2.ADAPTIVE_THRESH_MEAN_C, 0, block, 5
    )
    lines = cv2.GaussianBlur(lines, (0, 0), 0.8)
    return np.asarray(flat * (lines[..., None] / np.float32(255)), np.uint8)


def _pixel_art(image: Pixels) -> Pixels:
    height, width = image.shape[:2]
    block = max(3, round(13 * _unit(image)))
    size = (max(1, width // block), max(1, height // block))
    cells = cv2.resize(saturate(image, 1.25), size, interpolation=cv2.INTER_AREA)
    steps = np.clip((np.arange(256) // 32) * 36, 0, 255).astype(np.uint8)
    cells = cv2.LUT(cells, steps)
    return np.asarray(cv2.resize(cells, (width, height), interpolation=0), np.uint8)


_POSTER = np.array([[28, 22, 84], [226, 34, 96], [250, 160, 30], [255, 238, 110]], np.uint8)


def _pop_art(image: Pixels) -> Pixels:
    gray = cv2.medianBlur(_gray(_smoothed(image)), 5)
    bounds = np.quantile(gray[::4, ::4], [0.25, 0.52, 0.78])
    table = np.searchsorted(bounds, np.arange(256)).astype(np.uint8)
    flat = _POSTER[table[gray]]
    return np.asarray(cv2.GaussianBlur(flat, (0, 0), 0.7), np.uint8)


def _halftone(image: Pixels) -> Pixels:
    gray = cv2.GaussianBlur(_gray(image), (0, 0), 2.5 * _unit(image) + 0.1).astype(np.float32) / 255
    height, width = gray.shape
    pitch = max(3.0, 10 * _unit(image))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    u, v = (x + y) * (np.pi / pitch / 1.4142), (x - y) * (np.pi / pitch / 1.4142)
    screen: Floats = (np.cos(2 * u) + np.cos(2 * v)) / 4 + 0.5
    ink = np.clip((gray * 0.94 + 0.03 - screen) * 6 + 0.5, 0, 1)[..., None]
    paper, black = np.array([250, 246, 236], np.float32), np.array([24, 24, 30], np.float32)
    return np.asarray(black + (paper - black) * ink, np.uint8)


STYLES: Mapping[str, Callable[[Pixels], Pixels]] = MappingProxyType(
    {
        "pencil_sketch": _pencil_sketch,
        "oil_painting": _oil_painting,
        "cartoon": _cartoon,
        "pixel_art": _pixel_art,
        "pop_art": _pop_art,
        "halftone": _halftone,
    }
)


def style(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Redraw the whole picture in a style."""
    return STYLES[slots["style"]](scene.image)
