"""Before/after pairs of one photograph as a verifier or judge gets them: no truth attached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from unicedit_assets.classical.instructor import ClassicalInstructor
from unicedit_assets.domain.roles import Draft, Editor, EditorError, Pixels


@dataclass(frozen=True)
class Pair:
    """A source, its edit, and the instruction; what an editor recorded stays out."""

    source: Pixels
    edited: Pixels
    draft: Draft


def make_pairs(
    image: Pixels, instructor: ClassicalInstructor, editor: Editor, seed: int
) -> Iterator[Pair]:
    """Yield one pair for each subtask that the photograph allows.

    Instructions that the editor then refuses are left out.
    """
    survey = instructor.survey(image)
    for draft in instructor.write(image, survey, survey.subtasks, seed):
        if isinstance(draft, Draft):
            try:
                edited = editor.edit(image, draft.en, seed)
            except EditorError:
                continue
            yield Pair(image, edited.pixels, draft)
