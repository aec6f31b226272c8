"""Colour areas: coherent parts of a small photograph that colour and place single out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.classical import colours, masks, places
from unicedit_assets.classical.colours import Floats, Names
from unicedit_assets.classical.masks import Mask
from unicedit_assets.classical.outline import skin_share, steps_across
from unicedit_assets.classical.regions import (
    Region,
    components,
    describe,
    holds_its_centre,
    unambiguous,
)

LEAST_AREA = 0.012
# A colour step that parts two areas, and the least share of the outline that must show it; lower
# for a compact area that lies wholly in the picture.
_STEP = 10.0
_STEPPED, _STEPPED_FREE = 0.82, 0.55
# Nobody asks for a green face.
_MOST_SKIN = 0.5


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
    # Term by term: a matrix product may round differently with other thread counts.
    x, y, z = (np.ascontiguousarray(points[:, channel]) for channel in range(3))
    costs = np.stack([float(c @ c) - 2 * (x * c[0] + y * c[1] + z * c[2]) for c in centres])
    return np.asarray(costs.argmin(0), np.int64)


def colour_areas(lab: Floats, names: Names) -> tuple[Region, ...]:
    """Return the coherent, single-coloured areas that colour and place single out."""
    # The median filter is an order of magnitude faster on bytes.
    scale, zero = np.array([2.55, 1, 1], np.float32), np.array([0, 128, 128], np.float32)
    levels = np.clip(lab * scale + zero, 0, 255).astype(np.uint8)
    smooth = np.asarray((cv2.medianBlur(levels, 5) - zero) / scale, np.float32)
    clustered = clustered_names(smooth)
    words = np.asarray(cv2.medianBlur(clustered, 5), np.uint8)
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
        and skin_share(lab, area.mask) < _MOST_SKIN
        and _outlined(area, lab)
    )


def _outlined(area: Region, lab: Floats) -> bool:
    """Tell whether the picture changes along the area's outline, so that a person sees its end.

    Without it an area may be any part of a gradient or of a texture.
    """
    steps = steps_across(lab, area.mask, 5)
    if len(steps) < 20:
        return False
    free = masks.border_share(area.mask) == 0 and masks.solidity(area.mask) > 0.8
    return bool((steps > _STEP).mean() >= (_STEPPED_FREE if free else _STEPPED))


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
