"""Means, intervals, coverage and repeats against scipy and numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench.runs import PLAIN, REASONING, coverage, records, tables
from unicedit_assets.bench.sheet import sheets
from unicedit_assets.bench.statistics import (
    Estimate,
    Group,
    disagreement,
    draws,
    estimates,
    line,
    lines,
)

GIVEN = {
    ("a", "en"): (2.0, 4.0, 8.0),
    ("a", "cn"): (8.0, 8.0, 8.0),
    ("b", "en"): (None, 6.0, 6.0),
    ("r", "en"): (1.0, 2.0, 4.0, 8.0),
}


def test_every_group_has_its_means_and_its_coverage() -> None:
    listed = coverage([*GIVEN, ("c", "en")], states={("c", "en"): "unreadable"})
    (sheet,) = sheets(*tables(records(GIVEN), listed))
    found = {each.group: each for each in lines(sheet, resamples=50)}
    english = found[Group("en", "overall", "all")]
    following = english.estimates["instruction_following"]
    assert following is not None
    assert (following.mean, following.samples) == (1.5, 2)  # b has no IF, and it is no zero
    total = english.estimates["overall"]
    assert total is not None
    assert total.mean == pytest.approx((4.0 + 64 ** (1 / 4)) / 2)
    assert english.covered.expected == 4
    assert english.covered.states == {"present": 3, "unreadable": 1}
    assert (english.covered.scored, english.covered.unscored) == (2, 1)
    assert english.covered.share == 0.5
    assert found[Group("cn", "task", "Attribute Editing")].estimates["overall"] == Estimate(
        pytest.approx(8.0), None, None, 1
    )
    assert found[Group("all", "subtask", PLAIN)].covered.expected == 4
    assert found[Group("en", "subtask", REASONING)].estimates["reasoning_accuracy"] is not None
    assert found[Group("en", "subtask", PLAIN)].estimates["reasoning_accuracy"] is None


def test_the_interval_is_that_of_scipys_bootstrap() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(3)
    values = rng.gamma(4.0, 1.5, 200).clip(0, 10)
    (found,) = estimates([str(n) for n in range(200)], values[:, None], 4000, 1)
    known = scipy_stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(5)
    ).confidence_interval
    assert found is not None
    assert found.low == pytest.approx(known.low, abs=0.04)
    assert found.high == pytest.approx(known.high, abs=0.04)


def test_what_is_of_one_sample_is_drawn_together() -> None:
    """Two languages that always agree are no more evidence than one."""
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 10, (60, 1))
    keys = [str(n) for n in range(60)]
    (single,) = estimates(keys, values)
    (double,) = estimates([*keys, *keys], np.concatenate([values, values]))
    (apart,) = estimates([str(n) for n in range(120)], np.concatenate([values, values]))
    assert single is not None
    assert double is not None
    assert apart is not None
    assert (double.low, double.high) == pytest.approx((single.low, single.high))
    narrower = (apart.high or 0) - (apart.low or 0)
    assert narrower < 0.8 * ((double.high or 0) - (double.low or 0))


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    keys = [str(n) for n in range(40)]
    hits = 0
    for _ in range(200):
        (found,) = estimates(keys, rng.normal(5.0, 1.0, (40, 1)), 400)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 5.0 <= found.high
    assert 0.88 <= hits / 200 <= 0.99


@given(arrays(float, (12, 2), elements=st.floats(0, 10) | st.just(float("nan"))))
@settings(max_examples=60, deadline=None)
def test_an_interval_holds_its_mean_within_the_range_of_the_scores(values: np.ndarray) -> None:
    for column, found in zip(values.T, estimates(list("aabbccddeeff"), values, 100), strict=True):
        known = column[~np.isnan(column)]
        if not len(known):
            assert found is None
            continue
        assert found is not None
        assert found.mean == pytest.approx(known.mean())
        assert found.samples == len(known)
        if found.low is not None and found.high is not None:
            slack = 1e-9
            assert known.min() - slack <= found.low <= found.high <= known.max() + slack


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    (sheet,) = sheets(*tables(records({(f"k{n}", "en"): (n, 5.0, 5.0) for n in range(10)})))
    whole = Group("en", "overall", "all")
    assert line(sheet, whole) == line(sheet, whole)
    assert line(sheet, whole).estimates != line(sheet, whole, seed=1).estimates


def test_a_resample_draws_as_many_clusters_as_there_are() -> None:
    assert (draws(7, 50, 1).sum(axis=1) == 7).all()


def test_repeats_that_agree_and_repeats_that_do_not() -> None:
    first = {
        (key, "en"): (value, 5.0, 0.0)
        for key, value in zip("abcd", (1.0, 3.0, 5.0, 9.0), strict=True)
    }
    other = {
        ("a", "en"): (1.0, 5.0, 10.0),
        ("b", "en"): (3.0, 5.0, 0.0),
        ("c", "en"): (7.0, 5.0, 0.0),
        ("d", "en"): (9.0, 5.0, 0.0),
    }
    (sheet,) = sheets(*tables([*records(first), *records(other, repeat=1)]))
    found = disagreement(sheet)
    following = found["instruction_following"]
    assert following is not None
    assert following.samples == 4
    assert following.difference == pytest.approx(0.5)
    assert following.apart == 0.25
    assert following.deviation == pytest.approx(np.sqrt(2.0 / 4))
    # By hand: group means 1, 3, 6, 9, grand 4.75; MSB = 2 * 36.75 / 3, MSW = 2 / 4.
    between, within = 2 * 36.75 / 3, 0.5
    assert following.icc == pytest.approx((between - within) / (between + within))
    consistency = found["non_edit_consistency"]
    assert consistency is not None
    assert consistency.icc is None  # nothing varies, so nothing can be told
    assert consistency.deviation == 0.0
    assert found["reasoning_accuracy"] is None


def test_one_repeat_tells_nothing_of_disagreement() -> None:
    (sheet,) = sheets(*tables(records({("a", "en"): (1.0, 2.0, 3.0)})))
    assert set(disagreement(sheet).values()) == {None}
