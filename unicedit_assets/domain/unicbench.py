"""UnicBench's arithmetic: overall scores, and means that never count the unscored as zero.

Paper, evaluation section: a sample's overall is the geometric mean of its metrics (IF, NC, VQ, and
RA for Reasoning Editing); a model's figure is the mean over samples, per language, task, subtask.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from unicedit_assets.domain.roles import Scores
from unicedit_assets.domain.taxonomy import needs_reasoning

METRICS = (
    "instruction_following",
    "non_edit_consistency",
    "visual_quality",
    "reasoning_accuracy",
    "overall",
)
# How tables call them.
SHORT: Mapping[str, str] = MappingProxyType(
    {
        "instruction_following": "IF",
        "non_edit_consistency": "NC",
        "visual_quality": "VQ",
        "reasoning_accuracy": "RA",
        "overall": "Overall",
    }
)
LANGUAGES = ("en", "cn")
HIGHEST = 10.0


def overall(scores: Scores, subtask: str) -> float | None:
    """Return the geometric mean of a sample's metrics, 0-10; None when one of them is missing.

    Raises:
        ValueError: a metric is outside 0-10 or not a number.
    """
    metrics = [scores.instruction_following, scores.non_edit_consistency, scores.visual_quality]
    if needs_reasoning(subtask):
        metrics.append(scores.reasoning_accuracy)
    known = [value for value in metrics if value is not None]
    for value in known:
        if not 0.0 <= value <= HIGHEST:
            raise ValueError(f"a score must be within 0-10, not {value}")
    if len(known) < len(metrics):
        return None
    return math.prod(known) ** (1.0 / len(known))


@dataclass(frozen=True)
class Line:
    """One line of a benchmark table: means over the scored samples, and how many there were.

    Attributes:
        means: metric -> mean, or None when no sample of the group has it.
        scored, samples: how many samples were scored, of how many there are.
    """

    group: str
    means: Mapping[str, float | None]
    scored: int
    samples: int


def summarise(
    rows: Iterable[Mapping[str, object]],
    group_of: Callable[[Mapping[str, object]], str],
    samples: Mapping[str, int],
) -> Sequence[Line]:
    """Average scored rows by group; groups of ``samples`` without a scored row appear with None."""
    grouped: dict[str, list[Mapping[str, object]]] = {group: [] for group in samples}
    for row in rows:
        grouped.setdefault(group_of(row), []).append(row)
    return [
        Line(
            group,
            {metric: _mean(members, metric) for metric in METRICS},
            len(members),
            samples.get(group, len(members)),
        )
        for group, members in grouped.items()
    ]


def _mean(rows: Sequence[Mapping[str, object]], metric: str) -> float | None:
    values = [value for row in rows if isinstance(value := row[metric], float)]
    return math.fsum(values) / len(values) if values else None
