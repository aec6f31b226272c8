"""Isolated objects: small things that stand out from even surroundings."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.classical import colours, masks
from unicedit_assets.classical.colours import Floats, Names, edge_strength
from unicedit_assets.classical.fitting import least_squares, surface
from unicedit_assets.classical.masks import Box, Mask
from unicedit_assets.classical.regions import Region, components, describe, unambiguous

MOST_CANDIDATES = 48
OBJECT_SHARES = (0.0012, 0.1)


def isolated_objects(lab: Floats, names: Names) -> tuple[Region, ...]:
    """Return small things that stand out from even surroundings on all sides.

    Candidates are the boxes of maximally stable extremal regions of L, a and b. In each, a plane
    of light and colour is fitted to the frame around the box; what departs from it and does not
    reach the frame is the object. An uneven frame or an unsharp outline drops it.
    """
    edges = edge_strength(lab)
    scored: list[tuple[float, Region]] = []
    for box in _stable_boxes(lab):
        cut = _stand_out(lab, box, edges)
        if cut is not None:
            scored.append((cut.score, describe("object", cut.mask, lab, names)))
    scored.sort(key=lambda pair: (-pair[0], pair[1].centre))
    found: list[Region] = []
    for _, region in scored:
        if not any(_overlap(region, other) > 0.1 for other in found):
            found.append(region)
    return unambiguous(found[:6], dominance=2.5)


def _stable_boxes(lab: Floats) -> list[Box]:
    """Return the distinct boxes of stable regions, the largest first."""
    size = lab.shape[0] * lab.shape[1]
    finder = cv2.MSER.create(
        delta=4,
        min_area=max(20, int(0.6 * OBJECT_SHARES[0] * size)),
        max_area=max(40, int(OBJECT_SHARES[1] * size)),
        max_variation=0.4,
    )
    boxes: set[Box] = set()
    for index, (gain, zero) in enumerate(((2.55, 0), (2, 128), (2, 128))):
        channel = np.clip(lab[..., index] * gain + zero, 0, 255).astype(np.uint8)
        boxes |= {
            Box(int(x), int(y), int(x + w), int(y + h))
            for x, y, w, h in finder.detectRegions(channel)[1]
        }
    boxes |= _ridge_boxes(lab)
    distinct: list[Box] = []
    for box in _promising(boxes, lab):
        if not any(_alike(box, other) for other in distinct):
            distinct.append(box)
    return distinct[:MOST_CANDIDATES]


def _promising(boxes: set[Box], lab: Floats) -> list[Box]:
    """Return the boxes whose mean colour differs from that of the frame around, the most first."""
    height, width = lab.shape[:2]
    sums = cv2.integral(lab)

    def total(box: Box) -> NDArray[np.float64]:
        rows, columns = (box.y0, box.y1), (box.x0, box.x1)
        return np.asarray(
            sums[rows[1], columns[1]]
            - sums[rows[0], columns[1]]
            - sums[rows[1], columns[0]]
            + sums[rows[0], columns[0]]
        )

    ranked: list[tuple[float, Box]] = []
    for box in boxes:
        pad = 6 + round(0.15 * max(box.width, box.height))
        wide = Box(box.x0 - pad, box.y0 - pad, box.x1 + pad, box.y1 + pad)
        if wide.x0 < 1 or wide.y0 < 1 or wide.x1 > width - 1 or wide.y1 > height - 1:
            continue
        own, both = box.width * box.height, wide.width * wide.height
        inner, outer = total(box), total(wide)
        apart = float(np.linalg.norm(inner / own - (outer - inner) / (both - own)))
        if apart > 8:
            ranked.append((-apart, box))
    return [box for _, box in sorted(ranked)[: 3 * MOST_CANDIDATES]]


def _ridge_boxes(lab: Floats) -> set[Box]:
    """Return the boxes of parts that differ from what stands left and right, which is alike.

    Such are figures before any ground, also where sky and land change behind them.
    """
    size, width = lab.shape[0] * lab.shape[1], lab.shape[1]
    smooth = cv2.blur(lab, (3, 3))
    boxes: set[Box] = set()
    for reach in (width // 40, width // 22, width // 12):
        padded = cv2.copyMakeBorder(smooth, 0, 0, reach, reach, cv2.BORDER_REPLICATE)
        left, right = padded[:, : -2 * reach], padded[:, 2 * reach :]
        apart = colours.distance(smooth, (left + right) / 2)
        ridge = (apart > 16) & (colours.distance(left, right) < np.maximum(8, 0.4 * apart))
        joined = masks.closed(ridge, 1).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=4)
        boxes |= {
            Box(int(x), int(y), int(x + w), int(y + h))
            for x, y, w, h, area in stats[1:]
            if 0.5 * OBJECT_SHARES[0] * size <= area <= OBJECT_SHARES[1] * size
        }
    return boxes


def _alike(one: Box, other: Box) -> bool:
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    tall = min(one.y1, other.y1) - max(one.y0, other.y0)
    if wide <= 0 or tall <= 0:
        return False
    both = wide * tall
    return both > 0.75 * (one.width * one.height + other.width * other.height - both)


class _StandOut(NamedTuple):
    mask: Mask
    score: float


def _overlap(one: Region, other: Region) -> float:
    both = (one.mask & other.mask).sum()
    return float(both / min(one.mask.sum(), other.mask.sum()))


def _between(part: Floats, band: int) -> Floats:
    """Return the ground row by row: what stands left and right, carried straight across.

    Rows keep their own ground, so a figure that stands before sky and land is set off from both.
    """
    left, right = part[:, :band].mean(1), part[:, -band:].mean(1)
    sides = cv2.blur(np.stack([left, right], 1), (1, 3))
    share = np.linspace(0, 1, part.shape[1], dtype=np.float32)[None, :, None]
    return np.asarray(sides[:, :1] * (1 - share) + sides[:, 1:] * share, np.float32)


def _plane(part: Floats, frame: Mask) -> Floats:
    """Return the plane of light and colour that fits the frame best, a fifth of it left out."""
    rows, columns = np.mgrid[0 : part.shape[0], 0 : part.shape[1]].astype(np.float32)
    basis = np.stack([np.ones_like(rows), rows, columns], -1)
    known, values = basis[frame][::2], part[frame][::2]
    keep = np.ones(len(values), np.bool_)
    for _ in range(2):
        fit = least_squares(known[keep], values[keep])
        off = colours.distance(values, surface(known, fit))
        keep = off <= np.quantile(off, 0.8)
    return surface(basis, fit)


def _stand_out(lab: Floats, box: Box, edges: Floats) -> _StandOut | None:
    height, width = lab.shape[:2]
    pad = 6 + round(0.15 * max(box.width, box.height))
    x0, y0, x1, y1 = box.x0 - pad, box.y0 - pad, box.x1 + pad, box.y1 + pad
    if x0 < 1 or y0 < 1 or x1 > width - 1 or y1 > height - 1:
        return None
    part = lab[y0:y1, x0:x1]
    frame = np.ones(part.shape[:2], np.bool_)
    frame[4:, 4:-4] = False
    off = colours.distance(part, _between(part, 4))
    uneven = float(np.quantile(off[frame], 0.85))
    if 10 < uneven < 30:
        off = colours.distance(part, _plane(part, frame))
        uneven = float(np.quantile(off[frame], 0.85))
    if uneven > 10:
        return None
    inside = masks.filled(masks.closed(off > max(9.0, 1.5 * uneven), 1))
    parts = sorted(components(masks.opened(inside, 1), 12), key=lambda p: -int(p.sum()))
    if not parts:
        return None
    return _gated(lab, parts[0], off, uneven, edges, Box(x0, y0, x1, y1))


def _gated(
    lab: Floats, mask: Mask, off: Floats, uneven: float, edges: Floats, window: Box
) -> _StandOut | None:
    box, size = masks.box_of(mask), int(mask.sum())
    whole = lab.shape[0] * lab.shape[1]
    stands = int(mask[-3:].any(0).sum()) > 0.4 * box.width
    reaches = box.x0 < 3 or box.y0 < 3 or box.x1 > mask.shape[1] - 3 or stands
    thin = max(box.width / box.height, box.height / box.width) > 3.6
    if reaches or thin or not OBJECT_SHARES[0] <= size / whole <= OBJECT_SHARES[1]:
        return None
    rim = masks.grown(mask, 1) & ~masks.shrunk(mask, 1)
    sharp = float(np.quantile(edges[window.y0 : window.y1, window.x0 : window.x1][rim], 0.3))
    contrast = float(off[mask].mean())
    if size < 0.3 * box.width * box.height or contrast < max(22, 2.8 * uneven) or sharp < 5.5:
        return None
    full = np.zeros(lab.shape[:2], np.bool_)
    full[window.y0 : window.y1, window.x0 : window.x1] = mask
    return _StandOut(full, contrast / (uneven + 4))
