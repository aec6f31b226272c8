"""A run's figures: means with bootstrap intervals, what is covered, how far repeats agree.

A (sample, language) counts once, with the mean of its scored repeats. Each metric is averaged over
the samples that have it, the overall over those that have all of theirs; ``Estimate.samples`` says
how many that were. Intervals are percentile bootstrap intervals over samples: a sample's languages
and repeats are drawn together, since they share the picture and are no independent evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unicedit_assets.bench.sheet import OVERALL, Floats, Sheet, nanmean
from unicedit_assets.domain.taxonomy import TASKS
from unicedit_assets.domain.unicbench import LANGUAGES, METRICS

RESAMPLES = 2000
SEED = 20251202
BOTH = "all"
WHOLE, TASK, SUBTASK = "overall", "task", "subtask"
# A judge that changes its mind by more than this has not told which of two edits is better.
CLEAR = 1.0
_LEVEL = 95.0


class Group(NamedTuple):
    """A line of a results table.

    Attributes:
        language: ``en``, ``cn`` or ``all``.
        level: ``overall``, ``task`` or ``subtask``.
        name: of the task or subtask; ``all`` at the level ``overall``.
    """

    language: str
    level: str
    name: str


class Estimate(NamedTuple):
    """A mean, 0-10, with its 95 % interval; the interval is None for a single sample."""

    mean: float
    low: float | None
    high: float | None
    samples: int


@dataclass(frozen=True)
class Covered:
    """How much of a group could be scored.

    Attributes:
        expected: samples times languages that there should be.
        states: coverage state -> how many; sums to ``expected``.
        scored: those that have an overall score.
        unscored: those whose picture was there, but which lack a metric.
    """

    expected: int
    states: Mapping[str, int]
    scored: int
    unscored: int

    @property
    def share(self) -> float:
        """The scored share, 0-1; 1 when nothing was expected."""
        return self.scored / self.expected if self.expected else 1.0


@dataclass(frozen=True)
class Line:
    """One group's estimates; a metric without any score is None."""

    group: Group
    estimates: Mapping[str, Estimate | None]
    covered: Covered


def groups(sheet: Sheet) -> Iterator[Group]:
    """Yield the groups that a sheet has rows of, in the taxonomy's order."""
    found = [language for language in LANGUAGES if (sheet.languages == language).any()]
    present = set(sheet.subtasks.tolist())
    for language in found if len(found) == 1 else [*found, BOTH]:
        yield Group(language, WHOLE, BOTH)
        for task, members in TASKS.items():
            if present & set(members):
                yield Group(language, TASK, task)
        for members in TASKS.values():
            for subtask in members:
                if subtask in present:
                    yield Group(language, SUBTASK, subtask)


def members(sheet: Sheet, group: Group) -> NDArray[np.bool_]:
    """Return which rows of a sheet belong to a group."""
    chosen = np.ones(len(sheet.keys), dtype=np.bool_)
    if group.language != BOTH:
        chosen &= sheet.languages == group.language
    if group.level == TASK:
        chosen &= sheet.tasks == group.name
    elif group.level == SUBTASK:
        chosen &= sheet.subtasks == group.name
    return chosen


def lines(sheet: Sheet, resamples: int = RESAMPLES, seed: int = SEED) -> list[Line]:
    """Return every group's line; the same sheet and seed give the same intervals."""
    return [line(sheet, group, resamples, seed) for group in groups(sheet)]


def line(sheet: Sheet, group: Group, resamples: int = RESAMPLES, seed: int = SEED) -> Line:
    """Return one group's line."""
    part = sheet.of(members(sheet, group))
    found = estimates(part.keys, part.scores, resamples, seed)
    return Line(group, dict(zip(METRICS, found, strict=True)), covered(part))


def covered(sheet: Sheet) -> Covered:
    """Return how much of a sheet was scored."""
    names, counts = np.unique(sheet.states, return_counts=True)
    has_overall = ~np.isnan(sheet.scores[:, OVERALL])
    return Covered(
        expected=len(sheet.keys),
        states=dict(zip(names.tolist(), counts.tolist(), strict=True)),
        scored=int(has_overall.sum()),
        unscored=int((~has_overall & (sheet.states == "present")).sum()),
    )


def draws(clusters: int, resamples: int, seed: int) -> Floats:
    """Return how often each cluster is drawn in each resample, (resamples, clusters)."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(clusters, np.full(clusters, 1.0 / clusters), resamples).astype(float)


def estimates(
    keys: Sequence[str] | NDArray[np.str_],
    scores: Floats,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> list[Estimate | None]:
    """Return the mean of each column with its interval, clustered by key.

    Args:
        keys: the sample that each row is of, (rows,).
        scores: (rows, columns); NaN where there is none.
    """
    _, cluster = np.unique(np.asarray(keys), return_inverse=True)
    return [_estimate(cluster, column, resamples, seed) for column in scores.T]


def _estimate(
    cluster: NDArray[np.intp], values: Floats, resamples: int, seed: int
) -> Estimate | None:
    known = ~np.isnan(values)
    if not known.any():
        return None
    # Only clusters that have a value are drawn: every resample has a mean.
    _, own = np.unique(cluster[known], return_inverse=True)
    counts = np.bincount(own).astype(float)
    sums = np.bincount(own, weights=values[known])
    mean = float(sums.sum() / counts.sum())
    if len(counts) < 2:
        return Estimate(mean, None, None, int(known.sum()))
    weights = draws(len(counts), resamples, seed)
    low, high = interval((weights @ sums) / (weights @ counts))
    return Estimate(mean, low, high, int(known.sum()))


def interval(resampled: Floats) -> tuple[float, float]:
    """Return the bounds of the middle 95 % of resampled figures."""
    outside = (100.0 - _LEVEL) / 2
    low, high = np.percentile(resampled, [outside, 100.0 - outside])
    return float(low), float(high)


@dataclass(frozen=True)
class Disagreement:
    """How far a judge's repeats lie apart, over samples with at least two scored repeats.

    Attributes:
        samples: how many those are.
        deviation: pooled standard deviation within a sample.
        difference: mean absolute difference of two repeats.
        apart: share of samples whose repeats differ by more than ``CLEAR``.
        icc: intraclass correlation ICC(1,1): the share of the variance that lies between samples;
            None where the scores do not vary at all. Source: Shrout and Fleiss 1979, with the
            mean group size of unbalanced one-way designs.
    """

    samples: int
    deviation: float
    difference: float
    apart: float
    icc: float | None


def disagreement(sheet: Sheet) -> dict[str, Disagreement | None]:
    """Return each metric's disagreement between repeats; None without repeats."""
    return {
        metric: _disagreement(sheet.repeats[:, :, place]) for place, metric in enumerate(METRICS)
    }


def _disagreement(values: Floats) -> Disagreement | None:
    values = values[(~np.isnan(values)).sum(axis=1) >= 2]
    if not len(values):
        return None
    known = ~np.isnan(values)
    counts = known.sum(axis=1)
    means = nanmean(values, axis=1)
    within = np.where(known, (values - means[:, None]) ** 2, 0.0).sum()
    deviation = float(np.sqrt(within / (counts.sum() - len(values))))
    spread = np.nanmax(values, axis=1) - np.nanmin(values, axis=1)
    pairs = [
        np.abs(values[:, i] - values[:, j])
        for i in range(values.shape[1])
        for j in range(i + 1, values.shape[1])
    ]
    return Disagreement(
        samples=len(values),
        deviation=deviation,
        difference=float(np.nanmean(np.array(pairs))),
        apart=float((spread > CLEAR).mean()),
        icc=_icc(counts.astype(float), means, float(within)),
    )


def _icc(counts: Floats, means: Floats, within: float) -> float | None:
    """Return ICC(1,1) from group sizes, group means and the sum of squares within groups."""
    total, number = counts.sum(), len(counts)
    if number < 2:
        return None
    grand = (counts * means).sum() / total
    between = float((counts * (means - grand) ** 2).sum()) / (number - 1)
    inside = within / (total - number)
    size = float(total - (counts**2).sum() / total) / (number - 1)
    whole = between + (size - 1) * inside
    return float((between - inside) / whole) if whole > 0 else None
