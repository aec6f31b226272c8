"""The judge: four questions, unscored is None and never zero, raw replies are kept."""

from __future__ import annotations

from typing import Any

import pytest

from unicedit_assets.domain.unicbench import overall
from unicedit_assets.vlm.judge import METRICS, VlmJudge
from unicedit_assets.vlm.roles import FailureKind, Question
from vlm.scripted import ScriptedVlm, picture


def scored(by: Any, points: tuple[str, ...] = ("The car is red.",)) -> tuple[Any, ScriptedVlm]:
    vlm = ScriptedVlm(by=by)
    return VlmJudge(vlm).score(picture(), picture(200), "Paint it red.", points), vlm


def grade(question: Question) -> Any:
    metric = question.name.removeprefix("judge_")
    return {"reasoning": "seen", "score": 5 + METRICS.index(metric)}


def test_four_questions_share_pictures_and_system_text() -> None:
    scores, vlm = scored(grade)
    assert [question.name for question in vlm.asked] == [f"judge_{metric}" for metric in METRICS]
    assert len({question.system for question in vlm.asked}) == 1
    assert len({question.text for question in vlm.asked}) == 4
    assert all(len(question.images) == 2 for question in vlm.asked)
    assert scores.instruction_following == 5.0
    assert scores.non_edit_consistency == 6.0
    assert scores.visual_quality == 7.0
    assert scores.reasoning_accuracy == 8.0
    assert set(scores.replies) == set(METRICS)


def test_reasoning_is_only_asked_for_where_there_are_points() -> None:
    scores, vlm = scored(grade, points=())
    assert len(vlm.asked) == 3
    assert scores.reasoning_accuracy is None
    assert overall(scores, "Lens Zooming") is not None


def test_the_points_are_shown_to_the_reasoning_question_alone() -> None:
    _, vlm = scored(grade)
    assert ["The car is red." in question.text for question in vlm.asked] == [False] * 3 + [True]


@pytest.mark.parametrize(
    "bad",
    [
        "8/10",
        "[8]",
        "null",
        '{"reasoning": "x", "score": 95}',
        '{"reasoning": "x", "score": NaN}',
        '{"reasoning": "x", "score": 8, "score": 9}',
        FailureKind.TIMEOUT,
        FailureKind.REFUSED,
        FailureKind.LENGTH,
    ],
)
def test_one_metric_that_cannot_be_scored_is_none_and_costs_no_other(bad: Any) -> None:
    scores, _ = scored(lambda q: bad if q.name == "judge_visual_quality" else grade(q))
    assert scores.visual_quality is None
    assert scores.instruction_following == 5.0
    assert scores.reasoning_accuracy == 8.0
    assert scores.replies["visual_quality"].startswith("unscored")
    assert overall(scores, "Lens Zooming") is None


def test_halves_are_asked_for_and_any_number_of_the_scale_is_read() -> None:
    scores, vlm = scored(lambda _: {"reasoning": "fine", "score": 7.25})
    assert scores.visual_quality == 7.25
    allowed = vlm.asked[0].schema["properties"]["score"]["enum"]
    assert [allowed[0], allowed[1], allowed[-1], len(allowed)] == [0, 0.5, 10, 21]


def test_a_true_zero_is_a_zero() -> None:
    scores, _ = scored(lambda _: {"reasoning": "nothing was done", "score": 0})
    assert scores.instruction_following == 0.0
    assert overall(scores, "Lens Zooming") == 0.0
