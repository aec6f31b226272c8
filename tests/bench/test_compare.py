"""Paired comparisons: what is better is found, what is chance is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.runs import PLAIN, Given, records, tables
from unicedit_assets.bench.compare import (
    CompareError,
    compare,
    difference,
    flipped,
    holm,
    verdict,
)
from unicedit_assets.bench.sheet import Sheet, sheets
from unicedit_assets.bench.statistics import Group


def sheet_of(given_scores: Given, model: str = "painter", judge: str = "strict") -> Sheet:
    (sheet,) = sheets(*tables(records(given_scores, model=model, judge=judge)))
    return sheet


def drawn(rng: np.random.Generator, shift: float, samples: int = 40) -> dict:
    return {
        (f"k{n}", language): tuple(np.clip(rng.normal(5 + shift, 1.0, 3), 0, 10))
        for n in range(samples)
        for language in ("en", "cn")
    }


def test_a_better_model_is_found_and_its_direction_told() -> None:
    rng = np.random.default_rng(1)
    worse, better = sheet_of(drawn(rng, 0.0)), sheet_of(drawn(rng, 1.0), "sketcher")
    found = compare(worse, better)
    assert (found.shared, found.only_first, found.only_second) == (80, 0, 0)
    by_group = {row.group: row.differences["overall"] for row in found.rows}
    whole = by_group[Group("all", "overall", "all")]
    assert whole is not None
    assert whole.low is not None
    assert 0.5 < whole.low < whole.mean < 1.5
    assert whole.p < 0.001
    assert whole.better > whole.worse
    assert "sketcher is ahead" in verdict(found)
    assert "sketcher is ahead" in verdict(compare(better, worse))


def test_the_same_model_twice_is_no_difference() -> None:
    sheet = sheet_of(drawn(np.random.default_rng(2), 0.0))
    found = compare(sheet, sheet)
    assert all(
        each is None or each.p == 1.0 for row in found.rows for each in row.differences.values()
    )
    assert "no clear difference" in verdict(found)


def test_chance_is_called_clear_about_as_often_as_it_may() -> None:
    rng = np.random.default_rng(3)
    keys = [str(n) for n in range(30)]
    hits = 0
    for _ in range(200):
        found = difference(keys, rng.normal(0, 1, 30), resamples=50)
        assert found is not None
        hits += found.p <= 0.05
    assert 0.01 <= hits / 200 <= 0.10


def test_only_what_both_scored_is_compared() -> None:
    one = sheet_of({("a", "en"): (5.0, 5.0, 5.0), ("b", "en"): (1.0, 1.0, 1.0)})
    two = sheet_of({("a", "en"): (6.0, 6.0, 6.0), ("b", "en"): (None, 9.0, 9.0)}, "sketcher")
    found = compare(one, two)
    assert (found.shared, found.only_first, found.only_second) == (1, 1, 0)
    (subtask,) = (row for row in found.rows if row.group == Group("en", "subtask", PLAIN))
    following, consistency = (
        subtask.differences[name] for name in ("instruction_following", "non_edit_consistency")
    )
    assert following is not None
    assert consistency is not None
    assert (following.mean, following.samples) == (1.0, 1)
    assert (consistency.mean, consistency.samples) == (4.5, 2)


def test_runs_without_a_common_sample_are_refused() -> None:
    one, two = sheet_of({("a", "en"): (5.0, 5.0, 5.0)}), sheet_of({("b", "en"): (5.0, 5.0, 5.0)})
    with pytest.raises(CompareError, match="share no scored sample"):
        compare(one, two)


def test_a_key_that_is_of_two_subtasks_is_refused() -> None:
    one, two = sheet_of({("a", "en"): (5.0, 5.0, 5.0)}), sheet_of({("a", "en"): (5.0, 5.0, 5.0)})
    moved = np.array(["Motion Change"])
    two = Sheet(two.run, two.keys, two.languages, two.tasks, moved, two.states, two.repeats)
    with pytest.raises(CompareError, match="Motion Change"):
        compare(one, two)


def test_the_permutation_test_is_scipys_where_it_is_exact() -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(4).normal(0.4, 1.0, 12)
    known = stats.permutation_test(
        (values,), np.sum, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert flipped(values) == pytest.approx(known)


@given(st.lists(st.floats(-5, 5), min_size=15, max_size=25))
@settings(max_examples=20, deadline=None)
def test_a_p_value_is_never_zero_nor_above_one(values: list[float]) -> None:
    assert 0 < flipped(np.array(values), flips=500) <= 1


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_subtasks_are_corrected_and_the_whole_is_not() -> None:
    rng = np.random.default_rng(5)
    scores = {
        (f"{kind}{n}", "en"): rng.uniform(3, 6, 4 if kind == "r" else 3)
        for kind in "ar"
        for n in range(6)
    }
    one = sheet_of({cell: tuple(values) for cell, values in scores.items()})
    two = sheet_of({cell: tuple(values + 1) for cell, values in scores.items()}, "sketcher")
    rows = {row.group: row.differences["overall"] for row in compare(one, two).rows}
    for group, found in rows.items():
        assert found is not None
        factor = 2 if group.level == "subtask" else 1
        assert found.corrected == pytest.approx(min(1.0, factor * found.p))
