"""What the classical instructor and editor see in a photograph.

The analysis works on a copy of at most ``ANALYSIS_SIDE`` pixels and is lazy: an operation on the
whole picture pays for nothing. It is a function of the pixels alone, so that the editor finds
again what the instructor named.
"""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np

from unicedit_assets.classical import areas, colours, isolation, masks, places, skyline
from unicedit_assets.classical.colours import Floats, Names
from unicedit_assets.classical.masks import Mask
from unicedit_assets.classical.regions import Region, describe
from unicedit_assets.classical.subject import PERSON, PlainGroundSubject, SubjectFinder
from unicedit_assets.domain.roles import EditorError, Pixels

ANALYSIS_SIDE = 384


class Scene:
    """One photograph and what can be named in it.

    Args:
        image: uint8 RGB, shape (H, W, 3).
        finder: finds the main subject; a subject before a plain ground by default.
    """

    def __init__(self, image: Pixels, finder: SubjectFinder | None = None) -> None:
        self.image = image
        self._alphas: dict[int, Floats] = {}
        self.rooms: dict[str, object] = {}
        self.finder: SubjectFinder = finder or PlainGroundSubject()

    @property
    def height(self) -> int:
        """Height of the photograph in pixels."""
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        """Width of the photograph in pixels."""
        return int(self.image.shape[1])

    @cached_property
    def small(self) -> Pixels:
        """The photograph at analysis scale."""
        scale = min(1.0, ANALYSIS_SIDE / max(self.width, self.height))
        size = (max(8, round(self.width * scale)), max(8, round(self.height * scale)))
        return np.asarray(cv2.resize(self.image, size, interpolation=cv2.INTER_AREA), np.uint8)

    @cached_property
    def lab(self) -> Floats:
        """CIE Lab at analysis scale."""
        return colours.to_lab(self.small)

    @cached_property
    def names(self) -> Names:
        """Colour word (index) of each pixel at analysis scale."""
        return colours.name_indices(self.lab)

    @cached_property
    def areas(self) -> tuple[Region, ...]:
        """Areas that colour and place single out."""
        return areas.colour_areas(self.lab, self.names)

    @cached_property
    def objects(self) -> tuple[Region, ...]:
        """Small things on even surroundings that colour and place single out."""
        return isolation.isolated_objects(self.lab, self.names)

    @cached_property
    def sky_mask(self) -> Mask | None:
        """The sky at analysis scale, when there clearly is one."""
        return skyline.sky(self.lab)

    @cached_property
    def sky(self) -> Region | None:
        """The sky as a region."""
        return self._region("sky", self.sky_mask)

    @cached_property
    def landscape(self) -> Region | None:
        """Everything below the sky."""
        return self._region("landscape", None if self.sky_mask is None else ~self.sky_mask)

    @cached_property
    def subject(self) -> Region | None:
        """The main subject, when it can be cut out cleanly; under a sky only a person is one."""
        found = self.finder.find(self.small, self.lab)
        if found is None or (self.sky_mask is not None and found.kind != PERSON):
            return None
        return self._region(found.kind, found.mask)

    def _region(self, kind: str, mask: Mask | None) -> Region | None:
        return None if mask is None else describe(kind, mask, self.lab, self.names)

    def of_kind(self, kind: str) -> tuple[Region, ...]:
        """Return the regions of a kind, the likeliest first."""
        if kind == "area":
            return self.areas
        if kind == "object":
            return self.objects
        region = {
            "sky": lambda: self.sky,
            "landscape": lambda: self.landscape,
            "subject": lambda: self.subject,
            PERSON: lambda: self.subject,
        }.get(kind, lambda: None)()
        if region is None or (kind == PERSON and region.kind != PERSON):
            return ()
        return (region,)

    def find(self, kind: str, colour: str = "", place: str = "") -> Region:
        """Return the region that the words name best.

        The colour must be right; the place may be one step off, for a centre near a border.

        Raises:
            EditorError: the picture holds no such region.
        """
        fitting = [
            region
            for region in self.of_kind(kind)
            if (not colour or region.colour == colour)
            and (not place or places.distance(region.place, place) <= 1)
        ]
        if not fitting:
            words = " ".join(word for word in (colour, kind, place.replace("_", " ")) if word)
            raise EditorError(f"the picture has no {words} that can be told apart")
        return min(fitting, key=lambda r: (r.place != place, -r.share))

    def alpha(self, region: Region) -> Floats:
        """Return the region's soft mask at full size."""
        # The scene keeps its regions, so an identity stays that of one region.
        if id(region) not in self._alphas:
            self._alphas[id(region)] = masks.soft_mask(self.image, region.mask)
        return self._alphas[id(region)]
