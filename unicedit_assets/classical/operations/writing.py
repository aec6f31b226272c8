"""Text Modification: a quoted text set in Pillow's bundled font."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unicedit_assets.classical import colours, masks
from unicedit_assets.classical.colours import Floats
from unicedit_assets.classical.masks import Box
from unicedit_assets.classical.places import point_of
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.roles import EditorError, Pixels


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise EditorError("Pillow was built without FreeType, so no text can be set")
    return font


def _stroke(size: int) -> int:
    return max(1, size // 28)


def _measure(text: str, size: int) -> tuple[int, int, int, int]:
    box = ImageDraw.Draw(Image.new("L", (1, 1))).textbbox(
        (0, 0), text, _font(size), stroke_width=_stroke(size)
    )
    return int(box[0]), int(box[1]), int(box[2]), int(box[3])


def lettering_size(text: str, width: int, height: int) -> int:
    """Return the font size: a tenth of the picture's height, less where the text is long."""
    size = max(12, round(0.105 * min(height, 1.2 * width)))
    wide = _measure(text, size)
    return max(10, min(size, int(size * 0.6 * width / max(1, wide[2] - wide[0]))))


def lettering_box(text: str, place: str, width: int, height: int) -> Box:
    """Return the pixel box that the text takes at a place."""
    left, top, right, bottom = _measure(text, lettering_size(text, width, height))
    wide, tall = right - left, bottom - top
    middle, margin = point_of(place), round(0.04 * min(width, height))
    x = int(min(max(margin, middle.x * width - wide / 2), width - margin - wide))
    y = int(min(max(margin, middle.y * height - tall / 2), height - margin - tall))
    return Box(max(0, x), max(0, y), x + wide, y + tall)


def legibility(scene: Scene, box: Box, colour: str) -> float:
    """Return the colour difference that 88 % of the ground behind the letters exceeds."""
    scale = scene.lab.shape[1] / scene.width
    x0, y0, x1, y1 = (round(edge * scale) for edge in box)
    ground = scene.lab[y0 : y1 + 1, x0 : x1 + 1].reshape(-1, 3)
    return float(np.quantile(colours.distance(ground, colours.prototype_lab(colour)), 0.12))


def letters(text: str, place: str, width: int, height: int) -> Floats:
    """Return the letters' coverage, 0-1, at the picture's size."""
    size, box = lettering_size(text, width, height), lettering_box(text, place, width, height)
    left, top, _, _ = _measure(text, size)
    layer = Image.new("L", (width, height))
    ImageDraw.Draw(layer).text(
        (box.x0 - left, box.y0 - top), text, 255, _font(size), stroke_width=_stroke(size)
    )
    return np.asarray(np.asarray(layer, np.float32) / 255, np.float32)


def write(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Set the quoted text in the named colour at the named place."""
    text = slots["text"]
    if not text.isascii() or not text.strip():
        raise EditorError(f"the bundled font cannot set {text!r}")
    alpha = letters(text, slots["place"], scene.width, scene.height)
    colour = np.asarray(colours.PROTOTYPES[slots["colour"]], np.uint8)
    dark = slots["colour"] not in ("black", "blue", "purple", "brown")
    shadow = np.full_like(scene.image, 0 if dark else 255)
    shift = max(1, scene.height // 400)
    halo = cv2.GaussianBlur(np.roll(alpha, (shift, shift), (0, 1)), (0, 0), 1.5 * shift) * 0.45
    halo[halo < 0.02] = 0
    ground = masks.blend(scene.image, shadow, np.asarray(halo, np.float32))
    return masks.blend(ground, np.broadcast_to(colour, scene.image.shape), alpha)
