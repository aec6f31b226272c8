"""Color Alteration: a region takes another colour and keeps its own light and shade."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from unicedit_assets.classical import colours, masks
from unicedit_assets.classical.colours import Floats
from unicedit_assets.classical.regions import Region
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.roles import Pixels

# Lightness above which a region is pale, and the exponent that deepens its faint shades.
_PALE = 72.0
_DEEPENED = 1.5


def recolored(lab: Floats, mean: Floats, word: str) -> Floats:
    """Return Lab values whose mean is moved to a colour word's, keeping the shading."""
    goal = colours.prototype_lab(word)
    pull = 0.85 if word in ("black", "white", "yellow") else 0.55
    light = float(mean[0] + (goal[0] - mean[0]) * pull)
    # Shading is multiplicative: a lighter paint on the same form shows stronger shades.
    gain = float(np.clip(light / max(float(mean[0]), 6.0), 0.6, 1.7))
    out = np.empty_like(lab)
    out[..., 0] = np.clip(light + (lab[..., 0] - mean[0]) * gain, 2, 98)
    shade = np.clip(out[..., 0] / max(light, 1.0), 0.3, 1.2)[..., None]
    dim = 0.6 + 0.4 * min(1.0, light / 55)
    out[..., 1:] = goal[1:] * shade * dim + (lab[..., 1:] - mean[1:]) * np.float32(0.4)
    return out


def tinted(part: Pixels, mean: Floats, word: str) -> Pixels:
    """Return pale pixels under paint of a colour word: multiplied, so that every fold shows.

    Moving the mean of a pale thing would leave its faint shades behind as a flat wash; under a
    multiplied paint they keep their ratio to the light, a little deepened.
    """
    light = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32)
    white = float(colours.from_lab(mean[None, None])[0, 0].mean()) * 1.06
    shade = np.clip(light / max(white, 1.0), 0, 1.15)[..., None] ** _DEEPENED
    paint = np.asarray(colours.PROTOTYPES[word], np.float32)
    return np.asarray(np.clip(paint * shade + 0.5, 0, 255), np.uint8)


def recolor_region(scene: Scene, region: Region, word: str) -> Pixels:
    """Return the picture with a region in another colour."""
    alpha = scene.alpha(region)
    x0, y0, x1, y1 = masks.box_of(alpha > 0)
    part = scene.image[y0:y1, x0:x1]
    if region.lab[0] > _PALE:
        painted = tinted(part, region.lab, word)
    else:
        painted = colours.from_lab(recolored(colours.to_lab(part), region.lab, word))
    out = scene.image.copy()
    out[y0:y1, x0:x1] = masks.blend(part, painted, alpha[y0:y1, x0:x1])
    return out


def recolor(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Change the colour of the region that the words name."""
    region = scene.find(slots["kind"], slots["colour"], slots["place"])
    return recolor_region(scene, region, slots["to"])
