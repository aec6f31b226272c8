"""The embedded instructor proposes what can be done, and words it in both languages."""

from collections.abc import Sequence

import numpy as np
import pytest

from classical.pictures import SCENES, gray_gradient, landscape, photographs, sea, still_life
from unicedit_assets.classical.editor import ClassicalEditor
from unicedit_assets.classical.instructor import ClassicalInstructor
from unicedit_assets.domain import language
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Draft, Pixels, Refusal, Survey
from unicedit_assets.domain.taxonomy import is_subtask, needs_reasoning


def drafts(image: Pixels, seed: int = 0) -> Sequence[Draft]:
    instructor = ClassicalInstructor()
    survey = instructor.survey(image)
    written = instructor.write(image, survey, survey.subtasks, seed)
    assert all(isinstance(draft, Draft) for draft in written)
    return [draft for draft in written if isinstance(draft, Draft)]


@pytest.mark.parametrize("picture", [*SCENES.values(), gray_gradient])
def test_at_least_three_subtasks_fit_any_picture(picture) -> None:
    survey = ClassicalInstructor().survey(picture())
    assert len(survey.subtasks) >= 3
    assert all(is_subtask(subtask) for subtask in survey.subtasks)
    assert set(survey.notes) == set(survey.subtasks)


def test_what_a_picture_lacks_is_not_proposed() -> None:
    survey = ClassicalInstructor().survey(gray_gradient())
    assert "Subject Removal" not in survey.subtasks
    assert "Object Extraction" not in survey.subtasks
    tones = {intent["slots"]["tone"] for intent in survey.notes["Tone Transformation"]}
    assert not tones & {"black_and_white", "vivid"}


def test_each_kind_of_picture_gets_its_own_subtasks() -> None:
    wanted = {
        "Background Change": still_life,
        "Object Extraction": still_life,
        "Subject Removal": sea,
        "Counting Change": sea,
        "Spatial Reasoning Edits": sea,
        "Shape-Size Alteration": landscape,
        "Subject Addition": landscape,
        "Color Alteration": landscape,
        "Texture Editing": landscape,
        "Compound Operation Edits": landscape,
    }
    found = {
        picture: ClassicalInstructor(choices=1).survey(picture()).subtasks
        for picture in set(wanted.values())
    }
    for subtask, picture in wanted.items():
        assert subtask in found[picture], subtask


@pytest.mark.parametrize("name", [*SCENES, "photographs"])
def test_the_editor_can_do_all_that_is_written_in_both_languages(name: str) -> None:
    editor = ClassicalEditor()
    for image in photographs(2) if name == "photographs" else [SCENES[name]()]:
        for draft in drafts(image):
            intent = language.parse(draft.en)
            assert intent is not None
            assert intent == language.parse(draft.cn)
            assert language.subtask_of(intent.operation) == draft.subtask
            edited = editor.edit(image, draft.en, 11).pixels
            np.testing.assert_array_equal(edited, editor.edit(image, draft.cn, 11).pixels)


def test_reasoning_subtasks_carry_points_and_others_do_not() -> None:
    for draft in drafts(landscape()):
        reasoned = needs_reasoning(draft.subtask)
        assert (2 <= len(draft.reasoning_points) <= 4) == reasoned
        assert len(draft.reasoning_points) == len(draft.reasoning_points_cn)


def test_survey_and_writing_repeat_and_the_seed_chooses() -> None:
    image = landscape()
    instructor = ClassicalInstructor()
    survey = instructor.survey(image)
    assert survey == instructor.survey(image.copy())
    asked = ["Tone Transformation"] * 1
    said = {str(instructor.write(image, survey, asked, seed)) for seed in range(12)}
    assert len(said) > 4
    assert instructor.write(image, survey, asked, 5) == instructor.write(image, survey, asked, 5)


def test_what_was_not_surveyed_is_refused() -> None:
    instructor = ClassicalInstructor()
    survey = Survey(("Tone Transformation",), {"Tone Transformation": ["garbled"]})
    written = instructor.write(landscape(), survey, ["Portrait Editing", "Tone Transformation"], 0)
    reasons = [refusal.reason for refusal in written if isinstance(refusal, Refusal)]
    assert reasons == [Reason.INFEASIBLE, Reason.INSTRUCTOR_FAILED]


def test_the_identity_names_the_wordings() -> None:
    assert ClassicalInstructor().identity["prompt_sha256"] == language.prompt().sha256
    assert ClassicalInstructor(choices=3).identity != ClassicalInstructor().identity
