"""Regions that an instruction can name: a kind, a colour and a place, with their mask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from unicedit_assets.classical import colours, places
from unicedit_assets.classical.colours import Floats
from unicedit_assets.classical.masks import Box, Mask, box_of
from unicedit_assets.classical.places import Point


@dataclass(frozen=True)
class Region:
    """A part of the picture at analysis scale.

    Attributes:
        kind: a word of the ``kind`` lexicon.
        colour: the colour word of its mean.
        place: the place of its centre.
        mask: (h, w) at analysis scale.
        share: its area as a share of the picture.
        centre: its centre of mass.
        lab: mean CIE Lab, shape (3,).
        spread: standard deviation of Lab inside (all channels together).
        purity: share of its pixels that carry its colour word themselves.
        margin: how far its centre is from another place's cell (share of a side).
    """

    kind: str
    colour: str
    place: str
    mask: Mask
    share: float
    centre: Point
    lab: Floats
    spread: float
    purity: float
    margin: float

    @property
    def box(self) -> Box:
        """Bounding box at analysis scale."""
        return box_of(self.mask)


def describe(kind: str, mask: Mask, lab: Floats, names: colours.Names) -> Region:
    """Measure a region. ``lab`` is (h, w, 3), ``names`` (h, w), both at the mask's scale."""
    rows, columns = np.nonzero(mask)
    height, width = mask.shape
    centre = Point(float(columns.mean() + 0.5) / width, float(rows.mean() + 0.5) / height)
    values = lab[mask]
    mean = np.asarray(values.mean(axis=0), np.float32)
    colour = colours.name_of(mean)
    word = colours.WORDS.index(colour)
    return Region(
        kind=kind,
        colour=colour,
        place=places.place_of(centre),
        mask=mask,
        share=len(rows) / mask.size,
        centre=centre,
        lab=mean,
        spread=float(np.sqrt(values.var(axis=0).sum())),
        purity=float((names[mask] == word).mean()),
        margin=places.certainty(centre),
    )


def components(mask: Mask, least: int) -> Iterable[Mask]:
    """Yield the connected parts of a mask that have at least ``least`` pixels."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S
    )
    for label in range(1, count):
        if stats[label, cv2.CC_STAT_AREA] >= least:
            yield np.asarray(labels == label)


def unambiguous(regions: Sequence[Region], dominance: float = 3.0) -> tuple[Region, ...]:
    """Keep the regions that their words single out, the larger first.

    Of several with the same kind, colour and place, the largest stays if it dwarfs the others.
    """
    kept = []
    for region in sorted(regions, key=lambda r: (-r.share, r.centre)):
        rivals = [
            other.share for other in regions if other is not region and same_words(other, region)
        ]
        if not rivals or region.share > dominance * max(rivals):
            kept.append(region)
    return tuple(kept)


def same_words(one: Region, other: Region) -> bool:
    """Tell whether two regions would be named alike."""
    return (one.kind, one.colour, one.place) == (other.kind, other.colour, other.place)


def holds_its_centre(region: Region) -> bool:
    """Tell whether the region lies around its centre of mass, so that its place names it."""
    height, width = region.mask.shape
    y, x = int(region.centre.y * height), int(region.centre.x * width)
    window = region.mask[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
    return bool(window.mean() > 0.6)
