"""Which parts of a picture changed: a mask above the re-encoding noise, and its regions."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from unicedit_assets.evidence.pair import Mask, Plane

PLACES = (
    ("upper_left", "top", "upper_right"),
    ("left", "center", "right"),
    ("lower_left", "bottom", "lower_right"),
)

_MOST_NOISE = 6.0


@dataclass(frozen=True)
class Region:
    """A connected changed region.

    Attributes:
        label: its number in the label plane.
        area: share of the picture.
        centre: centroid, shares of width and height.
        box: (x0, y0, x1, y1), shares of width and height.
        strength: mean difference inside, LAB units.
    """

    label: int
    area: float
    centre: tuple[float, float]
    box: tuple[float, float, float, float]
    strength: float


@dataclass(frozen=True)
class Changes:
    """The changed mask of a difference plane and its regions, largest first."""

    mask: Mask
    labels: np.ndarray[tuple[int, int], np.dtype[np.int32]]
    regions: tuple[Region, ...]
    noise: float

    @property
    def area(self) -> float:
        """Share of the picture inside the mask."""
        return float(self.mask.mean())

    def mask_of(self, *regions: Region) -> Mask:
        """Return the union of some regions as a mask."""
        return np.isin(self.labels, [region.label for region in regions])


def noise_floor(difference: Plane) -> float:
    """Return the difference that the unchanged part of the picture shows (its lower third).

    Capped, because in a picture that changed everywhere the lower third is no noise.
    """
    return min(_MOST_NOISE, float(np.percentile(difference, 33.0)))


def find_changes(difference: Plane, threshold: float, smallest: float, bridge: int = 5) -> Changes:
    """Cut a difference plane at a threshold and list the connected regions.

    Args:
        difference: smoothed difference, LAB units.
        threshold: difference that counts, on top of the noise floor.
        smallest: smallest region to keep, share of the picture.
        bridge: gaps up to this many pixels are closed before regions are counted.
    """
    noise = noise_floor(difference)
    raw = (difference > threshold + noise).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (bridge, bridge))
    closed = cv2.morphologyEx(raw, cv2.MORPH_CLOSE, kernel)
    count, labels, stats, centres = cv2.connectedComponentsWithStats(closed, connectivity=8)
    height, width = difference.shape
    regions = []
    kept = np.zeros(count, bool)
    for label in range(1, count):
        x, y, w, h, area = (int(v) for v in stats[label])
        if area < smallest * height * width:
            continue
        kept[label] = True
        window = labels[y : y + h, x : x + w] == label
        regions.append(
            Region(
                label,
                area / (height * width),
                (float(centres[label][0]) / width, float(centres[label][1]) / height),
                (x / width, y / height, (x + w) / width, (y + h) / height),
                float(difference[y : y + h, x : x + w][window].mean()),
            )
        )
    regions.sort(key=lambda region: (-region.area, region.label))
    return Changes(kept[labels], np.asarray(labels, np.int32), tuple(regions), noise)


def place_of(x: float, y: float) -> str:
    """Return the cell of the 3x3 grid of thirds that holds a point (shares of width, height)."""
    column, row = min(2, max(0, int(x * 3))), min(2, max(0, int(y * 3)))
    return PLACES[row][column]


def place_gap(point: tuple[float, float], place: str) -> float:
    """Return how far a point lies outside a cell, as a share of the picture (0 inside)."""
    row = next(i for i, cells in enumerate(PLACES) if place in cells)
    column = PLACES[row].index(place)
    x, y = point
    gap_x = max(column / 3 - x, 0.0, x - (column + 1) / 3)
    gap_y = max(row / 3 - y, 0.0, y - (row + 1) / 3)
    return float(np.hypot(gap_x, gap_y))


def centroid(mask: Mask) -> tuple[float, float]:
    """Return a mask's centroid as shares of width and height; the centre for an empty mask."""
    moments = cv2.moments(mask.astype(np.uint8), binaryImage=True)
    if moments["m00"] == 0:
        return (0.5, 0.5)
    return (
        float(moments["m10"] / moments["m00"]) / mask.shape[1],
        float(moments["m01"] / moments["m00"]) / mask.shape[0],
    )
