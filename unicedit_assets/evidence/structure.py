"""What happened inside a changed region: kept, covered by a pattern, filled in, or copied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.evidence.pair import Lab, Mask, Plane, blur

_FAR = 1e9
_NEARLY = 0.8


def grown(mask: Mask, radius: int) -> Mask:
    """Return the mask dilated by ``radius`` pixels."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)


def shrunk(mask: Mask, radius: int) -> Mask:
    """Return the mask eroded by ``radius`` pixels."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.erode(mask.astype(np.uint8), kernel, borderValue=1) > 0)


def kept_structure(before: Plane, after: Plane, mask: Mask) -> float:
    """Return the correlation of fine lightness structure inside the mask: 1 kept, 0 replaced."""
    first = (before - blur(before, 4.0))[mask]
    second = (after - blur(after, 4.0))[mask]
    if len(first) < 30:
        return 0.0
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / scale if scale > 1e-6 else 0.0


def roughness(light: Plane, mask: Mask) -> float:
    """Return the root mean square of fine lightness structure inside the mask, LAB units."""
    fine = (light - blur(light, 3.0))[mask]
    return float(np.sqrt((fine**2).mean())) if len(fine) else 0.0


def grain(light: Plane, mask: Mask) -> float:
    """Return the typical (75th percentile) fine lightness structure inside the mask, LAB units."""
    fine = np.abs(light - blur(light, 3.0))[mask]
    return float(np.percentile(fine, 75)) if len(fine) else 0.0


@dataclass(frozen=True)
class Blend:
    """How strange a region looks among its surroundings, before and after.

    Attributes:
        before, after: distance between the region's and its ring's mean colour, LAB units.
        rim_before, rim_after: mean lightness slope across the region's outline.
    """

    before: float
    after: float
    rim_before: float
    rim_after: float


def _outline_slope(lab: Lab, outline: Mask) -> float:
    slopes = [
        np.hypot(cv2.Sobel(plane, cv2.CV_32F, 1, 0), cv2.Sobel(plane, cv2.CV_32F, 0, 1))
        for plane in cv2.split(lab)
    ]
    total = np.sqrt(sum(slope**2 for slope in slopes))
    return float(total[outline].mean()) if outline.any() else 0.0


def blend_of(before: Lab, after: Lab, mask: Mask) -> Blend:
    """Compare a region with a ring around it in both pictures."""
    ring = grown(mask, 9) & ~grown(mask, 3)
    outline = grown(mask, 3) & ~shrunk(mask, 3)
    if not ring.any() or not mask.any():
        return Blend(0.0, 0.0, 0.0, 0.0)
    gaps = [
        float(np.linalg.norm(lab[mask].mean(axis=0) - lab[ring].mean(axis=0)))
        for lab in (before, after)
    ]
    return Blend(gaps[0], gaps[1], _outline_slope(before, outline), _outline_slope(after, outline))


@dataclass(frozen=True)
class Pattern:
    """The regular pattern that covers a region, from the directions of its edges.

    Attributes:
        name: stripes, polka_dots, checkerboard or bricks.
        share: how clearly, 0-1.
        strength: mean slope of the added pattern, LAB units a pixel.
        scores: how clearly each pattern shows, 0-1.
    """

    name: str
    share: float
    strength: float
    scores: Mapping[str, float]

    def may_be(self, name: str) -> bool:
        """Tell whether another name fits nearly as well: bricks cut short look like a checker."""
        return self.scores[name] >= _NEARLY * self.share


def _directions(plane: Plane, mask: Mask) -> tuple[NDArray[np.float64], float]:
    """Return the histogram of gradient axes (18 bins over 180 degrees) and the mean slope."""
    gx = cv2.Sobel(plane, cv2.CV_32F, 1, 0, scale=0.125)
    gy = cv2.Sobel(plane, cv2.CV_32F, 0, 1, scale=0.125)
    size = np.hypot(gx, gy)[mask]
    if len(size) == 0:
        return np.full(18, 1 / 18), 0.0
    angle = np.degrees(np.arctan2(gy, gx))[mask] % 180.0
    weight = size * size
    bins = np.round(angle / 10.0).astype(int) % 18
    histogram = np.bincount(bins, weight, 18)
    return histogram / max(float(histogram.sum()), 1e-9), float(size.mean())


def _around(histogram: NDArray[np.float64], *bins: int) -> float:
    return float(sum(histogram[(b + d) % 18] for b in bins for d in (-1, 0, 1)))


def pattern_of(delta: Plane, mask: Mask) -> Pattern:
    """Name the pattern of an added lightness plane inside a mask.

    Stripes have one oblique edge direction, a checkerboard two equal ones, bricks mostly level ones
    and some upright, dots all directions alike.
    """
    histogram, strength = _directions(blur(delta, 0.8), shrunk(mask, 2))
    level, upright = _around(histogram, 9), _around(histogram, 0)
    oblique = max(_around(histogram, 4, 5), _around(histogram, 13, 14))
    straight = level + upright
    scores = {
        "stripes": oblique,
        "checkerboard": straight * (1.0 - abs(level - upright) / max(straight, 1e-9)),
        "bricks": straight * min(1.0, 2.0 * abs(level - upright) / max(straight, 1e-9))
        if level > upright
        else 0.0,
        "polka_dots": 1.0 - 2.5 * float(np.abs(histogram - 1 / 18).sum() / 2),
    }
    name = max(scores, key=lambda key: scores[key])
    return Pattern(name, max(0.0, scores[name]), strength, scores)


@dataclass(frozen=True)
class Copy:
    """Where the content of an edited region comes from in the source.

    Attributes:
        scale: size of the content in the edited picture over its size in the source.
        start: centre in the source, shares of width and height.
        error: root mean square colour distance of the match, LAB units.
        plain: the same for a featureless patch of the region's mean colour: the yardstick.
    """

    scale: float
    start: tuple[float, float]
    error: float
    plain: float

    @property
    def likeness(self) -> float:
        """1 for an exact copy, 0 when a plain patch explains the region as well."""
        return max(0.0, 1.0 - self.error / max(self.plain, 1e-6))


def _template(lab: Lab, mask: Mask) -> tuple[Lab, NDArray[np.float32], tuple[float, float]]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    cut = np.ascontiguousarray(lab[top:bottom, left:right])
    return (
        cut,
        mask[top:bottom, left:right].astype(np.float32),
        ((left + right) / 2, (top + bottom) / 2),
    )


def _search(scene: Lab, patch: Lab, weight: NDArray[np.float32]) -> tuple[float, tuple[int, int]]:
    if patch.shape[0] >= scene.shape[0] or patch.shape[1] >= scene.shape[1]:
        return _FAR, (0, 0)
    score = cv2.matchTemplate(
        scene, patch, cv2.TM_SQDIFF, mask=np.repeat(weight[..., None], 3, axis=2)
    )
    low, _, spot, _ = cv2.minMaxLoc(score)
    return float(np.sqrt(max(low, 0.0) / max(float(weight.sum()), 1.0))), (spot[0], spot[1])


def find_copy(
    source: Lab, edited: Lab, mask: Mask, scales: Sequence[float] = (1.0,)
) -> Copy | None:
    """Search the source for the content of an edited region, at several sizes.

    Args:
        source, edited: LAB pictures of one (small) size.
        mask: the region in the edited picture.
        scales: sizes to try, edited over source.

    Returns:
        The best match; None for a region too small to tell.
    """
    if mask.sum() < 24:
        return None
    cut, weight, _ = _template(edited, mask)
    inside = cut[weight > 0]
    plain = float(np.sqrt(((inside - inside.mean(axis=0)) ** 2).sum(axis=1).mean()))
    best: Copy | None = None
    for scale in scales:
        size = (max(3, round(cut.shape[1] / scale)), max(3, round(cut.shape[0] / scale)))
        patch = cv2.resize(cut, size, interpolation=cv2.INTER_AREA)
        soft = (cv2.resize(weight, size, interpolation=cv2.INTER_AREA) > 0.6).astype(np.float32)
        if soft.sum() < 12:
            continue
        error, (x, y) = _search(source, np.asarray(patch, np.float32), soft)
        start = ((x + size[0] / 2) / source.shape[1], (y + size[1] / 2) / source.shape[0])
        if best is None or error < best.error:
            best = Copy(scale, start, error, plain)
    return best
