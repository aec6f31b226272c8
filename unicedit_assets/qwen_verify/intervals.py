"""95 % intervals that know which pairs belong together.

Pairs of one scene are no independent draws. Shares have a Wilson interval over as many cases as the
pairs are worth; for everything else whole scenes are drawn again, from one fixed seed: equal
figures give equal intervals.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unicedit_assets.truth.outcomes import Rate, rate, wilson

_DRAWS = 1000
_SEED = 20251202
_BLOCK = 4_000_000  # so many numbers at a time
_LEVELS = (2.5, 97.5)

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; ``cases`` pairs stand behind it."""

    value: float
    low: float
    high: float
    cases: int


def _weights(clusters: Sequence[Hashable]) -> tuple[NDArray[np.int64], Numbers]:
    """Return each row's cluster number, and how often each draw took each cluster."""
    numbers: dict[Hashable, int] = {}
    rows = np.array([numbers.setdefault(name, len(numbers)) for name in clusters], dtype=np.int64)
    count = len(numbers)
    drawn = np.random.default_rng(_SEED).multinomial(count, np.full(count, 1 / count), _DRAWS)
    return rows, drawn.astype(np.float64)


def _estimate(value: float, draws: Numbers, cases: int) -> Estimate:
    found = draws[np.isfinite(draws)]
    low, high = np.percentile(found, _LEVELS) if len(found) else (value, value)
    return Estimate(float(value), float(low), float(high), cases)


def mean_of(values: Sequence[float], clusters: Sequence[Hashable]) -> Estimate | None:
    """Return the mean of values; None when there are none.

    Raises:
        ValueError: not one cluster for each value.
    """
    if len(values) != len(clusters):
        raise ValueError(f"{len(values)} values need as many clusters, not {len(clusters)}")
    if not values:
        return None
    rows, weights = _weights(clusters)
    sums = np.bincount(rows, np.asarray(values, dtype=np.float64), weights.shape[1])
    counts = np.bincount(rows, minlength=weights.shape[1])
    draws = (weights @ sums) / (weights @ counts)
    return _estimate(float(np.mean(values)), draws, len(values))


def share_of(hits: Sequence[bool], clusters: Sequence[Hashable]) -> Rate:
    """Return the share of hits with a Wilson interval over the effective number of cases.

    That number is the cases over their design effect (Kish): the variance of the share over whole
    clusters, over the variance that independent cases would have. Where all are hits or none is,
    no variance tells, and each cluster counts as one case.
    """
    found = np.asarray(hits, dtype=np.float64)
    if not len(found):
        return rate(0, 0)
    numbers: dict[Hashable, int] = {}
    rows = [numbers.setdefault(name, len(numbers)) for name in clusters]
    cases, count, share = len(found), len(numbers), float(found.mean())
    worth = float(count)
    if 0 < share < 1 and count > 1:
        apart = np.bincount(rows, found - share, count)
        clustered = count / (count - 1) * float((apart**2).sum()) / cases**2
        worth = min(cases, share * (1 - share) / clustered) if clustered else cases
    return Rate(int(found.sum()), cases, share, *wilson(share, worth))


def f1_of(
    actual: Sequence[bool], called: Sequence[bool], clusters: Sequence[Hashable]
) -> Estimate | None:
    """Return F1 of a detector; None when there is nothing to find and nothing was called."""
    true, said = np.asarray(actual, dtype=bool), np.asarray(called, dtype=bool)
    if not (true | said).any():
        return None
    rows, weights = _weights(clusters)

    def drawn(hits: NDArray[np.bool_]) -> Numbers:
        return weights @ np.bincount(rows, hits, weights.shape[1])

    both, either = drawn(true & said), drawn(true) + drawn(said)
    with np.errstate(invalid="ignore"):
        draws = 2 * both / either
    value = 2 * float((true & said).sum()) / float(true.sum() + said.sum())
    return _estimate(value, draws, len(true))


def auroc_of(
    actual: Sequence[bool], scores: Sequence[float], clusters: Sequence[Hashable]
) -> Estimate | None:
    """Return the area under the ROC curve (ties count half); None with only one class."""
    true = np.asarray(actual, dtype=bool)
    if true.all() or not true.any():
        return None
    order = np.argsort(np.asarray(scores, dtype=np.float64), kind="stable")
    ranked = np.asarray(scores, dtype=np.float64)[order]
    # Rows of equal score are one step of the curve.
    step = np.concatenate([[0], np.cumsum(np.diff(ranked) > 0)])
    rows, weights = _weights(clusters)
    value = _areas(np.ones((1, len(order))), true[order], step)[0]
    block = max(1, _BLOCK // len(order))
    draws = [
        _areas(weights[start : start + block][:, rows[order]], true[order], step)
        for start in range(0, len(weights), block)
    ]
    return _estimate(float(value), np.concatenate(draws), len(true))


def _areas(weights: Numbers, true: NDArray[np.bool_], step: NDArray[np.int64]) -> Numbers:
    """Return the weighted area for each row of weights (draws, rows in score order)."""
    starts = np.flatnonzero(np.diff(step, prepend=-1))
    positive = np.add.reduceat(np.where(true, weights, 0.0), starts, axis=1)
    negative = np.add.reduceat(np.where(true, 0.0, weights), starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative
    with np.errstate(invalid="ignore"):
        found: Numbers = (positive * (below + negative / 2)).sum(axis=1) / (
            positive.sum(axis=1) * negative.sum(axis=1)
        )
    return found
