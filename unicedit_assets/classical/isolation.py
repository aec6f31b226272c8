"""Isolated objects: things with a sharp outline all around, unlike their calm surroundings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from unicedit_assets.classical import masks
from unicedit_assets.classical.colours import Array, Floats, Names, edge_strength
from unicedit_assets.classical.masks import Box, Mask
from unicedit_assets.classical.outline import shared_colours, skin_share, steps_across
from unicedit_assets.classical.regions import Region, components, describe, unambiguous

# Levels of L, a and b at which the picture is cut.
_LEVELS = (
    (10, 17, 24, 32, 40, 48, 56, 64, 72, 80, 88),
    (-20, -10, 10, 20, 34),
    (-28, -14, 14, 28, 44),
)
MOST_CANDIDATES = 60
MOST_OBJECTS = 4
OBJECT_SHARES = (0.0027, 0.12)
# A step (CIE76) that parts two things, one that a person sees at a glance, and the least shares
# of the outline that must show them.
_STEP, _GLANCE = 12.0, 20.0
_STEPPED, _GLANCED = 0.86, 0.62
# Least ratio of the outline's edges to those around it, most colours shared with what is around.
_SHARPER, _SHARPER_LARGE, _LARGE = 2.2, 1.9, 0.01
_MOST_SHARED = 0.3
# The same within a wider frame, where the whole thing would show that this is only a part of.
_WIDE, _SHARPER_WIDE = 20, 1.3
# Hands and lips are no things: most of a thing, or of what is around it, that looks like skin.
_MOST_SKIN = 0.45


class _Candidate(NamedTuple):
    """A part of the picture: its box, and its mask within the box."""

    box: Box
    part: Mask


class _Cut(NamedTuple):
    mask: Mask
    score: float


def isolated_objects(lab: Floats, names: Names) -> tuple[Region, ...]:
    """Return the things that a person would see as such, and that words single out.

    Candidates are the connected level sets of L, a and b. One is kept when its colour
    steps off all along its outline, when its outline is far sharper than anything around it, and
    when its colours are not those of its surroundings: so no patch of light on a slope, no part of
    a larger thing, and nothing amid clutter.
    """
    edges = edge_strength(lab)
    scored: list[tuple[float, Region]] = []
    for candidate in _candidates(lab):
        cut = _cut(lab, edges, candidate)
        if cut is not None:
            scored.append((cut.score, describe("object", cut.mask, lab, names)))
    scored.sort(key=lambda pair: (-pair[0], pair[1].centre))
    found: list[Region] = []
    for _, region in scored:
        if not any(_overlap(region, other) > 0.1 for other in found):
            found.append(region)
    return unambiguous(found[:MOST_OBJECTS], dominance=2.5)


def _candidates(lab: Floats) -> list[_Candidate]:
    """Return distinct level sets that keep clear of the border, the most contrasting first."""
    sums = cv2.integral(lab)
    ranked = [(-_contrast(sums, found.box), found) for found in _level_sets(lab)]
    distinct: list[_Candidate] = []
    for _, one in sorted(ranked, key=lambda pair: (pair[0], pair[1].box)):
        if not any(_alike(one.box, other.box) for other in distinct):
            distinct.append(one)
    return distinct[:MOST_CANDIDATES]


def _level_sets(lab: Floats) -> Iterator[_Candidate]:
    """Yield the connected parts above and below each level of L, a and b that could be a thing."""
    height, width = lab.shape[:2]
    least, most = (share * height * width for share in OBJECT_SHARES)
    for channel, levels in enumerate(_LEVELS):
        plane = cv2.blur(np.ascontiguousarray(lab[..., channel]), (3, 3))
        for level in levels:
            above = (plane > level).astype(np.uint8)
            for side in (above, 1 - above):
                _, labels, stats, _ = cv2.connectedComponentsWithStats(
                    side, connectivity=4, ltype=cv2.CV_32S
                )
                for label in np.flatnonzero((stats[:, 4] >= least) & (stats[:, 4] <= most)):
                    x, y, wide, tall, area = (int(value) for value in stats[label])
                    box = Box(x, y, x + wide, y + tall)
                    inside = x >= 2 and y >= 2 and box.x1 <= width - 2 and box.y1 <= height - 2
                    stout = max(wide / tall, tall / wide) <= 4.5 and area >= 0.25 * wide * tall
                    if label and inside and stout:
                        part = labels[y : box.y1, x : box.x1] == label
                        yield _Candidate(box, np.asarray(part))


def _contrast(sums: Array, box: Box) -> float:
    """Return how far a box's mean colour is from that of the frame around it."""
    pad = 4 + round(0.15 * max(box.width, box.height))
    tall, wide = sums.shape[0] - 1, sums.shape[1] - 1
    outer = Box(
        max(0, box.x0 - pad),
        max(0, box.y0 - pad),
        min(wide, box.x1 + pad),
        min(tall, box.y1 + pad),
    )
    inside, both = (
        sums[b.y1, b.x1] - sums[b.y0, b.x1] - sums[b.y1, b.x0] + sums[b.y0, b.x0]
        for b in (box, outer)
    )
    own, all_of_it = box.width * box.height, outer.width * outer.height
    return float(np.linalg.norm(inside / own - (both - inside) / (all_of_it - own)))


def _alike(one: Box, other: Box) -> bool:
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    tall = min(one.y1, other.y1) - max(one.y0, other.y0)
    if wide <= 0 or tall <= 0:
        return False
    both = wide * tall
    return both > 0.85 * (one.width * one.height + other.width * other.height - both)


def _overlap(one: Region, other: Region) -> float:
    both = (one.mask & other.mask).sum()
    return float(both / min(one.mask.sum(), other.mask.sum()))


def _cut(lab: Floats, edges: Floats, candidate: _Candidate) -> _Cut | None:
    """Return a candidate's mask and how well it stands out, or None where it does not."""
    height, width = lab.shape[:2]
    box, part = candidate
    pad = max(10, round(0.6 * max(box.width, box.height)))
    x0, y0 = max(0, box.x0 - pad), max(0, box.y0 - pad)
    window = (slice(y0, min(height, box.y1 + pad)), slice(x0, min(width, box.x1 + pad)))
    raw = np.zeros(lab[window].shape[:2], np.bool_)
    raw[box.y0 - y0 : box.y1 - y0, box.x0 - x0 : box.x1 - x0] = part
    tidy = masks.filled(masks.closed(masks.opened(raw, 1), 1))
    mask = max(components(tidy, 12), key=lambda part: int(part.sum()), default=None)
    if mask is None:
        return None
    share = int(mask.sum()) / (height * width)
    if not OBJECT_SHARES[0] <= share <= OBJECT_SHARES[1] or masks.solidity(mask) < 0.55:
        return None
    sharper = _sharper(edges[window], mask)
    if sharper < (_SHARPER_LARGE if share >= _LARGE else _SHARPER):
        return None
    around = masks.grown(mask, 8) & ~masks.grown(mask, 2)
    if max(skin_share(lab[window], mask), skin_share(lab[window], around)) > _MOST_SKIN:
        return None
    if not _stands_out(lab[window], mask, pad):
        return None
    full = np.zeros((height, width), np.bool_)
    full[window] = mask
    return _Cut(full, min(sharper, 6.0) * share**0.25)


def _sharper(edges: Floats, mask: Mask) -> float:
    """Return how many times sharper the outline is than what lies close around it; 0: no thing."""
    rim = masks.grown(mask, 1) & ~masks.shrunk(mask, 1)
    peak = cv2.dilate(edges, masks.disc(2))[rim]
    if np.quantile(peak, 0.2) <= 5:
        return 0.0
    margin = masks.grown(mask, 3)
    near, wide = (masks.grown(mask, reach) & ~margin for reach in (9, _WIDE))
    sharp = float(np.median(peak))
    if sharp < _SHARPER_WIDE * float(np.quantile(edges[wide], 0.85)):
        return 0.0
    return sharp / max(float(np.quantile(edges[near], 0.85)), 1.0)


def _stands_out(lab: Floats, mask: Mask, reach: int) -> bool:
    steps = steps_across(lab, mask, 3)
    if len(steps) < 10 or (steps > _STEP).mean() < _STEPPED or (steps > _GLANCE).mean() < _GLANCED:
        return False
    around = masks.grown(mask, min(reach - 1, 40)) & ~masks.grown(mask, 2)
    return shared_colours(lab, mask, around) < _MOST_SHARED
