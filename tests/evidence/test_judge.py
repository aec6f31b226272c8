"""The judge ranks a right edit above a faulty one above none, and NC punishes collateral damage."""

from __future__ import annotations

import pytest

from tests.evidence import scenes
from tests.evidence.test_verifier import GOOD, MISALIGNED, RECOLOUR, SOURCE, TO_BLUE
from unicedit_assets.domain import language
from unicedit_assets.domain.language import Intent
from unicedit_assets.domain.roles import Pixels, Scores
from unicedit_assets.domain.unicbench import overall
from unicedit_assets.evidence.judge import EmbeddedJudge


def score(intent: Intent, edited: Pixels, points: tuple[str, ...] = ()) -> Scores:
    return EmbeddedJudge().score(SOURCE, edited, language.phrase(intent).en, points)


@pytest.mark.parametrize("name", GOOD)
def test_a_right_edit_scores_high_on_everything(name: str) -> None:
    scores = score(*GOOD[name])
    assert scores.instruction_following is not None
    assert scores.instruction_following >= 7
    assert scores.non_edit_consistency is not None
    assert scores.non_edit_consistency >= 7
    assert scores.visual_quality is not None
    assert scores.visual_quality >= 6
    assert scores.reasoning_accuracy is None


@pytest.mark.parametrize("name", GOOD)
def test_no_change_follows_nothing_and_keeps_everything(name: str) -> None:
    scores = score(GOOD[name][0], SOURCE.copy())
    assert scores.instruction_following is not None
    assert scores.instruction_following <= 1
    assert scores.non_edit_consistency == 10


@pytest.mark.parametrize("name", MISALIGNED)
def test_the_wrong_edit_follows_little(name: str) -> None:
    scores = score(*MISALIGNED[name])
    assert scores.instruction_following is not None
    assert scores.instruction_following <= 6


@pytest.mark.parametrize("name", ["recolor", "warm", "write", "zoom"])
def test_collateral_damage_lowers_consistency(name: str) -> None:
    intent, edited = GOOD[name]
    clean, harmed = score(intent, edited), score(intent, scenes.harmed(edited))
    assert clean.non_edit_consistency is not None
    assert harmed.non_edit_consistency is not None
    assert harmed.non_edit_consistency <= clean.non_edit_consistency - 3


def test_more_collateral_damage_costs_more() -> None:
    small = TO_BLUE.copy()
    patch = (slice(60, 120), slice(640, 720))
    small[patch] = scenes.harmed(SOURCE)[patch]
    marks = [
        score(RECOLOUR, image).non_edit_consistency for image in (small, scenes.harmed(TO_BLUE))
    ]
    assert marks[0] is not None
    assert marks[1] is not None
    assert marks[0] > marks[1]


def test_damage_lowers_quality_and_a_slip_lowers_consistency() -> None:
    noisy = score(RECOLOUR, scenes.noisy(TO_BLUE, 35))
    slipped = score(RECOLOUR, scenes.moved(TO_BLUE, 6, 3))
    assert noisy.visual_quality is not None
    assert noisy.visual_quality <= 5
    assert slipped.non_edit_consistency is not None
    assert slipped.non_edit_consistency <= 5
    assert slipped.instruction_following is not None
    assert slipped.instruction_following >= 7  # the text was followed all the same


def test_reasoning_points_are_scored_one_by_one() -> None:
    intent, edited = GOOD["compound"]
    points = language.reasoning_points(intent).en
    whole = score(intent, edited, points).reasoning_accuracy
    half = score(intent, TO_BLUE, points).reasoning_accuracy
    none = score(intent, SOURCE.copy(), points).reasoning_accuracy
    assert whole is not None
    assert half is not None
    assert whole > 8 > half > 2
    assert none == 0


def test_what_cannot_be_read_is_unscored_and_never_zero() -> None:
    scores = EmbeddedJudge().score(SOURCE, TO_BLUE, "do something nice", ())
    assert overall(scores, "Color Alteration") is None
    assert scores.instruction_following is None


def test_the_overall_score_ranks_right_over_faulty_over_none() -> None:
    edits = (TO_BLUE, scenes.harmed(TO_BLUE), SOURCE.copy())
    totals = [overall(score(RECOLOUR, edited), "Color Alteration") for edited in edits]
    assert all(total is not None for total in totals)
    assert totals == sorted(totals, key=lambda total: -(total or 0))
    assert len(set(totals)) == 3


SCENARIO = Intent("scenario", {"scenario": "night"})


def test_a_point_that_the_picture_violates_lowers_ra_and_nothing_else() -> None:
    intent, edited = GOOD["compound"]
    points = language.reasoning_points(intent).en
    claims = (language.reasoning_points(SCENARIO).en[0], *points[1:])
    steps = (language.phrase(Intent("tone", {"tone": "black_and_white"})).en, *points[1:])
    right = score(intent, edited, points)
    for wrong in (score(intent, edited, claims), score(intent, edited, steps)):
        assert right.reasoning_accuracy is not None
        assert wrong.reasoning_accuracy is not None
        assert wrong.reasoning_accuracy <= right.reasoning_accuracy - 2.5
        assert wrong.instruction_following == right.instruction_following
        assert wrong.non_edit_consistency == right.non_edit_consistency
        assert wrong.visual_quality == right.visual_quality


def test_a_point_that_nothing_can_check_counts_as_the_instruction_does() -> None:
    intent, edited = GOOD["compound"]
    scores = score(intent, edited, ("It is a lovely picture.",))
    assert scores.reasoning_accuracy == scores.instruction_following


@pytest.mark.parametrize("name", ["recolor", "write"])
def test_damage_costs_quality_and_leaves_the_other_metrics_alone(name: str) -> None:
    intent, edited = GOOD[name]
    clean, noisy = score(intent, edited), score(intent, scenes.noisy(edited, 24))
    assert clean.instruction_following is not None
    assert noisy.instruction_following is not None
    assert noisy.instruction_following >= clean.instruction_following - 1
    assert clean.non_edit_consistency is not None
    assert noisy.non_edit_consistency is not None
    assert noisy.non_edit_consistency >= clean.non_edit_consistency - 1
    assert clean.visual_quality is not None
    assert noisy.visual_quality is not None
    assert noisy.visual_quality <= clean.visual_quality - 2


def test_collateral_damage_is_no_damage_to_quality() -> None:
    clean, harmed = score(RECOLOUR, TO_BLUE), score(RECOLOUR, scenes.harmed(TO_BLUE))
    assert clean.visual_quality is not None
    assert harmed.visual_quality is not None
    assert harmed.visual_quality >= clean.visual_quality - 1
