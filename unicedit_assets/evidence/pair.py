"""Two pictures side by side at working resolution, with the views that measurements share."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.domain.roles import Pixels

Plane = NDArray[np.float32]
Lab = NDArray[np.float32]
Mask = NDArray[np.bool_]

WORK_PIXELS = 260_000
_ASPECT_TOLERANCE = 0.02


def to_lab(image: Pixels) -> Lab:
    """Return CIE LAB of an sRGB picture: float32 (H, W, 3), L 0-100, a and b about +-100."""
    return np.asarray(
        cv2.cvtColor(image.astype(np.float32) / np.float32(255.0), cv2.COLOR_RGB2LAB), np.float32
    )


def blur(plane: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Return a Gaussian-blurred copy; borders are reflected."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)


def shrink(image: Pixels, scale: float) -> Pixels:
    """Return the picture at ``scale`` (<= 1), averaged over areas."""
    if scale >= 1.0:
        return image
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _checked(name: str, image: Pixels) -> Pixels:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape) == 0:
        raise ValueError(
            f"{name} must be uint8 of shape (H, W, 3), got {image.dtype} {image.shape}"
        )
    return image


def _same_frame(source: Pixels, edited: Pixels) -> Pixels:
    if source.shape == edited.shape:
        return edited
    height, width = source.shape[:2]
    stretch = (edited.shape[1] / edited.shape[0]) / (width / height)
    if abs(stretch - 1.0) > _ASPECT_TOLERANCE:
        raise ValueError(f"the pictures differ in shape: {source.shape} and {edited.shape}")
    return np.asarray(cv2.resize(edited, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


class Pair:
    """The source and the edited picture, at full and at working resolution.

    Working resolution is about 0.26 MP: half of the pipeline's 1 MP pictures. ``scale`` turns
    full-resolution pixels into working pixels.

    Raises:
        ValueError: not (H, W, 3) uint8, or the two shapes cannot be laid over each other.
    """

    def __init__(self, source: Pixels, edited: Pixels) -> None:
        self.source = _checked("source", source)
        self.edited = _same_frame(source, _checked("edited", edited))
        height, width = source.shape[:2]
        self.scale = min(1.0, (WORK_PIXELS / (height * width)) ** 0.5)

    @cached_property
    def small_source(self) -> Pixels:
        """The source at working resolution."""
        return shrink(self.source, self.scale)

    @cached_property
    def small_edited(self) -> Pixels:
        """The edited picture at working resolution."""
        return shrink(self.edited, self.scale)

    @cached_property
    def lab_source(self) -> Lab:
        """LAB of the source at working resolution."""
        return to_lab(self.small_source)

    @cached_property
    def lab_edited(self) -> Lab:
        """LAB of the edited picture at working resolution."""
        return to_lab(self.small_edited)

    @cached_property
    def gray_source(self) -> Plane:
        """Full-resolution luma of the source, 0-255."""
        return np.asarray(cv2.cvtColor(self.source, cv2.COLOR_RGB2GRAY), np.float32)

    @cached_property
    def gray_edited(self) -> Plane:
        """Full-resolution luma of the edited picture, 0-255."""
        return np.asarray(cv2.cvtColor(self.edited, cv2.COLOR_RGB2GRAY), np.float32)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) at working resolution."""
        return self.small_source.shape[0], self.small_source.shape[1]

    @cached_property
    def difference(self) -> Plane:
        """Smoothed colour difference (LAB Euclidean) at working resolution."""
        delta = self.lab_edited - self.lab_source
        return blur(np.sqrt(np.einsum("ijk,ijk->ij", delta, delta)), 1.5)
