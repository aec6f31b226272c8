"""How clearly a mask's outline is an outline of the picture: what a person sees as one thing."""

from __future__ import annotations

import cv2
import numpy as np

from unicedit_assets.classical import colours, masks
from unicedit_assets.classical.colours import Floats
from unicedit_assets.classical.masks import Mask

_FRAME = 3


def steps_across(lab: Floats, mask: Mask, reach: int) -> Floats:
    """Return the colour step (CIE76) across each point of the outline that lies in the picture.

    A point's step is the difference between the mean colour inside and outside within ``reach``
    pixels, so that texture on either side, which has edges of its own, gives none. Where an area
    was cut out of a gradient or out of a forest, the steps are small.
    """
    window = (2 * reach + 1, 2 * reach + 1)
    inner, outer = mask.astype(np.float32), (~masks.grown(mask, 1)).astype(np.float32)
    rim = mask & ~masks.shrunk(mask, 1)
    rim[:_FRAME] = rim[-_FRAME:] = False
    rim[:, :_FRAME] = rim[:, -_FRAME:] = False
    means = []
    for weight in (inner, outer):
        amount = cv2.blur(weight, window)
        rim &= amount > 0.02
        total = cv2.blur(lab * weight[..., None], window)
        means.append(total / np.maximum(amount, 1e-4)[..., None])
    return colours.distance(means[0][rim], means[1][rim])


def shared_colours(lab: Floats, mask: Mask, around: Mask) -> float:
    """Return how much of the colour histograms inside and around a mask is the same, 0-1."""
    inside, outside = (_histogram(lab[part]) for part in (mask, around))
    return float(np.minimum(inside, outside).sum())


def _histogram(values: Floats) -> Floats:
    cells = np.round(values / np.array([12, 9, 9], np.float32)).astype(np.int64) + 15
    codes = cells @ np.array([1, 32, 1024])
    counts = np.bincount(codes, minlength=32**3).astype(np.float32)
    return np.asarray(counts / max(1, len(values)), np.float32)


def skin_share(lab: Floats, mask: Mask) -> float:
    """Return the share of a mask's pixels in the colours of skin, most of which wood has too."""
    values = lab[mask]
    if not len(values):
        return 0.0
    light, chroma = values[:, 0], np.hypot(values[:, 1], values[:, 2])
    hue = np.degrees(np.arctan2(values[:, 2], values[:, 1]))
    tinted = (chroma > 12) & (chroma < 42) & (hue > 28) & (hue < 72)
    return float((tinted & (light > 42) & (light < 86)).mean())
