"""Segmentation of a small photograph: colour areas, isolated objects, the sky, a main subject."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.classical import colours, masks, places
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
        nearest = _nearest(sample, centres)
        for index in range(clusters):
            members = sample[nearest == index]
            if len(members):
                centres[index] = members.mean(0)
    words = colours.name_indices(centres)
    return np.asarray(words[_nearest(pixels, centres)].reshape(lab.shape[:2]), np.uint8)


def _nearest(points: Floats, centres: Floats) -> NDArray[np.int64]:
    """Return the index of the nearest centre of each point."""
    costs = (centres * centres).sum(1) - 2 * points @ centres.T
    return np.asarray(costs.argmin(1), np.int64)


def colour_areas(lab: Floats, names: Names) -> tuple[Region, ...]:
    """Return the coherent, single-coloured areas that colour and place single out."""
    smooth = np.stack([cv2.medianBlur(np.ascontiguousarray(lab[..., i]), 5) for i in range(3)], -1)
    words = cv2.medianBlur(clustered_names(np.asarray(smooth, np.float32)), 5)
    found = []
    for word in range(len(colours.WORDS)):
        for part in components(masks.opened(words == word, 3), int(LEAST_AREA * words.size)):
            found.append(describe("area", _without_specks(masks.closed(part, 2)), lab, names))
    named = unambiguous(found)
    return tuple(
        area
        for area in named
        if area.share <= 0.62
        and area.purity >= 0.5
        and holds_its_centre(area)
        and _compact(area)
        and _rules_its_place(area, words)
    )


def _without_specks(part: Mask) -> Mask:
    """Return the part with holes filled that are small beside it."""
    holes = masks.filled(part) & ~part
    out = part.copy()
    for hole in components(holes, 1):
        if hole.sum() < 0.06 * part.sum():
            out |= hole
    return out


def _rules_its_place(area: Region, words: Names) -> bool:
    """Tell whether most of its colour at its place is its own, so that the words single it out."""
    height, width = words.shape
    x, y = places.point_of(area.place)
    rows = slice(int((y - 0.16) * height), int((y + 0.16) * height))
    columns = slice(int((x - 0.16) * width), int((x + 0.16) * width))
    alike = words[rows, columns] == colours.WORDS.index(area.colour)
    own = area.mask[rows, columns]
    return bool((alike & own).sum() > 0.6 * max(1, alike.sum()) and own.mean() > 0.15)


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
    return [box for _, box in sorted(ranked)]


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
    thin = max(box.width / box.height, box.height / box.width) > 5
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
    rim = mask & ~masks.shrunk(mask, 1)
    rim[:, :2] = rim[:, -2:] = rim[:2] = False
    if (cv2.dilate(edges, masks.disc(3))[rim] > 2.5).mean() < 0.9:
        return False
    smooth = float(edges[masks.shrunk(mask, 4)].mean()) < 0.7 * float(edges[~mask].mean())
    fitting = colours.name_of(inside) not in ("green", "brown", "red", "black")
    return smooth and fitting and bool(inside[0] > ground[0] + 6)


class PlainGroundSubject:
    """Finds a subject before a plain ground: a wall, a table, the sea seen from above.

    A quadratic surface of light and colour is fitted to the picture's frame, robustly, since the
    subject may reach it. What departs from the surface is the subject, if the frame fits well, one
    part dominates and its outline is sharp.
    """

    def find(self, image: Pixels, lab: Floats) -> Mask | None:  # noqa: ARG002
        """Return the subject's mask, or None when it is not clean."""
        off, uneven = self._departure(lab)
        if uneven > 7:
            return None
        edges = edge_strength(lab)
        best, best_sharp = None, 3.0
        # The level whose outline runs along the sharpest edges is where the subject ends.
        for level in (11, 15, 20, 26, 33):
            subject = self._largest(off > max(level, 2 * uneven))
            if subject is None:
                continue
            sharp = float(np.quantile(edges[_inner_rim(subject)], 0.3))
            if sharp > best_sharp and self._clean(subject, off > max(level, 14)):
                best, best_sharp = subject, sharp
        return best

    def _largest(self, away: Mask) -> Mask | None:
        parts = list(components(masks.opened(masks.closed(away, 2), 2), 60))
        return masks.filled(max(parts, key=lambda p: int(p.sum()))) if parts else None

    def _departure(self, lab: Floats) -> tuple[Floats, float]:
        height, width = lab.shape[:2]
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        basis = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], -1)
        depth = max(3, min(height, width) // 16)
        frame = np.ones((height, width), np.bool_)
        frame[depth:, depth:-depth] = False
        frame[height * 2 // 3 :] = False
        known, values = basis[frame][::5], lab[frame][::5]
        keep = np.ones(len(values), np.bool_)
        for share in (0.75, 0.7, 0.65, 0.65):
            fit = np.linalg.lstsq(known[keep], values[keep], rcond=None)[0]
            apart = colours.distance(values, np.asarray(known @ fit, np.float32))
            keep = apart <= np.quantile(apart, share)
        surface = np.asarray(basis @ fit, np.float32)
        return colours.distance(lab, surface), float(np.quantile(apart, 0.6))

    def _clean(self, subject: Mask, away: Mask) -> bool:
        share = float(subject.mean())
        sides = subject[:, :2].mean() < 0.45 and subject[:, -2:].mean() < 0.45
        if not 0.015 < share < 0.65 or subject[:2].any() or not sides:
            return False
        if masks.solidity(subject) < 0.72:
            return False
        # What else departs from the ground must be little, or the ground is not plain.
        return bool((away & ~masks.grown(subject, 3)).sum() < 0.15 * subject.sum())


def _inner_rim(mask: Mask) -> Mask:
    rim = masks.grown(mask, 1) & ~masks.shrunk(mask, 1)
    rim[:2] = rim[-2:] = False
    rim[:, :2] = rim[:, -2:] = False
    return rim
