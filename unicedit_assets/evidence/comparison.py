"""Everything measured about one pair, each figure once and only when somebody asks for it."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from unicedit_assets.domain.roles import Pixels
from unicedit_assets.evidence import registration
from unicedit_assets.evidence.change import Changes, find_changes, noise_floor
from unicedit_assets.evidence.pair import Lab, Pair, Plane, blur, to_lab
from unicedit_assets.evidence.registration import Pose, Slip, View
from unicedit_assets.evidence.settings import EvidenceSettings
from unicedit_assets.evidence.structure import kept_structure
from unicedit_assets.evidence.tone import Grade, ToneFit, fit_tone, grade_of

_ENOUGH_TILES = 9


def distance(first: Lab, second: Lab) -> Plane:
    """Return the smoothed colour distance of two LAB pictures."""
    delta = first - second
    return blur(np.sqrt(np.einsum("ijk,ijk->ij", delta, delta)), 1.5)


class Comparison:
    """The measurements of one pair at working resolution.

    Args:
        pair: the two pictures.
        settings: thresholds.
        before, after: working-resolution RGB pictures to use instead of the pair's own, when one
            step of a compound has been taken out of them (a grade applied to the source, a view
            undone).
    """

    def __init__(
        self,
        pair: Pair,
        settings: EvidenceSettings,
        before: Pixels | None = None,
        after: Pixels | None = None,
    ) -> None:
        self.pair = pair
        self.settings = settings
        self.small_before = pair.small_source if before is None else before
        self.small_after = pair.small_edited if after is None else after

    @cached_property
    def before(self) -> Lab:
        """LAB of the source (or of what stands for it)."""
        same = self.small_before is self.pair.small_source
        return self.pair.lab_source if same else to_lab(self.small_before)

    @cached_property
    def after(self) -> Lab:
        """LAB of the edited picture (or of what stands for it)."""
        same = self.small_after is self.pair.small_edited
        return self.pair.lab_edited if same else to_lab(self.small_after)

    @cached_property
    def difference(self) -> Plane:
        """Smoothed colour difference."""
        return distance(self.before, self.after)

    @cached_property
    def changes(self) -> Changes:
        """Changed mask and regions."""
        settings = self.settings
        return find_changes(self.difference, settings.change, settings.least_area)

    @cached_property
    def noise(self) -> float:
        """Difference in the least changed third of the picture: 0 for a local edit."""
        return noise_floor(self.difference)

    @cached_property
    def net_area(self) -> float:
        """Share of the picture whose mean colour changed.

        Local means keep every edit and lose what re-encoding does: grain, and colour that bleeds
        to both sides of an edge.
        """
        net = blur(self.after - self.before, 3.0)
        return float((np.einsum("ijk,ijk->ij", net, net) > self.settings.net_change**2).mean())

    @property
    def is_unchanged(self) -> bool:
        """Whether the pictures only differ by what re-encoding does."""
        return self.net_area < self.settings.no_edit_area and self.noise < 2.0

    @cached_property
    def tone(self) -> ToneFit:
        """The colour map that explains most of the picture."""
        return fit_tone(self.small_before, self.small_after)

    @cached_property
    def grade(self) -> Grade:
        """How the colours changed, leaving out parts that do not follow the rest."""
        trusted = self.tone.residual < 10.0
        if trusted.mean() < 0.3:
            trusted = np.ones_like(trusted)
        return grade_of(self.before, self.after, trusted)

    @cached_property
    def structure(self) -> float:
        """Correlation of the whole picture's fine lightness structure before and after."""
        first, second = (np.ascontiguousarray(lab[..., 0]) for lab in (self.before, self.after))
        return kept_structure(first, second, np.ones(first.shape, bool))

    @cached_property
    def wiped(self) -> float:
        """Share of the structured part of the source that shows no structure at all any more."""
        rough = [
            blur(np.abs(light - blur(light, 2.0)), 4.0)
            for light in (np.ascontiguousarray(lab[..., 0]) for lab in (self.before, self.after))
        ]
        structured = rough[0] > 0.6
        if structured.mean() < 0.02:
            return 0.0
        return float((rough[1][structured] < 0.04).mean())

    @cached_property
    def slip(self) -> Slip:
        """The common small move of the content, from edges or, where clearer, other structure."""
        first, second = (np.ascontiguousarray(lab[..., 0]) for lab in (self.before, self.after))
        best = registration.NO_SLIP
        for structure in (registration.edges, registration.relief, registration.outlines):
            slip = registration.find_slip(structure(first), structure(second))
            best = max(best, slip, key=lambda s: s.support * min(s.tiles, 24))
            if best.support >= 0.6 and best.tiles >= 24:
                return best
        if best.tiles * best.support >= _ENOUGH_TILES:
            return best
        fine = registration.find_slip(
            registration.edges(first), registration.edges(second), registration.FINE
        )
        return fine if fine.support * fine.tiles >= _ENOUGH_TILES else best

    @cached_property
    def view(self) -> View | None:
        """The homography between the pictures, by matched features."""
        first, second = (lab[..., 0] * np.float32(2.55) for lab in (self.before, self.after))
        return registration.find_view(first, second)

    @cached_property
    def pose(self) -> Pose | None:
        """What the homography does."""
        return (
            None if self.view is None else registration.pose_of(self.view.matrix, *self.pair.shape)
        )

    @property
    def is_still(self) -> bool:
        """Whether the content lies where it lay, but for a slip."""
        return self.slip.support >= self.settings.slip_support and self.slip.tiles >= 8

    @property
    def slip_reach(self) -> float:
        """How far the slip moves the picture's corners at most, full-resolution pixels."""
        return float(self.slip.reach / self.pair.scale)
