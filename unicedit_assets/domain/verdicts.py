"""Whether what a verifier answered is a verdict: one rule for the pipeline and for strangers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from numbers import Real

from unicedit_assets.domain import texts
from unicedit_assets.domain.reasons import STAGE_REASONS
from unicedit_assets.domain.roles import Verdict

_REASONS = STAGE_REASONS["verified_edits"]


def flaws(verdict: object) -> Iterator[str]:
    """Yield what is wrong with a verifier's answer; a sound verdict yields nothing.

    A verdict that is no number, or that contradicts itself, is the verifier's failure with this one
    edit. It must neither pass the gate nor make everything around it unusable.
    """
    if not isinstance(verdict, Verdict):
        yield f"a {type(verdict).__name__}"
        return
    if verdict.reason is not None and verdict.reason not in _REASONS:
        yield f"it cannot reject for {verdict.reason!r}"
    if not (_finite(verdict.confidence) and 0 <= verdict.confidence <= 1):
        yield f"confidence {verdict.confidence!r}"
    for name, value in verdict.evidence.items():
        if not (texts.is_text(name) and _finite(value)):
            yield f"evidence {name!r} is {value!r}"
    said = (verdict.rewritten_en, verdict.rewritten_cn, verdict.source_caption)
    if not all(
        map(texts.is_text, (*said, verdict.edit_caption, verdict.detail, *verdict.differences))
    ):
        yield "a text that cannot be stored"
    if not all(len(box) == 4 and all(map(_finite, box)) for box in verdict.regions):
        yield "a region that is no box"
    if verdict.reason is None and not (verdict.is_changed and verdict.differences):
        yield "it accepts an edit in which nothing changed"


def _finite(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def misworded(verdict: Verdict) -> str:
    """Return what is wrong with the language of the rewritten texts, or nothing."""
    if verdict.rewritten_en and not texts.is_english(verdict.rewritten_en):
        return f"the rewritten instruction is not English: {verdict.rewritten_en!r}"
    if verdict.rewritten_cn and not texts.is_chinese(verdict.rewritten_cn):
        return f"the rewritten instruction is not Chinese: {verdict.rewritten_cn!r}"
    return ""
