"""The main subject of a photograph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np

from unicedit_assets.classical import colours, masks
from unicedit_assets.classical.colours import Floats, edge_strength
from unicedit_assets.classical.fitting import least_squares, surface
from unicedit_assets.classical.masks import Mask
from unicedit_assets.classical.regions import components
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.roles import Pixels

PERSON = "person"


class Found(NamedTuple):
    """A main subject: its word in the ``kind`` lexicon (subject, person) and its mask."""

    kind: str
    mask: Mask


class SubjectFinder(Protocol):
    """Finds the one main subject of a photograph; a person-mask model may play this role."""

    @property
    def identity(self) -> Mapping[str, Json]:
        """What can change what is found."""
        ...

    def find(self, image: Pixels, lab: Floats) -> Found | None:
        """Return the subject at the small image's scale, or None when it is not clean."""
        ...


class PlainGroundSubject:
    """Finds a subject before a plain ground: a wall, a table, the sea seen from above.

    A quadratic surface of light and colour is fitted to the picture's frame, robustly, since the
    subject may reach it. What departs from the surface is the subject, if the frame fits well, one
    part dominates and its outline is sharp.
    """

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"name": "plain_ground", "version": 1}

    def find(self, image: Pixels, lab: Floats) -> Found | None:
        """Return the subject, or None when it is not clean."""
        mask = self._mask(lab)
        return None if mask is None else Found("subject", mask)

    def _mask(self, lab: Floats) -> Mask | None:
        off, uneven = self._departure(lab)
        if uneven > 7:
            return None
        edges = edge_strength(lab)
        best, best_sharp = None, 2.2
        # The level whose outline runs along the sharpest edges is where the subject ends.
        for level in (11, 15, 20, 26, 33):
            subject = self._largest(off > max(level, 2 * uneven))
            if subject is None:
                continue
            sharp = float(np.quantile(edges[_inner_rim(subject)], 0.15))
            if sharp > best_sharp and self._clean(subject, off > max(level, 14)):
                best, best_sharp = subject, sharp
        return best if best is not None and self._set_off(best, edges) else None

    def _set_off(self, subject: Mask, edges: Floats) -> bool:
        """Tell whether the ground is plain, or the subject so compact that texture cannot be it."""
        ground = float(edges[~masks.grown(subject, 5)].mean())
        return ground < 1.4 or masks.solidity(subject) > 0.92

    def _largest(self, away: Mask) -> Mask | None:
        parts = list(components(masks.opened(masks.closed(away, 2), 2), 60))
        return masks.filled(max(parts, key=lambda p: int(p.sum()))) if parts else None

    def _departure(self, lab: Floats) -> tuple[Floats, float]:
        height, width = lab.shape[:2]
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        basis = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], -1)
        depth = max(3, min(height, width) // 16)
        frame = np.ones((height, width), np.bool_)
        frame[depth:, depth:-depth] = False
        frame[height * 2 // 3 :] = False
        known, values = basis[frame][::5], lab[frame][::5]
        keep = np.ones(len(values), np.bool_)
        for share in (0.75, 0.7, 0.65, 0.65):
            fit = least_squares(known[keep], values[keep])
            apart = colours.distance(values, surface(known, fit))
            keep = apart <= np.quantile(apart, share)
        return colours.distance(lab, surface(basis, fit)), float(np.quantile(apart, 0.6))

    def _clean(self, subject: Mask, away: Mask) -> bool:
        share = float(subject.mean())
        sides = subject[:, :2].mean() < 0.45 and subject[:, -2:].mean() < 0.45
        if not 0.015 < share < 0.65 or subject[:2].any() or not sides:
            return False
        if masks.solidity(subject) < 0.72:
            return False
        # What else departs from the ground must be little, or the ground is not plain.
        return bool((away & ~masks.grown(subject, 3)).sum() < 0.15 * subject.sum())


def _inner_rim(mask: Mask) -> Mask:
    rim = masks.grown(mask, 1) & ~masks.shrunk(mask, 1)
    rim[:2] = rim[-2:] = False
    rim[:, :2] = rim[:, -2:] = False
    return rim
