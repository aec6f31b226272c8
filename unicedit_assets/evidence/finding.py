"""What a checker of one operation says about a pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from unicedit_assets.domain.language import Intent
from unicedit_assets.evidence.comparison import Comparison
from unicedit_assets.evidence.pair import Mask, Plane


@dataclass(frozen=True)
class Finding:
    """How far the pictures show one operation.

    Attributes:
        operation: the operation that was looked for.
        slots: its slots as measured; the text's own words where a slot cannot be measured.
        fit: 0-1, how well the pixels look like this operation at all; below 0.5 they do not.
        conflicts: what the text says and the pictures contradict, one statement each.
        stray: difference that the operation leaves unexplained, LAB units.
        target: pixels that the operation accounts for; None for the whole picture.
        figures: measured figures worth keeping as evidence.
        steps: the findings of a compound's steps, in the text's order.
        laid: luma of the source in the asked view, full resolution; None for no other view.
    """

    operation: str
    slots: Mapping[str, str]
    fit: float
    conflicts: tuple[str, ...] = ()
    stray: Plane | None = None
    target: Mask | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    steps: tuple[Finding, ...] = ()
    laid: Plane | None = None

    @property
    def holds(self) -> bool:
        """Whether the pictures show what the text says."""
        return self.fit >= 0.5 and not self.conflicts


Checker: TypeAlias = Callable[[Comparison, Intent], Finding]


def ramp(value: float, none: float, full: float) -> float:
    """Return 0 at ``none``, 1 at ``full`` and a line between; ``full`` may be the smaller one."""
    return min(1.0, max(0.0, (value - none) / (full - none)))


def worst(*values: float) -> float:
    """Return the weakest of several conditions that must all hold."""
    return min(values)
