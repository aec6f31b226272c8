"""What speaks against an instruction as it was written: one rule for the stage and for writers."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from unicedit_assets.domain import texts
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Draft
from unicedit_assets.domain.taxonomy import is_subtask, needs_reasoning


def objections(
    draft: Draft, asked: str | None, seen: Collection[tuple[str, str]]
) -> Iterator[tuple[Reason, str]]:
    """Yield what speaks against a draft; the first is its reason.

    Args:
        draft: what the instructor wrote.
        asked: the subtask that it answers.
        seen: (English, Chinese) of the drafts already accepted for this photograph.
    """
    if not is_subtask(draft.subtask):
        yield Reason.OFF_TAXONOMY, f"not one of the 22 subtasks: {draft.subtask!r}"
    elif draft.subtask != asked:
        yield Reason.OFF_TAXONOMY, f"{draft.subtask!r} instead of {asked!r}"
    elif not _pointed(draft, needs_reasoning(asked)):
        yield Reason.UNPARSEABLE, "reasoning points where none belong, or none where they do"
    if not draft.en.strip() or not draft.cn.strip():
        yield Reason.UNPARSEABLE, "an empty text"
    for text in (draft.en, *draft.reasoning_points):
        if not texts.is_english(text):
            yield Reason.WRONG_LANGUAGE, f"not English: {text!r}"
    for text in (draft.cn, *draft.reasoning_points_cn):
        if not texts.is_chinese(text):
            yield Reason.WRONG_LANGUAGE, f"not Chinese: {text!r}"
    if (draft.en, draft.cn) in seen:
        yield Reason.DUPLICATE, "the same instruction on the same photograph"


def _pointed(draft: Draft, needed: bool) -> bool:
    """Tell whether both languages have reasoning points, or neither has, as the subtask needs."""
    return {bool(draft.reasoning_points), bool(draft.reasoning_points_cn)} == {needed}
