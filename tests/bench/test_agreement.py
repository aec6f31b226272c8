"""Agreement between judges, against scipy and published examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.runs import records, tables
from unicedit_assets.bench.agreement import (
    agreement,
    agreements,
    alike,
    alpha,
    kendall,
    ranks,
    spearman,
)
from unicedit_assets.bench.sheet import sheets

HALVES = st.integers(0, 20).map(lambda n: n / 2)


@given(st.lists(st.tuples(HALVES, HALVES), min_size=3, max_size=40))
@settings(max_examples=80, deadline=None)
@pytest.mark.filterwarnings("ignore:An input array is constant")
def test_rank_correlations_are_scipys(pairs: list[tuple[float, float]]) -> None:
    stats = pytest.importorskip("scipy.stats")
    one, two = np.array(pairs).T
    assert ranks(one) == pytest.approx(stats.rankdata(one))
    for ours, theirs in (
        (spearman(one, two), stats.spearmanr),
        (kendall(one, two), stats.kendalltau),
    ):
        known = theirs(one, two).statistic
        if np.isnan(known):
            assert ours is None
        else:
            assert ours == pytest.approx(known, abs=1e-9)


def test_alpha_of_krippendorffs_own_example() -> None:
    """The worked example with four observers and missing values (Krippendorff 2011, part C)."""
    nan = float("nan")
    observers = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
            [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
        ]
    )
    assert alpha(observers) == pytest.approx(0.849, abs=0.001)


@pytest.mark.parametrize(
    ("values", "known"),
    [
        ([[1, 5, 9], [1, 5, 9]], 1.0),
        ([[5, 5, 5], [5, 5, 5]], None),
        ([[1, np.nan], [np.nan, 4]], None),
    ],
)
def test_alpha_at_its_ends(values: list[list[float]], known: float | None) -> None:
    assert alpha(np.array(values, dtype=float)) == known


def test_a_judge_on_another_scale_orders_alike_but_does_not_agree() -> None:
    one = np.arange(10.0)
    found = alike(one, one / 2)
    assert found is not None
    assert (found.spearman, found.kendall) == (pytest.approx(1.0), pytest.approx(1.0))
    assert found.difference == pytest.approx(2.25)
    shared = alpha(np.array([one, one / 2]))
    assert shared is not None
    assert shared < 0.7


def test_judges_are_compared_on_what_both_scored() -> None:
    rows = [
        *records({(key, "en"): (n, 5.0, 5.0) for n, key in enumerate("abcd")}),
        *records({(key, "en"): (9 - n, 5.0, 5.0) for n, key in enumerate("abcd")}, judge="odd"),
        *records({("a", "en"): (1.0, 1.0, 1.0)}, model="alone"),
    ]
    found = agreements(sheets(*tables(rows)))
    assert [(each.model, each.judges) for each in found] == [("painter", ("odd", "strict"))]
    (pair,) = found[0].pairs.values()
    following = pair["instruction_following"]
    assert following is not None
    assert (following.samples, following.spearman) == (4, pytest.approx(-1.0))
    assert pair["reasoning_accuracy"] is None


def test_models_are_not_judges() -> None:
    rows = records({("a", "en"): (1.0, 1.0, 1.0)})
    more = records({("a", "en"): (1.0, 1.0, 1.0)}, model="other")
    with pytest.raises(ValueError, match="one model"):
        agreement(sheets(*tables([*rows, *more])))
