"""Short captions from colours and light: only what was measured, no guess at what things are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unicedit_assets.evidence.change import place_of
from unicedit_assets.evidence.colours import colour_name, median_colour
from unicedit_assets.evidence.comparison import Comparison
from unicedit_assets.evidence.finding import Finding
from unicedit_assets.evidence.pair import Lab

if TYPE_CHECKING:
    from unicedit_assets.evidence.gates import Ruling

_PLACES = {
    "top": "the top",
    "bottom": "the bottom",
    "center": "the center",
    "left": "the left",
    "right": "the right",
}


def _cell_names(lab: Lab) -> dict[str, list[str]]:
    """Return colour name -> the places of the 3x3 grid that it dominates."""
    height, width = lab.shape[:2]
    found: dict[str, list[str]] = {}
    for row in range(3):
        for column in range(3):
            cell = lab[
                row * height // 3 : (row + 1) * height // 3,
                column * width // 3 : (column + 1) * width // 3,
            ]
            name = colour_name(
                median_colour(cell[::4, ::4], np.ones(cell[::4, ::4].shape[:2], bool))
            )
            found.setdefault(name, []).append(place_of((column + 0.5) / 3, (row + 0.5) / 3))
    return found


def caption(lab: Lab) -> str:
    """Describe a picture by its light and its main colours."""
    light = float(np.median(lab[..., 0]))
    spread = float(lab[..., 0].std())
    tone = "dark" if light < 32 else "bright" if light > 70 else "evenly lit"
    contrast = "strong" if spread > 26 else "soft" if spread < 14 else "medium"
    names = sorted(_cell_names(lab).items(), key=lambda item: (-len(item[1]), item[0]))[:3]
    colours = ", ".join(f"{name} ({len(places)}/9)" for name, places in names)
    return f"A {tone} picture of {contrast} contrast; main colours: {colours}."


def _named(finding: Finding) -> str:
    words = ", ".join(f"{slot} {word.replace('_', ' ')}" for slot, word in finding.slots.items())
    return f"{finding.operation} ({words})" if words else finding.operation


def differences(view: Comparison, ruling: Ruling) -> tuple[str, ...]:
    """List what changed, one statement each."""
    statements = list(ruling.notes)
    if ruling.instead is not None:
        statements.append(f"the pictures show {_named(ruling.instead)}")
    area = view.changes.area
    if area > 0.6:
        statements.append(f"{area:.0%} of the picture changed")
    else:
        for region in view.changes.regions[:4]:
            mask = view.changes.mask_of(region)
            was = colour_name(median_colour(view.before, mask))
            now = colour_name(median_colour(view.after, mask))
            place = place_of(*region.centre).replace("_", " ")
            statements.append(
                f"{region.area:.1%} of the picture, {place}: {was} before, {now} after"
            )
    return tuple(statements)
