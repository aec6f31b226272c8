"""Color Alteration: a region takes another colour and keeps its own light and shade."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from unicedit_assets.classical import colours, masks
from unicedit_assets.classical.colours import Floats
from unicedit_assets.classical.regions import Region
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.roles import Pixels


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


def recolor_region(scene: Scene, region: Region, word: str) -> Pixels:
    """Return the picture with a region in another colour."""
    alpha = scene.alpha(region)
    x0, y0, x1, y1 = masks.box_of(alpha > 0)
    part = scene.image[y0:y1, x0:x1]
    painted = colours.from_lab(recolored(colours.to_lab(part), region.lab, word))
    out = scene.image.copy()
    out[y0:y1, x0:x1] = masks.blend(part, painted, alpha[y0:y1, x0:x1])
    return out


def recolor(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Change the colour of the region that the words name."""
    region = scene.find(slots["kind"], slots["colour"], slots["place"])
    return recolor_region(scene, region, slots["to"])
