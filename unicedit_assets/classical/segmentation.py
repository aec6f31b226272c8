"""Segmentation of a small photograph: colour areas, isolated objects, the sky, a main subject."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.classical import colours, masks
from unicedit_assets.classical.colours import Floats, Names
from unicedit_assets.classical.masks import Mask
from unicedit_assets.classical.regions import (
    Region,
    components,
    describe,
    holds_its_centre,
    unambiguous,
)
from unicedit_assets.domain.roles import Pixels

LEAST_AREA = 0.012
OBJECT_SHARES = (0.0005, 0.06)


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
    """Return small things that stand out from even surroundings on all sides."""
    bytes_lab = np.asarray(np.clip(lab + np.float32([0, 128, 128]), 0, 255), np.uint8)
    found: list[Region] = []
    for window in (41, 81, 141):
        background = np.stack(
            [cv2.medianBlur(np.ascontiguousarray(bytes_lab[..., i]), window) for i in range(3)], -1
        )
        contrast = colours.distance(lab + np.float32([0, 128, 128]), background.astype(np.float32))
        for part in components(
            masks.closed(contrast > 14, 1), int(OBJECT_SHARES[0] * contrast.size)
        ):
            region = _isolated(part, lab, names)
            if region is not None and not any(_overlap(region, other) > 0.3 for other in found):
                found.append(region)
    return unambiguous(found, dominance=2.5)


def _overlap(one: Region, other: Region) -> float:
    both = (one.mask & other.mask).sum()
    return float(both / min(one.mask.sum(), other.mask.sum()))


def _isolated(part: Mask, lab: Floats, names: Names) -> Region | None:
    height, width = part.shape
    box = masks.box_of(part)
    inside = box.x0 > 3 and box.y0 > 3 and box.x1 < width - 3 and box.y1 < height - 3
    if not inside or part.sum() > OBJECT_SHARES[1] * part.size:
        return None
    solid = masks.filled(part)
    if (
        solid.sum() < 0.35 * box.width * box.height
        or max(box.width / box.height, box.height / box.width) > 4
    ):
        return None
    reach = max(4, round(0.3 * max(box.width, box.height)))
    ring = masks.grown(solid, reach + 2) & ~masks.grown(solid, 2)
    around = lab[ring]
    mean, spread = around.mean(0), float(np.sqrt(around.var(0).sum()))
    region = describe("object", solid, lab, names)
    contrast = float(colours.distance(region.lab, mean))
    if spread > 11 or contrast < max(16, 2.2 * spread):
        return None
    return region


def _skyline(gradient: Floats, threshold: float) -> NDArray[np.int64]:
    strong = gradient > threshold
    strong[:3] = False
    return np.asarray(np.where(strong.any(0), strong.argmax(0), gradient.shape[0]), np.int64)


def sky(lab: Floats) -> Mask | None:
    """Return the sky, when there clearly is one, else None.

    The skyline is the first strong edge of each column, for the threshold that parts the colours
    above and below best (after Shen and Wang, 2013); gates on size, place, smoothness and colour
    follow.
    """
    height, width = lab.shape[:2]
    light = cv2.GaussianBlur(lab, (0, 0), 1.2)
    gradient = np.abs(cv2.Sobel(light, cv2.CV_32F, 0, 1)).sum(-1) + np.abs(
        cv2.Sobel(light, cv2.CV_32F, 1, 0)
    ).sum(-1)
    best, best_score = None, 0.0
    for threshold in (12, 16, 22, 30, 40, 52, 66, 82):
        line = _skyline(gradient, threshold)
        mask = np.arange(height)[:, None] < line[None]
        share = mask.mean()
        if not 0.08 < share < 0.85:
            continue
        above, below = lab[mask], lab[~mask]
        apart = float(colours.distance(above.mean(0), below.mean(0)))
        within = float(np.sqrt(above.var(0).sum()) + 0.5 * np.sqrt(below.var(0).sum()))
        score = apart / (within + 4)
        if score > best_score:
            best, best_score = mask, score
    if best is None or best_score < 0.75:
        return None
    cleaned = masks.opened(best, 3)
    return cleaned if _sky_gates(cleaned, lab) else None


def _sky_gates(mask: Mask, lab: Floats) -> bool:
    share, top, bottom = mask.mean(), mask[:4].mean(), mask[-4:].mean()
    if not 0.1 < share < 0.85 or top < 0.9 or bottom > 0.02:
        return False
    inside = lab[mask].mean(0)
    ground = lab[~mask].mean(0)
    word = colours.name_of(inside)
    return word not in ("green", "brown", "red", "yellow") and bool(inside[0] > ground[0] + 8)


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
