"""Two runs on the same samples: which is better, by how much, and whether that can be chance.

Paired: only samples that both scored count, and a sample's languages stay together. The interval is
a bootstrap interval of the mean difference; the p-value is that of a sign-flip permutation test of
the samples' differences (exact up to 2 ** 14 flips). Subtasks are corrected by Holm's method, since
among 22 of them one in twenty would look better by chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from unicedit_assets.bench.agreement import aligned
from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.sheet import Floats, Run, Sheet
from unicedit_assets.bench.statistics import (
    BOTH,
    RESAMPLES,
    SEED,
    SUBTASK,
    WHOLE,
    Group,
    draws,
    groups,
    interval,
    members,
)
from unicedit_assets.domain.unicbench import METRICS

FLIPS = 10_000
_EXACT = 14
_BLOCK = 500


class Difference(NamedTuple):
    """The second run minus the first, over the samples that both scored.

    Attributes:
        mean, low, high: difference in points, with its 95 % interval (None for one sample).
        p: two-sided p-value of no difference; ``corrected``: after Holm, over the subtasks.
        samples: (key, language) pairs compared.
        better, worse: share of samples in which the second is higher, or lower.
    """

    mean: float
    low: float | None
    high: float | None
    p: float
    corrected: float
    samples: int
    better: float
    worse: float


@dataclass(frozen=True)
class Row:
    """One group's differences; None where the runs share no scored sample."""

    group: Group
    differences: Mapping[str, Difference | None]


@dataclass(frozen=True)
class Comparison:
    """Two runs compared.

    Attributes:
        rows: overall, tasks and subtasks, per language.
        shared: (key, language) pairs for which both have an overall score.
        only_first, only_second: those that just one of them has; they are not compared.
    """

    first: Run
    second: Run
    rows: tuple[Row, ...]
    shared: int
    only_first: int
    only_second: int


class CompareError(BenchError):
    """Two runs cannot be compared; the message says why."""


def compare(
    first: Sheet, second: Sheet, resamples: int = RESAMPLES, seed: int = SEED
) -> Comparison:
    """Compare two runs pair by pair.

    Raises:
        CompareError: they share no scored sample.
    """
    cells = _common(first, second)
    values = aligned([first, second])
    scored = ~np.isnan(values[:, :, -1])
    if not scored.all(axis=0).any():
        raise CompareError(
            f"{first.run.title} and {second.run.title} share no scored sample: "
            "score both on the same list and language"
        )
    rows = [_row(cells, values, group, resamples, seed) for group in groups(cells)]
    return Comparison(
        first.run,
        second.run,
        tuple(_corrected(rows)),
        int(scored.all(axis=0).sum()),
        int((scored[0] & ~scored[1]).sum()),
        int((scored[1] & ~scored[0]).sum()),
    )


def _common(first: Sheet, second: Sheet) -> Sheet:
    """Return a sheet of all cells of both, in the order of ``aligned``; its scores are unused."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for sheet in (first, second):
        columns = (sheet.keys, sheet.languages, sheet.tasks, sheet.subtasks)
        for key, language, task, subtask in zip(*(each.tolist() for each in columns), strict=True):
            known = found.setdefault((key, language), (task, subtask))
            if known != (task, subtask):
                raise CompareError(
                    f"{key} is {known[1]} in one list and {subtask} in the other: "
                    "score both models on the same list"
                )
    cells = sorted(found)
    return Sheet(
        first.run,
        np.array([key for key, _ in cells], dtype=np.str_),
        np.array([language for _, language in cells], dtype=np.str_),
        np.array([found[cell][0] for cell in cells], dtype=np.str_),
        np.array([found[cell][1] for cell in cells], dtype=np.str_),
        np.array(["present"] * len(cells), dtype=np.str_),
        np.full((len(cells), 1, len(METRICS)), np.nan),
    )


def _row(cells: Sheet, values: Floats, group: Group, resamples: int, seed: int) -> Row:
    chosen = members(cells, group)
    apart = values[1, chosen] - values[0, chosen]
    keys = cells.keys[chosen]
    return Row(
        group,
        {
            metric: difference(keys.tolist(), apart[:, place], resamples, seed)
            for place, metric in enumerate(METRICS)
        },
    )


def difference(
    keys: Sequence[str], apart: Floats, resamples: int = RESAMPLES, seed: int = SEED
) -> Difference | None:
    """Return the mean of paired differences with interval and p-value, clustered by key.

    Args:
        keys: the sample that each difference is of, (rows,).
        apart: second minus first, (rows,); NaN where one of them has no score.
    """
    known = ~np.isnan(apart)
    if not known.any():
        return None
    _, cluster = np.unique(np.asarray(keys)[known], return_inverse=True)
    counts = np.bincount(cluster).astype(float)
    sums = np.bincount(cluster, weights=apart[known]).astype(float)
    mean = float(sums.sum() / counts.sum())
    low: float | None = None
    high: float | None = None
    if len(counts) > 1:
        weights = draws(len(counts), resamples, seed)
        low, high = interval((weights @ sums) / (weights @ counts))
    p = flipped(sums, seed)
    better, worse = float((apart[known] > 0).mean()), float((apart[known] < 0).mean())
    return Difference(mean, low, high, p, p, int(known.sum()), better, worse)


def flipped(sums: Floats, seed: int = SEED, flips: int = FLIPS) -> float:
    """Return the two-sided p-value of a sign-flip test that ``sums`` are symmetric around zero.

    Exact for few numbers; else by ``flips`` random flips, counting the observed one too, so that
    the p-value is never zero.
    """
    moved = sums[sums != 0]
    if not len(moved):
        return 1.0
    # Rounding must not decide whether an equal sum counts as at least as large.
    seen = abs(float(moved.sum())) - 1e-9 * float(np.abs(moved).sum())
    if len(moved) <= _EXACT:
        bits = np.arange(1 << len(moved))[:, None] >> np.arange(len(moved)) & 1
        return float((np.abs((1.0 - 2.0 * bits) @ moved) >= seen).mean())
    rng = np.random.default_rng(seed)
    beyond = 0
    for start in range(0, flips, _BLOCK):
        signs = rng.integers(0, 2, (min(_BLOCK, flips - start), len(moved)), dtype=np.int8)
        beyond += int((np.abs((1.0 - 2.0 * signs) @ moved) >= seen).sum())
    return (beyond + 1) / (flips + 1)


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's step-down method."""
    order = np.argsort(values, kind="stable")
    corrected = np.empty(len(values))
    highest = 0.0
    for step, place in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - step) * values[place]))
        corrected[place] = highest
    return [float(value) for value in corrected]


def _corrected(rows: Sequence[Row]) -> list[Row]:
    """Return rows with Holm's correction over the subtasks of each language and metric."""
    new = [dict(row.differences) for row in rows]
    for language in {row.group.language for row in rows}:
        for metric in METRICS:
            places = [
                place
                for place, row in enumerate(rows)
                if row.group[:2] == (language, SUBTASK) and new[place][metric] is not None
            ]
            found = [each for place in places if (each := new[place][metric])]
            values = holm([each.p for each in found])
            for place, each, value in zip(places, found, values, strict=True):
                new[place][metric] = each._replace(corrected=value)
    return [Row(row.group, each) for row, each in zip(rows, new, strict=True)]


def verdict(comparison: Comparison, level: float = 0.05) -> str:
    """Return one sentence: who is ahead overall, and whether that is clear."""
    whole = [row for row in comparison.rows if row.group.level == WHOLE]
    found = {row.group.language: row.differences["overall"] for row in whole}
    best = found.get(BOTH) or next((each for each in found.values() if each), None)
    if best is None:
        return "nothing can be compared"
    first, second = comparison.first, comparison.second
    same_judge = first.judge == second.judge
    names = [run.title.rsplit(" / ", 1)[0] if same_judge else run.title for run in (first, second)]
    ahead = names[1] if best.mean > 0 else names[0]
    if best.p > level:
        return f"no clear difference (p = {best.p:.3g}, {best.samples} pairs)"
    return f"{ahead} is ahead by {abs(best.mean):.2f} (p = {best.p:.2g}, {best.samples} pairs)"
