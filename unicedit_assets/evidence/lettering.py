"""Do the changed pixels spell the expected text? Render it and correlate; no OCR model needed."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from unicedit_assets.evidence.pair import Mask

_HEIGHT = 48
_HERSHEY = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX)


def _trim(ink: NDArray[np.float32]) -> NDArray[np.float32] | None:
    rows, columns = np.flatnonzero(ink.max(axis=1) > 0.4), np.flatnonzero(ink.max(axis=0) > 0.4)
    if len(rows) < 3 or len(columns) < 3:
        return None
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _default_font(text: str, stroke: int) -> NDArray[np.float32]:
    font = ImageFont.load_default(64)
    box = font.getbbox(text, stroke_width=stroke)
    canvas = Image.new("L", (int(box[2] - box[0]) + 20, int(box[3] - box[1]) + 20))
    ImageDraw.Draw(canvas).text(
        (10 - box[0], 10 - box[1]), text, 255, font=font, stroke_width=stroke
    )
    return np.asarray(canvas, np.float32) / 255.0


def _hershey(text: str, face: int) -> NDArray[np.float32]:
    (width, height), base = cv2.getTextSize(text, face, 2.5, 6)
    canvas = np.zeros((height + base + 40, width + 40), np.uint8)
    cv2.putText(canvas, text, (20, height + 20), face, 2.5, 255, 6, cv2.LINE_AA)
    return np.asarray(canvas, np.float32) / 255.0


@lru_cache(maxsize=64)
def renderings(text: str) -> tuple[NDArray[np.float32], ...]:
    """Return the text's ink (0-1) in the fonts that every installation has, trimmed."""
    drawn = [_default_font(text, stroke) for stroke in (0, 2)]
    if text.isascii():
        drawn += [_hershey(text, face) for face in _HERSHEY]
    return tuple(ink for ink in map(_trim, drawn) if ink is not None)


def correlation(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Return the Pearson correlation of two planes of one shape; 0 where one is flat."""
    a, b = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 1e-9 else 0.0


def _softened(ink: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    resized = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(resized, (0, 0), 1.5), np.float32)


def spelling(ink: Mask, text: str) -> float:
    """Return how well a mask of letters, cut to its box, shows the text: 0 no, 1 exactly.

    The rendering is stretched to the mask's box. A rendering whose own proportions are far from the
    box's is another text (longer or shorter), so the correlation is cut by the mismatch.
    """
    trimmed = _trim(ink.astype(np.float32))
    if trimmed is None:
        return 0.0
    wide = trimmed.shape[1] / trimmed.shape[0]
    size = (max(8, round(_HEIGHT * wide)), _HEIGHT)
    seen = _softened(trimmed, size)
    best = 0.0
    for drawn in renderings(text):
        stretch = (drawn.shape[1] / drawn.shape[0]) / wide
        fit = max(0.0, 1.0 - max(0.0, abs(float(np.log(stretch))) - 0.08) * 2.0)
        best = max(best, fit * correlation(seen, _softened(drawn, size)))
    return best
