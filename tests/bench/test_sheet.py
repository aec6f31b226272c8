"""Records as arrays: nothing is zeroed, dropped or mixed up."""

from __future__ import annotations

import numpy as np
import pytest

from bench.runs import coverage, records, tables
from unicedit_assets.bench.sheet import OVERALL, RecordsError, Run, nanmean, sheets


def test_a_sample_counts_with_the_mean_of_its_scored_repeats() -> None:
    rows = [
        *records({("a", "en"): (8.0, 8.0, 8.0)}, repeat=0),
        *records({("a", "en"): (1.0, 1.0, 1.0)}, repeat=1),
        *records({("a", "en"): (None, 3.0, 3.0)}, repeat=2),
    ]
    (sheet,) = sheets(*tables(rows))
    assert sheet.repeats.shape == (1, 3, 5)
    assert sheet.scores[0, 0] == pytest.approx(4.5)  # two repeats have an IF
    assert sheet.scores[0, 1] == pytest.approx(4.0)
    assert sheet.scores[0, OVERALL] == pytest.approx(4.5)  # the third repeat has no overall
    assert np.isnan(sheet.scores[0, 3])  # no RA outside reasoning subtasks


def test_the_overall_is_the_geometric_mean_of_three_or_four() -> None:
    given = {("a", "en"): (2.0, 4.0, 8.0), ("r", "en"): (1.0, 2.0, 4.0, 8.0)}
    (sheet,) = sheets(*tables(records(given)))
    assert sheet.keys.tolist() == ["a", "r"]
    assert sheet.scores[:, OVERALL] == pytest.approx([4.0, 64 ** (1 / 4)])


def test_a_reasoning_sample_without_ra_has_no_overall() -> None:
    (sheet,) = sheets(*tables(records({("r", "en"): (9.0, 9.0, 9.0, None)})))
    assert np.isnan(sheet.scores[0, OVERALL])
    assert sheet.scores[0, 0] == 9.0


def test_what_was_expected_and_never_judged_is_there_without_scores() -> None:
    listed = coverage([("a", "en"), ("b", "en"), ("a", "cn")], states={("b", "en"): "missing"})
    (sheet,) = sheets(*tables(records({("a", "en"): (5.0, 5.0, 5.0)}), listed))
    # Chinese was never asked of this judge, so nothing is expected of it there.
    assert list(zip(sheet.keys, sheet.languages, sheet.states, strict=True)) == [
        ("a", "en", "present"),
        ("b", "en", "missing"),
    ]
    assert np.isnan(sheet.scores[1]).all()


def test_models_variants_and_judges_never_meet() -> None:
    cell = ("a", "en")
    rows = [
        *records({cell: (1.0, 1.0, 1.0)}),
        *records({cell: (2.0, 2.0, 2.0)}, variant="rewritten"),
        *records({cell: (3.0, 3.0, 3.0)}, judge="mild"),
        *records({cell: (4.0, 4.0, 4.0)}, model="sketcher"),
    ]
    found = {sheet.run: sheet.scores[0, OVERALL] for sheet in sheets(*tables(rows))}
    assert found == {
        Run("painter", "base", "strict"): 1.0,
        Run("painter", "rewritten", "strict"): pytest.approx(2.0),
        Run("painter", "base", "mild"): pytest.approx(3.0),
        Run("sketcher", "base", "strict"): pytest.approx(4.0),
    }


@pytest.mark.parametrize("score", [10.5, -1.0, float("nan")])
def test_a_score_outside_the_scale_is_refused(score: float) -> None:
    with pytest.raises(RecordsError, match="not within 0-10"):
        sheets(*tables(records({("a", "en"): (score, 1.0, 1.0)})))


def test_two_different_scores_for_one_question_are_refused_and_equal_ones_are_not() -> None:
    once = records({("a", "en"): (5.0, 5.0, 5.0)})
    assert len(sheets(*tables([*once, *once]))) == 1
    with pytest.raises(RecordsError, match="two scores"):
        sheets(*tables([*once, *records({("a", "en"): (6.0, 5.0, 5.0)})]))


def test_a_record_that_the_coverage_does_not_list_is_refused() -> None:
    with pytest.raises(RecordsError, match="does not list z"):
        sheets(*tables(records({("z", "en"): (5.0, 5.0, 5.0)}), coverage([("a", "en")])))


def test_the_mean_over_nothing_is_nan_without_a_warning() -> None:
    values = np.array([[1.0, np.nan], [np.nan, np.nan]])
    assert nanmean(values, axis=1).tolist()[0] == 1.0
    assert np.isnan(nanmean(values, axis=1)[1])
