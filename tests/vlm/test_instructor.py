"""The instructor: what it asks, what it keeps, what it asks for again, and what it hands on."""

from __future__ import annotations

from typing import Any

import pytest

from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Draft, Refusal, Survey
from unicedit_assets.domain.taxonomy import SUBTASKS, needs_reasoning
from unicedit_assets.vlm.instructor import InstructorOptions, VlmInstructor
from unicedit_assets.vlm.prompting import prompt, prompt_sha256
from unicedit_assets.vlm.roles import FailureKind, VlmError
from vlm.scripted import ScriptedVlm, picture

COLOR, ZOOM, SPATIAL = "Color Alteration", "Lens Zooming", "Spatial Reasoning Edits"
SURVEY = Survey((COLOR, ZOOM, SPATIAL), {"scene": "a street"})


def entry(subtask: str, en: str = "", **other: Any) -> dict[str, Any]:
    points = needs_reasoning(subtask) if subtask in SUBTASKS else False
    return {
        "subtask": subtask,
        "feasible": True,
        "why_not": "",
        "en": en or f"Do the {subtask} on the car.",
        "cn": f"请对汽车进行编辑{SUBTASKS.index(subtask) if subtask in SUBTASKS else ''}。",
        "reasoning_points": ["The car is red."] if points else [],
        "reasoning_points_cn": ["汽车是红色的。"] if points else [],
        **other,
    }


def wrote(*replies: Any, subtasks: tuple[str, ...] = (COLOR, ZOOM)) -> tuple[Any, ScriptedVlm]:
    vlm = ScriptedVlm(*replies)
    return VlmInstructor(vlm).write(picture(), SURVEY, subtasks, 7), vlm


def test_the_survey_returns_what_the_model_finds_in_the_taxonomys_order() -> None:
    said = {"scene": "a street", "objects": ["a car"], "subtasks": [ZOOM, COLOR, ZOOM]}
    survey = VlmInstructor(ScriptedVlm(said)).survey(picture())
    assert survey == Survey((COLOR, ZOOM), {"scene": "a street", "objects": ["a car"]})


def test_a_survey_off_the_taxonomy_is_asked_for_again_and_then_an_error() -> None:
    vlm = ScriptedVlm({"scene": "", "objects": [], "subtasks": ["Colour"]})
    with pytest.raises(VlmError, match="must be one of"):
        VlmInstructor(vlm).survey(picture())
    assert len(vlm.asked) == InstructorOptions().attempts
    assert "could not be used" in vlm.asked[1].text
    assert vlm.asked[0].seed != vlm.asked[1].seed


def test_without_a_survey_all_subtasks_are_offered_and_nothing_is_asked() -> None:
    vlm = ScriptedVlm("never")
    survey = VlmInstructor(vlm, InstructorOptions(survey=False)).survey(picture())
    assert survey.subtasks == SUBTASKS
    assert vlm.asked == []


def test_it_asks_for_exactly_the_chosen_subtasks_with_image_first_and_notes() -> None:
    drafts, vlm = wrote({"instructions": [entry(COLOR), entry(ZOOM)]})
    assert [type(draft) for draft in drafts] == [Draft, Draft]
    (asked,) = vlm.asked
    items = asked.schema["properties"]["instructions"]["items"]
    assert items["properties"]["subtask"]["enum"] == [COLOR, ZOOM]
    assert asked.text.count("\n- ") >= 2
    assert "a street" in asked.text
    assert "Subject Removal:" not in asked.text
    assert len(asked.images) == 1


def test_reasoning_points_come_in_both_languages() -> None:
    drafts, _ = wrote({"instructions": [entry(SPATIAL)]}, subtasks=(SPATIAL,))
    assert drafts[0].reasoning_points == ("The car is red.",)
    assert drafts[0].reasoning_points_cn == ("汽车是红色的。",)


@pytest.mark.parametrize(
    ("poor", "told"),
    [
        (entry(ZOOM, "把镜头拉近。"), "not English"),
        (entry(ZOOM, cn="Zoom in."), "not Chinese"),
        (entry(ZOOM, reasoning_points=["x"], reasoning_points_cn=["好"]), "reasoning points"),
        (entry(ZOOM, reasoning_points=["x"]), "reasoning points"),
        (entry(ZOOM, reasoning_points_cn=["好"]), "reasoning points"),
        (entry("Zooming"), "instead of|not one of"),
        (entry(ZOOM, en=entry(COLOR)["en"], cn=entry(COLOR)["cn"]), "same instruction"),
        (entry(ZOOM, en=" "), "empty text"),
    ],
)
def test_only_the_poor_entry_is_asked_for_again_and_told_why(
    poor: dict[str, Any], told: str
) -> None:
    drafts, vlm = wrote(
        {"instructions": [entry(COLOR), poor]}, {"instructions": [entry(ZOOM, "Zoom in on it.")]}
    )
    assert [(d.subtask, d.en) for d in drafts] == [
        (COLOR, entry(COLOR)["en"]),
        (ZOOM, "Zoom in on it."),
    ]
    again = vlm.asked[1]
    assert again.schema["properties"]["instructions"]["items"]["properties"]["subtask"]["enum"] == [
        ZOOM
    ]
    assert any(word in again.text for word in told.split("|"))


def test_what_stays_poor_is_handed_on_as_written_for_the_stage_to_reject() -> None:
    drafts, vlm = wrote({"instructions": [entry(ZOOM, "把镜头拉近。")]}, subtasks=(ZOOM,))
    assert len(vlm.asked) == 3
    assert drafts == [Draft(ZOOM, "把镜头拉近。", entry(ZOOM)["cn"])]


def test_infeasible_is_a_refusal_and_not_asked_for_again() -> None:
    reply = {"instructions": [entry(COLOR, feasible=False, why_not="no car", en="", cn="")]}
    drafts, vlm = wrote(reply, subtasks=(COLOR,))
    assert drafts == [Refusal(COLOR, Reason.INFEASIBLE, "no car")]
    assert len(vlm.asked) == 1


def test_a_repeated_entry_takes_no_other_subtasks_place() -> None:
    again = entry(COLOR, "Paint it once more.")
    drafts, vlm = wrote({"instructions": [entry(COLOR), again, entry(ZOOM)]})
    assert [draft.en for draft in drafts] == [entry(COLOR)["en"], entry(ZOOM)["en"]]
    assert len(vlm.asked) == 1


@pytest.mark.parametrize("name", ["Zooming", "Spatial Reasoning Edits"])
def test_a_refusal_under_another_name_settles_nothing(name: str) -> None:
    stray = entry(name, feasible=False, why_not="no zoom here")
    drafts, vlm = wrote(
        {"instructions": [stray, entry(COLOR)]}, {"instructions": [entry(ZOOM, "Zoom in on it.")]}
    )
    assert [draft.en for draft in drafts] == [entry(COLOR)["en"], "Zoom in on it."]
    assert "left out" in vlm.asked[1].text


def test_prose_is_a_refusal_for_each_subtask_after_bounded_asking() -> None:
    drafts, vlm = wrote("I would suggest to recolour the car.")
    assert [(d.subtask, d.reason) for d in drafts] == [
        (COLOR, Reason.UNPARSEABLE),
        (ZOOM, Reason.UNPARSEABLE),
    ]
    assert len(vlm.asked) == 3


def test_a_subtask_left_out_is_asked_for_again_and_then_refused() -> None:
    drafts, vlm = wrote({"instructions": [entry(COLOR)]})
    assert isinstance(drafts[0], Draft)
    assert drafts[1].reason is Reason.UNPARSEABLE
    assert "left out" in vlm.asked[1].text


def test_a_model_that_fails_at_once_is_an_error() -> None:
    with pytest.raises(VlmError, match="timeout"):
        wrote(FailureKind.TIMEOUT)


def test_a_model_that_fails_later_keeps_what_was_good() -> None:
    drafts, _ = wrote({"instructions": [entry(COLOR)]}, FailureKind.SERVER)
    assert isinstance(drafts[0], Draft)
    assert isinstance(drafts[1], Refusal)


def test_a_cut_reply_is_told_of_and_asked_again() -> None:
    drafts, vlm = wrote(FailureKind.LENGTH, {"instructions": [entry(COLOR), entry(ZOOM)]})
    assert [type(draft) for draft in drafts] == [Draft, Draft]
    assert "length" in vlm.asked[1].text


def test_identity_carries_the_prompts_hash_and_the_options() -> None:
    first, other = (
        VlmInstructor(ScriptedVlm("x"), options).identity
        for options in (InstructorOptions(), InstructorOptions(temperature=0.0))
    )
    assert first["prompt_sha256"] == prompt_sha256("instructor_survey", "instructor_write")
    assert len(str(first["prompt_sha256"])) == 64
    assert first != other


def test_the_prompt_describes_all_subtasks_to_the_letter() -> None:
    meanings = prompt("instructor_write").data["subtasks"]
    assert tuple(meanings) == SUBTASKS
    marked = {s for s, text in meanings.items() if text.startswith("(reasoning)")}
    assert marked == {s for s in SUBTASKS if needs_reasoning(s)}
