"""Pairs carry what a verifier may see and nothing else."""

from dataclasses import fields

from classical.pictures import landscape
from unicedit_assets.classical.editor import ClassicalEditor
from unicedit_assets.classical.instructor import ClassicalInstructor
from unicedit_assets.classical.pairs import Pair, make_pairs
from unicedit_assets.domain.roles import Edited, EditorError, Pixels


class Refusing:
    """Refuses to zoom."""

    @property
    def identity(self) -> dict:
        return {}

    def edit(self, image: Pixels, prompt: str, seed: int) -> Edited:
        if "oom" in prompt or "closer" in prompt:
            raise EditorError("no")
        return Edited(image)


def test_one_pair_a_subtask_without_truth() -> None:
    instructor = ClassicalInstructor(choices=1)
    pairs = list(make_pairs(landscape(), instructor, ClassicalEditor(), 1))
    assert [pair.draft.subtask for pair in pairs] == list(instructor.survey(landscape()).subtasks)
    assert {field.name for field in fields(Pair)} == {"source", "edited", "draft"}


def test_refused_instructions_make_no_pair() -> None:
    pairs = list(make_pairs(landscape(), ClassicalInstructor(choices=1), Refusing(), 1))
    assert pairs
    assert "Lens Zooming" not in {pair.draft.subtask for pair in pairs}
