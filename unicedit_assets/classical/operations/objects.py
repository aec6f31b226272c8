"""Subject Removal, Counting Change, Shape-Size Alteration and Spatial Reasoning on one object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from unicedit_assets.classical import colours, masks, places
from unicedit_assets.classical.colours import Floats
from unicedit_assets.classical.fill import plate
from unicedit_assets.classical.masks import Box, Mask
from unicedit_assets.classical.places import Point
from unicedit_assets.classical.regions import Region
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.roles import EditorError, Pixels

COPIES = {"two": 1, "three": 2}
SCALES = {"larger": 1.6, "smaller": 0.55}
STRETCH = {"taller": 1.3, "shorter": 0.72}
LANDING_COST = 20.0


class Landing(NamedTuple):
    """Where an object can be put: the box's upper left at analysis scale, and the misfit."""

    x: int
    y: int
    cost: float


def landing_costs(scene: Scene, region: Region) -> Floats:
    """Return how badly the object would sit at each upper left corner of its box.

    The misfit is the colour difference from its own surroundings plus the local unevenness.
    """
    box = region.box
    ring = masks.grown(region.mask, 6) & ~masks.grown(region.mask, 2)
    around = scene.lab[ring].mean(0)
    window = (box.width + 6, box.height + 6)
    mean = cv2.blur(scene.lab, window)
    square = cv2.blur(scene.lab * scene.lab, window)
    uneven = np.sqrt(np.maximum(square - mean * mean, 0).sum(-1))
    cost = colours.distance(mean, around) + np.float32(1.5) * uneven
    rows, columns = cost.shape[0] - box.height + 1, cost.shape[1] - box.width + 1
    y, x = box.height // 2, box.width // 2
    return np.asarray(cost[y : y + rows, x : x + columns], np.float32)


def _keep_clear(cost: Floats, box: Box, taken: Sequence[Landing]) -> Floats:
    rows, columns = np.mgrid[0 : cost.shape[0], 0 : cost.shape[1]]
    out = cost.copy()
    margin = 3
    out[(rows < margin) | (rows > cost.shape[0] - margin)] = np.inf
    out[(columns < margin) | (columns > cost.shape[1] - margin)] = np.inf
    for other in taken:
        close = (np.abs(columns - other.x) < 1.15 * box.width + 2) & (
            np.abs(rows - other.y) < 1.15 * box.height + 2
        )
        out[close] = np.inf
    return out


def _cheapest(cost: Floats) -> Landing | None:
    y, x = divmod(int(np.argmin(cost)), cost.shape[1])
    value = float(cost[y, x])
    return Landing(x, y, value) if np.isfinite(value) else None


def landing(scene: Scene, region: Region, place: str) -> Landing | None:
    """Return the best spot for the object at another place, or None when none fits."""
    box = region.box
    cost = _keep_clear(landing_costs(scene, region), box, [Landing(box.x0, box.y0, 0)])
    height, width = region.mask.shape
    goal = places.point_of(place)
    rows, columns = np.mgrid[0 : cost.shape[0], 0 : cost.shape[1]]
    x, y = (columns + box.width / 2) / width, (rows + box.height / 2) / height
    away = np.maximum(np.abs(x - goal.x), np.abs(y - goal.y))
    spot = _cheapest(np.asarray(np.where(away < 0.13, cost + 30 * away, np.inf), np.float32))
    return spot if spot is not None and spot.cost < LANDING_COST else None


def companions(scene: Scene, region: Region, count: int) -> tuple[Landing, ...]:
    """Return spots for copies of the object beside it; fewer than ``count`` when none fit."""
    box = region.box
    cost = landing_costs(scene, region)
    rows, columns = np.mgrid[0 : cost.shape[0], 0 : cost.shape[1]]
    drop = np.abs(rows - box.y0) / max(4.0, 0.5 * box.height)
    reach = np.abs(columns - box.x0) / box.width
    cost = cost + 5 * drop + 3 * np.abs(reach - 1.6)
    taken = [Landing(box.x0, box.y0, 0)]
    for _ in range(count):
        spot = _cheapest(_keep_clear(np.asarray(cost, np.float32), box, taken))
        if spot is None or spot.cost > 1.6 * LANDING_COST:
            break
        taken.append(spot)
    return tuple(taken[1:])


class _Cutout(NamedTuple):
    box: Box
    pixels: Floats
    behind: Floats
    alpha: Floats


def _cut_out(scene: Scene, region: Region, behind: Pixels) -> _Cutout:
    alpha = scene.alpha(region)
    box = masks.box_of(alpha > 0)
    rows, columns = slice(box.y0, box.y1), slice(box.x0, box.x1)
    return _Cutout(
        box,
        scene.image[rows, columns].astype(np.float32),
        behind[rows, columns].astype(np.float32),
        alpha[rows, columns],
    )


def _scaled(cutout: _Cutout, factor: float) -> _Cutout:
    """Return the cutout scaled about the middle of its base."""
    box = cutout.box
    wide, tall = max(2, round(box.width * factor)), max(2, round(box.height * factor))
    how = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
    x0, y0 = round((box.x0 + box.x1 - wide) / 2), round(box.y0 + (box.height - tall) * 0.7)
    resized = [
        np.asarray(cv2.resize(part, (wide, tall), interpolation=how), np.float32)
        for part in (cutout.pixels, cutout.behind, cutout.alpha)
    ]
    return _Cutout(
        Box(x0, y0, x0 + wide, y0 + tall), resized[0], resized[1], np.clip(resized[2], 0, 1)
    )


def _paste(canvas: Pixels, cutout: _Cutout, x: int, y: int) -> Pixels:
    """Return the canvas with the cutout at (x, y), its old surroundings taken out of its edge."""
    height, width = canvas.shape[:2]
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(width, x + cutout.box.width), min(height, y + cutout.box.height)
    part = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
    there = canvas[y0:y1, x0:x1].astype(np.float32)
    alpha = cutout.alpha[part][..., None]
    mixed = cutout.pixels[part] + (1 - alpha) * (there - cutout.behind[part])
    out = canvas.copy()
    pasted = np.asarray(np.clip(mixed + 0.5, 0, 255), np.uint8)
    out[y0:y1, x0:x1] = np.where(alpha > 0.01, pasted, canvas[y0:y1, x0:x1])
    return out


def _named(scene: Scene, slots: Mapping[str, str]) -> Region:
    return scene.find(slots["kind"], slots["colour"], slots["place"])


def remove(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Take the object away and fill in what could be behind it."""
    return plate(scene, _named(scene, slots).mask)


def _at(scene: Scene, cutout: _Cutout, region: Region, spot: Landing) -> Point:
    scale_x, scale_y = scene.width / region.mask.shape[1], scene.height / region.mask.shape[0]
    return Point(
        cutout.box.x0 + (spot.x - region.box.x0) * scale_x,
        cutout.box.y0 + (spot.y - region.box.y0) * scale_y,
    )


def move(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Put the object elsewhere and fill in where it was."""
    region = _named(scene, slots)
    spot = landing(scene, region, slots["to_place"])
    if spot is None:
        raise EditorError(f"there is no fitting spot {slots['to_place']} for the object")
    behind = plate(scene, region.mask)
    cutout = _cut_out(scene, region, behind)
    corner = _at(scene, cutout, region, spot)
    return _paste(behind, cutout, round(corner.x), round(corner.y))


def duplicate(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Put copies of the object beside it."""
    region = _named(scene, slots)
    copies = COPIES[slots["count"]]
    spots = companions(scene, region, copies)
    if len(spots) < copies:
        raise EditorError("there is no room for copies of the object")
    cutout = _cut_out(scene, region, plate(scene, region.mask))
    out = scene.image
    for spot in spots:
        corner = _at(scene, cutout, region, spot)
        out = _paste(out, cutout, round(corner.x), round(corner.y))
    return out


def _skyline(landscape: Mask, width: int, height: int) -> Floats:
    """Return the smoothed row of the skyline for each column of a picture, shape (1, width)."""
    line = np.asarray(landscape.argmax(0)[None], np.float32) * (height / landscape.shape[0])
    full = cv2.resize(line, (width, 1))
    return np.asarray(
        cv2.GaussianBlur(full, (0, 0), width / 50, borderType=cv2.BORDER_REPLICATE), np.float32
    )


def can_stretch(landscape: Region) -> bool:
    """Tell whether a landscape can rise or sink without shearing what stands on it."""
    height, width = landscape.mask.shape
    line = np.asarray(landscape.mask.argmax(0), np.float32)
    smooth = _skyline(landscape.mask, width, height)[0]
    calm = np.abs(line - smooth).max() < 0.05 * height and np.ptp(smooth) < 0.33 * height
    return bool(calm and 0.15 < landscape.share < 0.72)


def _stretch_landscape(scene: Scene, landscape: Mask, factor: float) -> Pixels:
    """Move the skyline: the land is stretched from the lower border, the sky gives or takes."""
    height, width = scene.height, scene.width
    line = _skyline(landscape, width, height)
    moved = np.maximum(height - (height - line) * factor, 0.06 * height)
    factors = (height - line) / (height - moved)
    y = np.arange(height, dtype=np.float32)[:, None]
    land = height - (height - y) * factors
    share = np.clip(y / np.maximum(moved, 1), 0, 1)
    sky = line * share
    rows = np.where(y >= moved, land, sky).astype(np.float32)
    columns = np.broadcast_to(np.arange(width, dtype=np.float32), rows.shape)
    return np.asarray(
        cv2.remap(
            scene.image,
            np.ascontiguousarray(columns),
            rows,
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )


def resize(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Make the object larger or smaller where it is, or the landscape taller or shorter."""
    region = _named(scene, slots)
    if slots["size"] in STRETCH:
        if region.kind != "landscape":
            raise EditorError("only a landscape can be made taller or shorter")
        return _stretch_landscape(scene, region.mask, STRETCH[slots["size"]])
    behind = plate(scene, region.mask)
    cutout = _scaled(_cut_out(scene, region, behind), SCALES[slots["size"]])
    return _paste(behind, cutout, cutout.box.x0, cutout.box.y0)
