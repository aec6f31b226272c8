"""Contact sheets: pairs side by side with their texts, for a person to look at."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unicedit_assets.domain.roles import Pixels
from unicedit_assets.synthetic.pair import SyntheticPair

_SIDE = 224
_TEXT = 76


def _outlined(pair: SyntheticPair) -> Pixels:
    """Draw the mask's outline on the edited picture."""
    edges = cv2.morphologyEx(pair.mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3)))
    shown = pair.edited.copy()
    shown[edges > 0] = (255, 0, 255)
    return shown


def _cell(pair: SyntheticPair, mask: bool) -> Image.Image:
    cell = Image.new("RGB", (2 * _SIDE + 8, _SIDE + _TEXT), "white")
    for number, picture in enumerate((pair.source, _outlined(pair) if mask else pair.edited)):
        shown = Image.fromarray(picture).resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
        cell.paste(shown, (number * (_SIDE + 2), 0))
    true = pair.true.en if pair.true else "(nothing changed)"
    lines = [
        f"{pair.subtask} | {pair.kind.value} {pair.strength:.2f}",
        *textwrap.wrap(f"said: {pair.said.en}", 76)[:2],
        *textwrap.wrap(f"true: {true}", 76)[:2],
    ]
    pen, font = ImageDraw.Draw(cell), ImageFont.load_default(11)
    for number, line in enumerate(lines):
        pen.text((3, _SIDE + 2 + number * 14), line, fill="black", font=font)
    return cell


def contact_sheet(pairs: Sequence[SyntheticPair], columns: int = 3, mask: bool = False) -> Pixels:
    """Return one picture of many pairs: source, edit and texts of each.

    Args:
        pairs: at least one.
        mask: outline what changed.

    Returns:
        uint8 (H, W, 3).
    """
    cells = [_cell(pair, mask) for pair in pairs]
    width, height = cells[0].size
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (width * min(columns, len(cells)), height * rows), "white")
    for number, cell in enumerate(cells):
        sheet.paste(cell, ((number % columns) * width, (number // columns) * height))
    return np.asarray(sheet)
