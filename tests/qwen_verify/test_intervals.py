"""Intervals: they hold the truth as often as they say, and clusters widen them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicedit_assets.qwen_verify.intervals import auroc_of, f1_of, mean_of


def test_a_mean_of_independent_values_has_the_interval_of_the_textbook() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    found = mean_of(values.tolist(), range(400))
    assert found is not None
    half = 1.96 * values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * half, rel=0.12)


def test_pairs_of_one_scene_count_as_one_draw() -> None:
    scenes = np.repeat(np.random.default_rng(2).normal(5, 2, 40), 10)
    alone = mean_of(scenes.tolist(), range(400))
    together = mean_of(scenes.tolist(), np.repeat(range(40), 10).tolist())
    assert alone is not None
    assert together is not None
    assert together.high - together.low > 2.5 * (alone.high - alone.low)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    rng, held = np.random.default_rng(3), 0
    for _ in range(200):
        found = mean_of((rng.random(120) < 0.3).astype(float).tolist(), range(120))
        assert found is not None
        held += found.low <= 0.3 <= found.high
    assert 178 <= held <= 199


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=30))
def test_the_area_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[bool, int]]) -> None:
    actual, scores = [a for a, _ in rows], [float(s) for _, s in rows]
    found = auroc_of(actual, scores, range(len(rows)))
    pairs = [
        1.0 if p > n else 0.5 if p == n else 0.0
        for p in (s for a, s in zip(actual, scores, strict=True) if a)
        for n in (s for a, s in zip(actual, scores, strict=True) if not a)
    ]
    if not pairs:
        assert found is None
        return
    assert found is not None
    assert found.value == pytest.approx(sum(pairs) / len(pairs))
    assert 0 <= found.low <= found.high <= 1


def test_f1_of_a_perfect_a_useless_and_an_absent_detector() -> None:
    actual = [True, False] * 20
    perfect, useless = f1_of(actual, actual, range(40)), f1_of(actual, [False] * 40, range(40))
    assert perfect is not None
    assert useless is not None
    assert (perfect.value, perfect.low, useless.value) == (1.0, 1.0, 0.0)
    assert f1_of([False] * 3, [False] * 3, range(3)) is None


def test_nothing_has_no_mean_and_clusters_must_fit() -> None:
    assert mean_of([], []) is None
    with pytest.raises(ValueError, match="2 values need as many clusters"):
        mean_of([1.0, 2.0], [1])
