"""What an operation on a scene yields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unicedit_assets.synthetic.scene import Scene


@dataclass(frozen=True)
class Edit:
    """An operation carried out on a scene graph.

    Attributes:
        before, after: the two scenes.
        slots: what was done, as claims.
        wrong: slot -> values with which the claim is false of this pair.
        others: referring expressions that exist in ``before`` and were left alone.
        misread: the claims about another target, where changing ``target`` alone would be odd.
        differences: English statements, one for each thing that changed.
        points: what a right result must show, English and Chinese; reasoning subtasks only.
        touched: items of ``after`` that a collateral change must leave alone.
    """

    before: Scene
    after: Scene
    slots: Mapping[str, str]
    wrong: Mapping[str, tuple[str, ...]]
    others: tuple[str, ...] = ()
    misread: Mapping[str, str] | None = None
    differences: tuple[str, ...] = ()
    points: tuple[tuple[str, str], ...] = ()
    touched: frozenset[int] = field(default_factory=frozenset)
