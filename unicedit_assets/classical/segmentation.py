"""Segmentation of a small photograph: colour areas, isolated objects, the sky, a main subject."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.classical import colours, masks
from unicedit_assets.classical.colours import Floats, Names
from unicedit_assets.classical.masks import Box, Mask
from unicedit_assets.classical.regions import (
    Region,
    components,
    describe,
    holds_its_centre,
    unambiguous,
)
from unicedit_assets.domain.roles import Pixels

LEAST_AREA = 0.012
MOST_CANDIDATES = 48
OBJECT_SHARES = (0.0012, 0.1)


class SubjectFinder(Protocol):
    """Finds the one main subject of a photograph; a person-mask model may play this role."""

    def find(self, image: Pixels, lab: Floats) -> Mask | None:
        """Return the subject's mask at the small image's scale, or None when it is not clean."""
        ...


def clustered_names(lab: Floats, clusters: int = 9, rounds: int = 8) -> Names:
    """Return a colour word per pixel by naming colour clusters, so that gradients hold together.

    k-means in Lab from fixed seeds (the quantiles of lightness crossed with hue order): the same
    picture always gives the same clusters.
    """
    pixels = lab.reshape(-1, 3)
    sample = pixels[:: max(1, len(pixels) // 6000)]
    order = np.lexsort((sample[:, 2], sample[:, 1], np.round(sample[:, 0])))
    picks = np.linspace(0, len(order) - 1, clusters).round().astype(int)
    centres = sample[order[picks]].copy()
    for _ in range(rounds):
        nearest = ((sample[:, None] - centres[None]) ** 2).sum(-1).argmin(1)
        for index in range(clusters):
            members = sample[nearest == index]
            if len(members):
                centres[index] = members.mean(0)
    words = colours.name_indices(centres)
    costs = np.stack([((pixels - centre) ** 2).sum(-1) for centre in centres])
    return np.asarray(words[costs.argmin(0)].reshape(lab.shape[:2]), np.uint8)


def colour_areas(lab: Floats, names: Names) -> tuple[Region, ...]:
    """Return the coherent, single-coloured areas that colour and place single out."""
    smooth = np.stack([cv2.medianBlur(np.ascontiguousarray(lab[..., i]), 5) for i in range(3)], -1)
    words = cv2.medianBlur(clustered_names(np.asarray(smooth, np.float32)), 5)
    found = []
    for word in range(len(colours.WORDS)):
        for part in components(masks.opened(words == word, 2), int(LEAST_AREA * words.size)):
            found.append(describe("area", masks.closed(part, 2), lab, names))
    named = unambiguous(found)
    return tuple(
        area
        for area in named
        if area.share <= 0.62 and area.purity >= 0.5 and holds_its_centre(area) and _compact(area)
    )


def _compact(region: Region) -> bool:
    box = region.box
    return bool(region.mask.sum() > 0.3 * box.width * box.height)


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


def edge_strength(lab: Floats) -> Floats:
    """Return the length of the Lab gradient per pixel."""
    gx, gy = (cv2.Sobel(lab, cv2.CV_32F, *order) / 8 for order in ((1, 0), (0, 1)))
    return np.asarray(np.sqrt((gx * gx + gy * gy).sum(-1)), np.float32)


def _stable_boxes(lab: Floats) -> list[Box]:
    """Return the distinct boxes of stable regions, the largest first."""
    size = lab.shape[0] * lab.shape[1]
    finder = cv2.MSER_create(
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
    boxes |= _contrast_boxes(lab)
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
    return [box for _, box in sorted(ranked)]


def _contrast_boxes(lab: Floats) -> set[Box]:
    """Return the boxes of parts that differ from a wide blur of their surroundings."""
    size = lab.shape[0] * lab.shape[1]
    boxes: set[Box] = set()
    for window in (31, 81):
        contrast = colours.distance(lab, np.asarray(cv2.blur(lab, (window, window)), np.float32))
        for level in (12, 22):
            bright = (contrast > level).astype(np.uint8)
            _, _, stats, _ = cv2.connectedComponentsWithStats(bright, connectivity=4)
            boxes |= {
                Box(int(x), int(y), int(x + w), int(y + h))
                for x, y, w, h, area in stats[1:]
                if OBJECT_SHARES[0] * size <= area <= OBJECT_SHARES[1] * size
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
        fit = np.linalg.lstsq(known[keep], values[keep], rcond=None)[0]
        off = colours.distance(values, np.asarray(known @ fit, np.float32))
        keep = off <= np.quantile(off, 0.8)
    return np.asarray(basis @ fit, np.float32)


def _stand_out(lab: Floats, box: Box, edges: Floats) -> _StandOut | None:
    height, width = lab.shape[:2]
    pad = 6 + round(0.15 * max(box.width, box.height))
    x0, y0, x1, y1 = box.x0 - pad, box.y0 - pad, box.x1 + pad, box.y1 + pad
    if x0 < 1 or y0 < 1 or x1 > width - 1 or y1 > height - 1:
        return None
    part = lab[y0:y1, x0:x1]
    frame = np.ones(part.shape[:2], np.bool_)
    frame[4:-4, 4:-4] = False
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
    reaches = box.x0 < 3 or box.y0 < 3 or box.x1 > mask.shape[1] - 3 or box.y1 > mask.shape[0] - 3
    thin = max(box.width / box.height, box.height / box.width) > 5
    if reaches or thin or not OBJECT_SHARES[0] <= size / whole <= OBJECT_SHARES[1]:
        return None
    rim = masks.grown(mask, 1) & ~masks.shrunk(mask, 1)
    sharp = float(np.quantile(edges[window.y0 : window.y1, window.x0 : window.x1][rim], 0.3))
    contrast = float(off[mask].mean())
    if size < 0.3 * box.width * box.height or contrast < max(22, 2.8 * uneven) or sharp < 4.5:
        return None
    full = np.zeros(lab.shape[:2], np.bool_)
    full[window.y0 : window.y1, window.x0 : window.x1] = mask
    return _StandOut(full, contrast / (uneven + 4))


def sky(lab: Floats) -> Mask | None:
    """Return the sky, when there clearly is one, else None.

    The skyline is the path from the left to the right border that has the clearest step of colour
    under it and the fewest edges above it. Gates on extent, lightness, colour and smoothness
    follow.
    """
    height, width = lab.shape[:2]
    half = cv2.resize(lab, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    edges = edge_strength(np.asarray(half, np.float32))
    steps = _steps(np.asarray(half, np.float32))
    line = _skyline(steps, edges)
    if float((steps[line, np.arange(len(line))] > 8).mean()) < 0.8:
        return None
    full = cv2.resize(np.float32(line)[None] * 2, (width, 1), interpolation=cv2.INTER_LINEAR)
    mask = np.asarray(np.arange(height)[:, None] < full, np.bool_)
    return mask if _sky_gates(mask, lab) else None


def _steps(lab: Floats) -> Floats:
    """Return the colour step from the rows above to the rows below each pixel."""
    reach = max(2, lab.shape[0] // 40)
    mean = cv2.blur(lab, (3, reach))
    shift = reach // 2 + 1
    above, below = np.roll(mean, shift, 0), np.roll(mean, -shift, 0)
    step = colours.distance(above, below)
    darker_above = above[..., 0] < below[..., 0]
    step[darker_above] *= 0.4
    step[: 2 * reach] = step[-2 * reach :] = 0
    return np.asarray(step, np.float32)


def _skyline(steps: Floats, edges: Floats, bend: float = 1.5, jump: int = 5) -> NDArray[np.int64]:
    """Return the cheapest path over columns, by dynamic programming."""
    height, width = steps.shape
    busy = np.cumsum(np.maximum(edges - 1.5, 0), axis=0) * (24.0 / height)
    cost = busy - np.minimum(steps, 30)
    total, came = cost[:, 0], np.zeros((width, height), np.int64)
    rows = np.arange(height)
    shifts = np.arange(-jump, jump + 1)
    sources = np.clip(rows[None] + shifts[:, None], 0, height - 1)
    bends = (bend * np.abs(shifts))[:, None]
    for column in range(1, width):
        options = total[sources] + bends
        choice = options.argmin(0)
        came[column] = sources[choice, rows]
        total = options[choice, rows] + cost[:, column]
    line = np.empty(width, np.int64)
    line[-1] = int(total.argmin())
    for column in range(width - 1, 0, -1):
        line[column - 1] = came[column, line[column]]
    return line


def _sky_gates(mask: Mask, lab: Floats) -> bool:
    share = float(mask.mean())
    if not 0.1 < share < 0.8 or mask[:4].mean() < 0.97 or mask[-4:].mean() > 0.02:
        return False
    inside, ground = lab[mask].mean(0), lab[~mask].mean(0)
    edges = edge_strength(lab)
    smooth = float(edges[masks.shrunk(mask, 4)].mean()) < 0.7 * float(edges[~mask].mean())
    fitting = colours.name_of(inside) not in ("green", "brown", "red", "black")
    return smooth and fitting and bool(inside[0] > ground[0] + 6)


class CutSubject:
    """Finds a subject that its surroundings set off: border-prior saliency, then GrabCut."""

    def find(self, image: Pixels, lab: Floats) -> Mask | None:
        """Return the subject's mask, or None when the cut is not clean."""
        seed = self._salient(lab)
        if seed is None:
            return None
        cut = self._cut(image, seed)
        return cut if cut is not None and self._clean(cut, lab) else None

    def _salient(self, lab: Floats) -> Mask | None:
        height, width = lab.shape[:2]
        depth = max(3, min(height, width) // 20)
        frame = np.concatenate(
            [
                lab[:depth].reshape(-1, 3),
                lab[:, :depth].reshape(-1, 3),
                lab[:, -depth:].reshape(-1, 3),
            ]
        )
        order = np.argsort(frame[:, 0] + 0.5 * frame[:, 1] + 0.25 * frame[:, 2], kind="stable")
        centres = frame[order[np.linspace(0, len(order) - 1, 12).round().astype(int)]]
        unlike = np.min([colours.distance(lab, centre) for centre in centres], axis=0)
        unlike = cv2.GaussianBlur(unlike, (0, 0), 2)
        level, _ = cv2.threshold(
            np.asarray(np.clip(unlike * 2, 0, 255), np.uint8), 0, 255, cv2.THRESH_OTSU
        )
        salient = masks.closed(unlike * 2 > level, 3)
        parts = sorted(components(salient, int(0.01 * salient.size)), key=lambda p: -int(p.sum()))
        return masks.filled(parts[0]) if parts else None

    def _cut(self, image: Pixels, seed: Mask) -> Mask | None:
        marks = np.full(seed.shape, cv2.GC_BGD, np.uint8)
        marks[masks.grown(seed, 12)] = cv2.GC_PR_BGD
        marks[seed] = cv2.GC_PR_FGD
        marks[masks.shrunk(seed, 8)] = cv2.GC_FGD
        if (marks == cv2.GC_BGD).sum() < 50 or not (marks & 1).any():
            return None
        cv2.setRNGSeed(1)
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(image, marks, None, models[0], models[1], 2, cv2.GC_INIT_WITH_MASK)
        cut = masks.opened((marks & 1) == 1, 1)
        parts = sorted(components(cut, 30), key=lambda p: -int(p.sum()))
        return masks.filled(parts[0]) if parts else None

    def _clean(self, cut: Mask, lab: Floats) -> bool:
        share = float(cut.mean())
        if not 0.02 < share < 0.5 or cut[:2].any():
            return False
        if cut[:, :2].mean() > 0.3 or cut[:, -2:].mean() > 0.3:
            return False
        rim = masks.grown(cut, 4) & ~masks.grown(cut, 1)
        edge = cut & ~masks.shrunk(cut, 4)
        apart = float(colours.distance(lab[edge].mean(0), lab[rim].mean(0)))
        spread = float(np.sqrt(lab[rim].var(0).sum()))
        return apart > 18 and spread < 16 and apart > 1.2 * spread
