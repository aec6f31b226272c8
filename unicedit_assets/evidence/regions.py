"""Changed regions gathered into groups, and the group that an instruction's words point at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from unicedit_assets.evidence.change import centroid, place_gap
from unicedit_assets.evidence.colours import colour_gap, mean_colour, median_colour
from unicedit_assets.evidence.comparison import Comparison
from unicedit_assets.evidence.pair import Mask
from unicedit_assets.evidence.structure import grown, shrunk


@dataclass(frozen=True)
class Group:
    """Changed regions that lie close together.

    Attributes:
        mask: their pixels.
        area: share of the picture.
        centre: centroid, shares of width and height.
        box: (x0, y0, x1, y1), shares of width and height.
        was, now: median LAB colour inside, before and after.
        mean: mean LAB colour inside, before.
    """

    mask: Mask
    area: float
    centre: tuple[float, float]
    box: tuple[float, float, float, float]
    was: tuple[float, float, float]
    now: tuple[float, float, float]
    mean: tuple[float, float, float]

    def gap_to(self, name: str) -> float:
        """Return how far the former colour lies outside a named range, by median or by mean."""
        return min(colour_gap(self.was, name), colour_gap(self.mean, name))

    @property
    def box_centre(self) -> tuple[float, float]:
        """Middle of the bounding box."""
        return ((self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2)

    @property
    def slimness(self) -> float:
        """Height over width of the bounding box, as shares."""
        return (self.box[3] - self.box[1]) / max(self.box[2] - self.box[0], 1e-6)


def group_of(view: Comparison, mask: Mask) -> Group:
    """Describe a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = mask.shape
    core = shrunk(mask, 2)
    core = core if core.sum() > 0.2 * mask.sum() else mask
    return Group(
        mask,
        float(mask.mean()),
        centroid(mask),
        (
            float(columns[0] / width),
            float(rows[0] / height),
            float((columns[-1] + 1) / width),
            float((rows[-1] + 1) / height),
        ),
        median_colour(view.pair.lab_source, core),
        median_colour(view.after, core),
        mean_colour(view.pair.lab_source, mask),
    )


def gather(view: Comparison, reach: int, mask: Mask | None = None) -> tuple[Group, ...]:
    """Join changed regions whose gap is below ``2 * reach`` pixels; largest first."""
    changed = view.changes.mask if mask is None else mask
    joined = grown(changed, reach) if reach else changed
    count, labels = cv2.connectedComponents(joined.astype(np.uint8), connectivity=8)
    groups = []
    for label in range(1, count):
        part = (labels == label) & changed
        if part.mean() >= view.settings.least_area:
            groups.append(group_of(view, part))
    return tuple(sorted(groups, key=lambda g: (-g.area, g.centre)))


def pointed_at(
    view: Comparison, groups: tuple[Group, ...], slots: Mapping[str, str]
) -> Group | None:
    """Return the group that the words (colour, place) describe best; None without groups.

    Place and former colour count as penalties in units of their margins; size breaks ties, because
    a larger change is what a reader looks for.
    """
    settings = view.settings

    def cost(group: Group) -> float:
        far = place_gap(group.centre, slots["place"]) / settings.place_margin
        off = group.gap_to(slots["colour"]) / settings.named_margin
        return far + off - 0.25 * float(np.log2(max(group.area, 1e-5)))

    return min(groups, key=cost, default=None)


def named_conflicts(view: Comparison, group: Group, slots: Mapping[str, str]) -> list[str]:
    """Return what contradicts that this group is the thing the words name."""
    conflicts = []
    if place_gap(group.centre, slots["place"]) > view.settings.place_margin:
        conflicts.append(f"the change is not {slots['place']}")
    if group.gap_to(slots["colour"]) > view.settings.named_margin:
        conflicts.append(f"what changed was not {slots['colour']}")
    return conflicts
