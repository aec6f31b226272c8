"""The table that ends a run: means over what was scored, and how much of the benchmark that is."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unicedit_assets.bench.layout import Expected
from unicedit_assets.domain.roles import Scores
from unicedit_assets.domain.taxonomy import TASKS
from unicedit_assets.domain.unicbench import METRICS, overall

ALL = "All"


@dataclass(frozen=True)
class TaskLine:
    """One task (or all) of one judge in one language.

    Attributes:
        means: metric -> mean over the samples that have it, 0-10; None where none has.
        scored: samples with every metric, which alone have an overall score.
        expected: samples that there should be.
    """

    judge: str
    language: str
    task: str
    means: Mapping[str, float | None]
    scored: int
    expected: int


def task_lines(
    outputs: Iterable[Expected], rows: Iterable[Mapping[str, Any]], judges: Iterable[str]
) -> list[TaskLine]:
    """Return the lines of judges, languages and tasks; repeats of a metric count as their mean.

    The mean of ``overall`` is over samples with all their metrics; every other mean is over all
    samples that have that metric, so that one lost reply does not take three others with it.
    """
    expected: dict[tuple[str, str], int] = defaultdict(int)
    for output in outputs:
        for task in (output.sample.task, ALL):
            expected[output.language, task] += 1
    samples = _samples(rows)
    lines = []
    for judge in judges:
        for language, task in sorted(expected, key=_order):
            mine = [
                sample
                for sample in samples
                if (sample.judge, sample.language) == (judge, language)
                and task in (sample.task, ALL)
            ]
            lines.append(_line(judge, language, task, mine, expected[language, task]))
    return lines


def _order(group: tuple[str, str]) -> tuple[str, int]:
    language, task = group
    return {"en": "0"}.get(language, language), [*TASKS, ALL].index(task)


@dataclass(frozen=True)
class _Sample:
    judge: str
    language: str
    task: str
    scores: Mapping[str, float]


def _samples(rows: Iterable[Mapping[str, Any]]) -> list[_Sample]:
    found: dict[tuple[str, ...], dict[str, list[float]]] = {}
    for row in rows:
        about = (row["judge"], row["language"], row["task"], row["subtask"], row["key"])
        metrics = found.setdefault(about, defaultdict(list))
        if row["score"] is not None:
            metrics[row["metric"]].append(row["score"])
    samples = []
    for (judge, language, task, subtask, _), metrics in found.items():
        means = {name: math.fsum(values) / len(values) for name, values in metrics.items()}
        whole = overall(_as_scores(means), subtask)
        if whole is not None:
            means["overall"] = whole
        samples.append(_Sample(judge, language, task, means))
    return samples


def _as_scores(means: Mapping[str, float]) -> Scores:
    following, consistency, quality, reasoning = map(means.get, METRICS[:-1])
    return Scores(following, consistency, quality, reasoning)


def _line(
    judge: str, language: str, task: str, samples: Sequence[_Sample], expected: int
) -> TaskLine:
    means: dict[str, float | None] = {}
    for metric in METRICS:
        values = [s.scores[metric] for s in samples if metric in s.scores]
        means[metric] = math.fsum(values) / len(values) if values else None
    scored = sum("overall" in sample.scores for sample in samples)
    return TaskLine(judge, language, task, means, scored, expected)
