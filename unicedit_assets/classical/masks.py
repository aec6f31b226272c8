"""Masks: from the small analysis picture to soft, edge-true masks at full size."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.classical.colours import Floats
from unicedit_assets.domain.roles import Pixels

Mask = NDArray[np.bool_]


class Box(NamedTuple):
    """A half-open pixel box."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.y1 - self.y0


def box_of(mask: Mask) -> Box:
    """Return the bounding box of a mask that is not empty."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def disc(radius: int) -> NDArray[np.uint8]:
    """Return a round structuring element."""
    size = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def grown(mask: Mask, radius: int) -> Mask:
    """Return the mask dilated by a disc."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc(radius)) > 0)


def shrunk(mask: Mask, radius: int) -> Mask:
    """Return the mask eroded by a disc; the picture's border does not erode it."""
    return np.asarray(cv2.erode(mask.astype(np.uint8), disc(radius)) > 0)


def opened(mask: Mask, radius: int) -> Mask:
    """Return the mask without details thinner than a disc."""
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, disc(radius)) > 0)


def closed(mask: Mask, radius: int) -> Mask:
    """Return the mask with gaps thinner than a disc closed."""
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, disc(radius)) > 0)


def filled(mask: Mask) -> Mask:
    """Return the mask with its inner holes filled."""
    padded = np.pad(mask.astype(np.uint8), 1)
    cv2.floodFill(padded, None, (0, 0), 2)
    return np.asarray(padded[1:-1, 1:-1] != 2)


def solidity(mask: Mask) -> float:
    """Return the mask's area over that of its convex hull."""
    points = np.argwhere(mask)[:, ::-1].astype(np.int32)
    hull = cv2.contourArea(cv2.convexHull(np.ascontiguousarray(points)))
    return float(mask.sum() / max(1.0, hull))


def border_share(mask: Mask) -> float:
    """Return the share of the picture's border that the mask touches."""
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return float(edge.mean())


def soft_mask(image: Pixels, mask: Mask, radius: int = 4, steep: float = 2.0) -> Floats:
    """Return the mask at the image's size, following the image's own edges, 0-1.

    A fast guided filter (He and Sun, 2015): the local linear models are fitted at the mask's scale
    and applied at full size, so the cost is that of two resizes. Farther than ``2 * radius``
    (mask pixels) from the mask it is exactly 0, and as deep inside it is exactly 1.
    """
    height, width = image.shape[:2]
    rows, columns = mask.shape
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    small = cv2.resize(gray, (columns, rows), interpolation=cv2.INTER_AREA)
    target = mask.astype(np.float32)
    size = (2 * radius + 1, 2 * radius + 1)
    mean_i, mean_p = cv2.blur(small, size), cv2.blur(target, size)
    variance = cv2.blur(small * small, size) - mean_i * mean_i
    slope = (cv2.blur(small * target, size) - mean_i * mean_p) / (variance + 1e-3)
    offset = mean_p - slope * mean_i
    full_slope = cv2.resize(cv2.blur(slope, size), (width, height))
    full_offset = cv2.resize(cv2.blur(offset, size), (width, height))
    soft = np.clip((full_slope * gray + full_offset - 0.5) * steep + 0.5, 0, 1)
    reach = cv2.resize(grown(mask, 2 * radius).astype(np.uint8), (width, height), interpolation=0)
    core = cv2.resize(shrunk(mask, 2 * radius).astype(np.uint8), (width, height), interpolation=0)
    soft[reach == 0] = 0
    soft[core > 0] = 1
    return np.asarray(soft * soft * (3 - 2 * soft), np.float32)


def feathered(mask: Mask, width: int, height: int, softness: float) -> Floats:
    """Return the mask at another size with a smooth edge of about ``softness`` output pixels."""
    scale = width / mask.shape[1]
    sigma = max(0.6, softness / scale / 2)
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)
    blurred[~grown(mask, max(1, round(2 * sigma)))] = 0
    full = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(full, 0, 1), np.float32)


def blend(image: Pixels, other: Pixels, alpha: Floats) -> Pixels:
    """Return ``other`` over ``image``; where alpha is 0 the bytes are the image's own."""
    weight = alpha[..., None]
    mixed = image + (other.astype(np.float32) - image) * weight
    out = np.asarray(np.clip(mixed + 0.5, 0, 255), np.uint8)
    return np.where(weight > 0, out, image)
