"""Filling a hole in a photograph with what could be behind it.

The best matching neighbourhood elsewhere in the picture is copied, and a smooth membrane makes up
for the difference in light along the rim (a one-offset form of exemplar inpainting with the
membrane of Perez et al., 2003).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from unicedit_assets.classical import colours, masks
from unicedit_assets.classical.colours import Array, Floats
from unicedit_assets.classical.masks import Box, Mask
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.roles import EditorError, Pixels

# Misfit (Lab units) beyond which a copied neighbourhood is seen to be a copy.
WORST_FIT = 20.0
# Edge strength (Lab units a pixel) of most and of nearly all of a ground that has no texture.
_PLAIN, _PLAIN_ALL = 2.5, 6.0
# What a thing throws on such a ground, light or shallows, goes with it (pixels at analysis scale).
_HALO = 18


class Offset(NamedTuple):
    """A displacement in pixels and how badly its neighbourhood fits (Lab units)."""

    dx: int
    dy: int
    cost: float


def membrane(values: Array, known: Mask) -> Floats:
    """Return values everywhere, smoothly carried from where they are known.

    Args:
        values: (h, w, c).
        known: (h, w); where the values count.
    """
    weights = known.astype(np.float32)
    if min(known.shape) <= 4 or known.all():
        total = max(float(weights.sum()), 1e-6)
        mean = (values * weights[..., None]).sum((0, 1)) / total
        return np.where(known[..., None], values, mean.astype(np.float32))
    size = ((known.shape[1] + 1) // 2, (known.shape[0] + 1) // 2)
    weight = cv2.resize(weights, size, interpolation=cv2.INTER_AREA)
    sums = cv2.resize(values * weights[..., None], size, interpolation=cv2.INTER_AREA)
    coarse = membrane(sums / np.maximum(weight, 1e-6)[..., None], weight > 1e-3)
    fine = cv2.resize(coarse, (known.shape[1], known.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.blur(np.where(known[..., None], values, fine), (3, 3)), np.float32)


def _window(hole: Mask, reach: int) -> Box:
    box = masks.box_of(hole)
    height, width = hole.shape
    return Box(
        max(0, box.x0 - reach),
        max(0, box.y0 - reach),
        min(width, box.x1 + reach),
        min(height, box.y1 + reach),
    )


def best_offset(lab: Floats, hole: Mask) -> Offset | None:
    """Return where to copy from, at analysis scale; None when nothing is free."""
    reach = max(4, round(0.35 * np.sqrt(hole.sum())))
    window = _window(hole, reach)
    inner = masks.box_of(hole)
    cut = hole[window.y0 : window.y1, window.x0 : window.x1]
    rim = masks.grown(cut, reach) & ~masks.grown(cut, 1)
    patch = np.ascontiguousarray(lab[window.y0 : window.y1, window.x0 : window.x1])
    weight = np.repeat(rim[..., None].astype(np.float32), 3, -1)
    cost = cv2.matchTemplate(lab, patch, cv2.TM_SQDIFF, mask=weight) / max(1, int(rim.sum()))
    cost = np.sqrt(np.maximum(cost, 0))
    rows, columns = np.mgrid[0 : cost.shape[0], 0 : cost.shape[1]]
    near = (np.abs(columns - window.x0) < inner.width + 2) & (
        np.abs(rows - window.y0) < inner.height + 2
    )
    far = 0.02 * np.hypot(columns - window.x0, rows - window.y0)
    cost = np.where(near, np.inf, cost + far)
    rim_mean = patch[rim].mean(0)
    rim_far = float(np.quantile(colours.distance(patch[rim], rim_mean), 0.95))
    best: Offset | None = None
    for index in np.argpartition(cost.ravel(), min(60, cost.size - 1))[:60]:
        y, x = divmod(int(index), cost.shape[1])
        if not np.isfinite(cost[y, x]):
            continue
        inside = lab[y : y + cut.shape[0], x : x + cut.shape[1]][cut]
        strange = float(np.quantile(colours.distance(inside, rim_mean), 0.97)) - rim_far
        total = float(cost[y, x]) + max(0.0, strange)
        if best is None or total < best.cost:
            best = Offset(x - window.x0, y - window.y0, total)
    return best


def plate(scene: Scene, mask: Mask, spread: int = 2) -> Pixels:
    """Return the picture without what the mask (analysis scale) covers.

    Raises:
        EditorError: nothing in the picture can fill the hole.
    """
    hole = masks.grown(mask, spread)
    offset = best_offset(scene.lab, hole)
    if offset is None or offset.cost > WORST_FIT:
        wide = masks.grown(mask, _HALO)
        if _is_plain_around(scene.lab, wide):
            return _smooth_plate(scene, wide)
        raise EditorError("nothing in the picture can fill the place of the object")
    alpha = masks.feathered(masks.grown(hole, 1), scene.width, scene.height, 4)
    x0, y0, x1, y1 = masks.box_of(alpha > 0)
    pad = max(8, (x1 - x0) // 6)
    x0, y0 = max(0, x0 - pad), max(0, y0 - pad)
    x1, y1 = min(scene.width, x1 + pad), min(scene.height, y1 + pad)
    scale = scene.width / scene.lab.shape[1]
    dx = int(np.clip(round(offset.dx * scale), -x0, scene.width - x1))
    dy = int(np.clip(round(offset.dy * scale), -y0, scene.height - y1))
    part = scene.image[y0:y1, x0:x1]
    source = scene.image[y0 + dy : y1 + dy, x0 + dx : x1 + dx].astype(np.float32)
    cut = alpha[y0:y1, x0:x1]
    lit = source + _light(part.astype(np.float32) - source, cut)
    out = scene.image.copy()
    out[y0:y1, x0:x1] = masks.blend(part, np.asarray(np.clip(lit, 0, 255), np.uint8), cut)
    return out


def _is_plain_around(lab: Floats, hole: Mask) -> bool:
    """Tell whether a hole lies in ground so even that light carried over it looks like it."""
    ring = masks.grown(hole, 10) & ~masks.grown(hole, 1)
    edges = colours.edge_strength(lab)[ring]
    # A few strong edges belong to a thing that the hole cuts through.
    return bool(np.quantile(edges, 0.8) < _PLAIN and np.quantile(edges, 0.98) < _PLAIN_ALL)


def _smooth_plate(scene: Scene, hole: Mask) -> Pixels:
    """Return the picture with the light around a hole carried over it, with the ground's grain."""
    alpha = masks.feathered(masks.grown(hole, 1), scene.width, scene.height, 4)
    x0, y0, x1, y1 = masks.box_of(alpha > 0)
    pad = max(8, (x1 - x0) // 6)
    window = (
        slice(max(0, y0 - pad), min(scene.height, y1 + pad)),
        slice(max(0, x0 - pad), min(scene.width, x1 + pad)),
    )
    part, cut = scene.image[window], alpha[window]
    carried = _light(part.astype(np.float32), cut)
    fine = part.astype(np.float32) - cv2.GaussianBlur(part, (0, 0), 2.0)
    outside = cut <= 0
    # The grain next to the hole, drawn pixel by pixel from a fixed seed.
    grain = fine[outside]
    drawn = np.random.default_rng(part.shape[0]).integers(0, max(1, len(grain)), part.shape[:2])
    grained = carried + grain[drawn] if len(grain) else carried
    out = scene.image.copy()
    out[window] = masks.blend(part, np.asarray(np.clip(grained, 0, 255), np.uint8), cut)
    return out


def _light(difference: Floats, cut: Floats) -> Floats:
    """Return the difference along the rim carried smoothly over the hole."""
    height, width = cut.shape
    scale = min(1.0, 96 / max(height, width))
    size = (max(4, round(width * scale)), max(4, round(height * scale)))
    outside = (cut <= 0).astype(np.float32)
    weight = cv2.resize(outside, size, interpolation=cv2.INTER_AREA)
    sums = cv2.resize(difference * outside[..., None], size, interpolation=cv2.INTER_AREA)
    carried = membrane(
        np.asarray(sums / np.maximum(weight, 1e-6)[..., None], np.float32), weight > 0.5
    )
    return np.asarray(cv2.resize(carried, (width, height)), np.float32)
