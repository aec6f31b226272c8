"""How far judges agree about the same edited pictures: Spearman, Kendall, Krippendorff.

Correlations tell whether two judges order samples alike, whatever their scales; Krippendorff's
alpha (interval metric) tells whether they give the same numbers, so that one may stand for another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from unicedit_assets.bench.sheet import Floats, Sheet
from unicedit_assets.domain.unicbench import METRICS

_ENOUGH = 3


class Alike(NamedTuple):
    """Two judges about one metric; a correlation is None where a judge does not vary.

    Attributes:
        samples: (key, language) pairs that both scored.
        spearman, kendall: rank correlations, -1 to 1; Kendall's is tau-b.
        difference: mean of the first judge's scores minus the second's.
    """

    samples: int
    spearman: float | None
    kendall: float | None
    difference: float


@dataclass(frozen=True)
class Agreement:
    """All judges of one model and variant.

    Attributes:
        alpha: metric -> Krippendorff's alpha over all judges; None where undefined.
        pairs: (judge, judge) -> metric -> how alike they are; None under three common samples.
    """

    model: str
    variant: str
    judges: tuple[str, ...]
    alpha: Mapping[str, float | None]
    pairs: Mapping[tuple[str, str], Mapping[str, Alike | None]]


def agreements(sheets: Sequence[Sheet]) -> list[Agreement]:
    """Return the agreement of the judges of each model that has several."""
    by_model: dict[tuple[str, str], list[Sheet]] = {}
    for sheet in sheets:
        by_model.setdefault((sheet.run.model, sheet.run.variant), []).append(sheet)
    return [agreement(found) for found in by_model.values() if len(found) > 1]


def agreement(sheets: Sequence[Sheet]) -> Agreement:
    """Return how far the judges of one model agree.

    Raises:
        ValueError: the sheets are of several models or variants.
    """
    runs = [sheet.run for sheet in sheets]
    if len({(run.model, run.variant) for run in runs}) != 1:
        raise ValueError("agreement is between judges of one model and variant")
    values = aligned(sheets)
    judges = tuple(run.judge for run in runs)
    return Agreement(
        model=runs[0].model,
        variant=runs[0].variant,
        judges=judges,
        alpha={metric: alpha(values[:, :, place]) for place, metric in enumerate(METRICS)},
        pairs={
            (judges[one], judges[two]): {
                metric: alike(values[one, :, place], values[two, :, place])
                for place, metric in enumerate(METRICS)
            }
            for one, two in combinations(range(len(judges)), 2)
        },
    )


def aligned(sheets: Sequence[Sheet]) -> Floats:
    """Return scores on one list of (key, language), (sheets, cells, metrics); NaN: none."""
    cells = sorted({cell for sheet in sheets for cell in _cells(sheet)})
    place = {cell: number for number, cell in enumerate(cells)}
    values = np.full((len(sheets), len(cells), len(METRICS)), np.nan)
    for number, sheet in enumerate(sheets):
        values[number, [place[cell] for cell in _cells(sheet)]] = sheet.scores
    return values


def _cells(sheet: Sheet) -> list[tuple[str, str]]:
    return list(zip(sheet.keys.tolist(), sheet.languages.tolist(), strict=True))


def alike(one: Floats, two: Floats) -> Alike | None:
    """Return how alike two judges' scores (samples,) are; None under three common samples."""
    both = ~(np.isnan(one) | np.isnan(two))
    one, two = one[both], two[both]
    if len(one) < _ENOUGH:
        return None
    return Alike(len(one), spearman(one, two), kendall(one, two), float((one - two).mean()))


def ranks(values: Floats) -> Floats:
    """Return ranks from 1; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2.0)[inverse], dtype=np.float64)


def spearman(one: Floats, two: Floats) -> float | None:
    """Return Spearman's rank correlation; None where one side does not vary."""
    a, b = ranks(one), ranks(two)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else None


def kendall(one: Floats, two: Floats) -> float | None:
    """Return Kendall's tau-b; None where one side does not vary."""
    untied = [0.0, 0.0]
    concordance = 0.0
    for row in range(len(one) - 1):
        a, b = np.sign(one[row + 1 :] - one[row]), np.sign(two[row + 1 :] - two[row])
        concordance += float(a @ b)
        untied[0] += float(a @ a)
        untied[1] += float(b @ b)
    scale = float(np.sqrt(untied[0] * untied[1]))
    return concordance / scale if scale > 0 else None


def alpha(values: Floats) -> float | None:
    """Return Krippendorff's alpha for interval data.

    Args:
        values: (judges, samples); NaN where a judge gave no score.

    Returns:
        1: the same numbers; 0: no better than chance; None where nothing varies or no sample has
        two scores. Source: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011).
    """
    values = values[:, (~np.isnan(values)).sum(axis=0) >= 2]
    known = ~np.isnan(values)
    counts = known.sum(axis=0).astype(float)
    pairable = counts.sum()
    if not pairable:
        return None
    plain = np.where(known, values, 0.0)
    sums, squares = plain.sum(axis=0), (plain**2).sum(axis=0)
    # The sum of squared differences over ordered pairs of n numbers is 2 (n S2 - S1 ** 2).
    observed = float((2 * (counts * squares - sums**2) / (counts - 1)).sum()) / pairable
    whole = 2 * (pairable * squares.sum() - sums.sum() ** 2)
    expected = float(whole) / (pairable * (pairable - 1))
    return 1.0 - observed / expected if expected > 0 else None
