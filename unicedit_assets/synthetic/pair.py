"""One synthetic pair: two pictures, what was said, what was done; every field is exact truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from unicedit_assets.domain.roles import Pixels


class Kind(StrEnum):
    """What a pair is an example of (paper, Qwen-Verify; issue 4).

    ``HALLUCINATION`` is the right target with a wrong action or attribute in the text;
    ``MISALIGNED`` is another target; in both the pictures are well and the text is wrong.
    """

    NORMAL = "normal"
    NO_EDIT = "no_edit"
    HALLUCINATION = "hallucination"
    MISALIGNED = "misaligned"
    COLLATERAL = "collateral"
    DEGRADED = "degraded"
    SHIFTED = "shifted"


@dataclass(frozen=True)
class Wording:
    """An instruction in both languages, and what it claims.

    Attributes:
        slots: claim -> canonical English word; a subset of ``operation``, ``target``,
            ``attribute``, ``direction``, ``count`` (the last as digits). Two wordings mean the
            same exactly when their slots are equal.
    """

    en: str
    cn: str
    slots: Mapping[str, str]


@dataclass(frozen=True)
class SyntheticPair:
    """A source, an edit, and the whole truth about them.

    Attributes:
        key: 32 hex digits, unique by construction.
        scene_id: the source scene's hash; splits go by it, so that no scene leaks.
        strength: 0 (invisible) to 1, of the edit or of the planted failure.
        source, edited: uint8 (H, W, 3), sRGB, one size.
        mask: bool (H, W), where the edited picture was meant to change or a failure changed it.
        said: the instruction as the verifier sees it; wrong for HALLUCINATION and MISALIGNED.
        true: what really changed, in canonical wording; None when nothing did.
        rejected: ``true`` with one claim changed: a hard negative for preference training; None
            when nothing changed.
        altered: the slot in which ``rejected`` (and for HALLUCINATION ``said``) is wrong.
        reasoning_points, reasoning_points_cn: facts to check, for reasoning subtasks.
        differences: what changed, one English statement each; empty when nothing did.
        classes: the object classes in the scene; held-out splits go by them.
        template: which wording template ``said`` was made with; held-out splits go by it.
        vague: whether ``said`` leaves a claim open that ``true`` fills ("another colour").
        photograph: which of the specification's backgrounds is behind the source; None: none is.
        cutouts: the names of the cut-outs that stand in either picture.
    """

    key: str
    scene_id: str
    subtask: str
    kind: Kind
    strength: float
    source: Pixels = field(repr=False)
    edited: Pixels = field(repr=False)
    mask: NDArray[np.bool_] = field(repr=False)
    said: Wording
    true: Wording | None
    rejected: Wording | None
    altered: str
    source_caption: str
    edit_caption: str
    differences: tuple[str, ...]
    is_changed: bool
    reasoning_points: tuple[str, ...] = ()
    reasoning_points_cn: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    template: str = ""
    vague: bool = False
    photograph: int | None = None
    cutouts: tuple[str, ...] = ()
