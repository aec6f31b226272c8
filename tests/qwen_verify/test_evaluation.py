"""Marks and figures: hand-made answers get hand-computed numbers, and faults of an answer show."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from unicedit_assets.domain import language
from unicedit_assets.domain.language import Intent
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Verdict
from unicedit_assets.qwen_verify.claims import Language
from unicedit_assets.qwen_verify.evaluation import (
    Prediction,
    Truth,
    failed,
    mark,
    of_verdict,
)
from unicedit_assets.qwen_verify.figures import by_test, figures_of

EN, CN = "Remove the red object on the left.", "移除左侧的红色物体。"
TRUE = Truth(
    "k", "normal", "valid", "Subject Removal", "scene", "scenes", True, EN, CN, Language.EMBEDDED
)
SAME = replace(TRUE, key="s", kind="no_edit", verdict="no_edit", is_changed=False, en="", cn="")
WRONG = replace(TRUE, key="h", kind="hallucination", verdict="misaligned")
RIGHT = Prediction("k", True, "valid", EN, CN, 0.9, 0.1)


def answer(truth: Truth, **changes: object) -> Prediction:
    said = Prediction(truth.key, truth.is_changed, truth.verdict, truth.en, truth.cn, 0.9, 0.5)
    return replace(said, **changes)


def test_the_truth_scores_ten_whatever_its_wording() -> None:
    said = answer(TRUE, en="Erase the red object on the left and fill in what is behind it.", cn=CN)
    marked = mark(TRUE, said)
    assert (marked.score, marked.right, marked.exact, marked.alike) == (10.0, True, True, True)
    assert marked.claims == {"operation": True, "target": True}


def test_one_wrong_claim_costs_its_share_in_its_language() -> None:
    # English: the operation is right, the target wrong; Chinese is right.
    marked = mark(TRUE, answer(TRUE, en="Remove the blue object on the left."))
    assert marked.score == pytest.approx(10 * (1 / 2 + 1) / 2)
    assert (marked.exact, marked.alike) == (False, False)
    assert marked.claims == {"operation": True, "target": False}


def test_an_invented_claim_costs_as_much_as_a_missing_one() -> None:
    moved = language.phrase(
        Intent("move", {"colour": "red", "kind": "object", "place": "left", "to_place": "top"})
    )
    # Shared: the target; not shared: two operations (one claim) and the direction.
    assert mark(TRUE, answer(TRUE, en=moved.en, cn=moved.cn)).score == pytest.approx(10 / 3)


@pytest.mark.parametrize(
    ("truth", "changes", "score"),
    [
        (SAME, {}, 10.0),
        (SAME, {"is_changed": True, "verdict": "valid", "en": EN, "cn": CN}, 0.0),
        (TRUE, {"is_changed": False, "verdict": "no_edit", "en": "", "cn": ""}, 0.0),
        (TRUE, {"is_changed": None, "verdict": "unreadable"}, 0.0),
        (replace(TRUE, verdict="degraded", en="", cn=""), {}, 10.0),
        (replace(TRUE, verdict="degraded", en="", cn=""), {"verdict": "shifted"}, 0.0),
    ],
)
def test_the_decision_comes_before_the_text(truth: Truth, changes: dict, score: float) -> None:
    assert mark(truth, answer(truth, **changes)).score == score


def test_free_text_counts_by_its_words() -> None:
    free = replace(TRUE, en="Let the kite go", cn="放飞风筝", language=Language.FREE)
    half = mark(free, answer(free, en="Let the dog go", cn="放飞风筝"))
    assert half.score == pytest.approx(10 * (3 / 4 + 1) / 2)
    assert half.exact is False
    assert mark(free, answer(free)).exact is True


def test_a_verdict_is_read_and_a_crash_of_the_verifier_is_unreadable() -> None:
    verdict = Verdict(Reason.MISALIGNED, True, 0.7, "", "", ("x",), EN, CN, {})
    said = of_verdict("k", verdict, 1.0)
    assert (said.verdict, said.suspicion) == ("misaligned", 0.7)
    unread = of_verdict("k", replace(verdict, reason=Reason.UNPARSEABLE), 1.0)
    assert (unread.verdict, unread.is_changed, unread.confidence) == ("unreadable", None, None)


def test_a_prediction_of_another_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="a prediction for s cannot be marked against k"):
        mark(TRUE, answer(SAME))


def test_figures_of_hand_made_answers() -> None:
    truths = [
        replace(truth, key=f"{truth.key}{n}", cluster=f"c{n}")
        for n in range(10)
        for truth in (TRUE, SAME, WRONG)
    ]
    # Every second hallucination is let pass with its wrong text.
    said = [
        answer(t, verdict="valid", suspicion=0.1)
        if t.kind == "hallucination" and int(t.key[1:]) % 2
        else answer(t, suspicion=0.1 if t.verdict == "valid" else 0.9)
        for t in truths
    ]
    found = figures_of([mark(t, p) for t, p in zip(truths, said, strict=True)])
    assert found.pairs == 30
    assert found.detection.recall.share == 0.75
    assert found.detection.precision.share == 1.0
    assert found.detection.f1 is not None
    assert found.detection.f1.value == pytest.approx(6 / 7)
    assert found.detection.auroc is not None
    assert found.detection.auroc.value == pytest.approx(0.75 + 0.25 / 2)
    assert found.detection.changed.share == 1.0
    assert found.kinds["hallucination"].right.share == 0.5
    assert found.kinds["normal"].score.value == 10.0
    assert "shifted" not in found.kinds
    assert found.texts.exact.cases == 20
    assert found.calibration is not None
    assert found.calibration.error == pytest.approx(abs(0.9 - 25 / 30), abs=1e-3)
    assert json.loads(json.dumps(found.to_json()))["pairs"] == 30


def test_each_test_set_has_figures_of_its_own() -> None:
    other = replace(WRONG, test="classes")
    found = by_test([mark(TRUE, answer(TRUE)), mark(other, failed("h", 0.0))])
    assert set(found) == {"all", "scenes", "classes"}
    assert (found["scenes"].unreadable, found["classes"].unreadable) == (0, 1)
    assert found["classes"].calibration is None
    with pytest.raises(ValueError, match="no pair was marked"):
        figures_of([])
