"""Statistics of a release, gathered row by row from metadata: what ``stats.json`` holds.

Only counts and integers are added up, so the result does not depend on the order of rows; keys are
sorted, so equal releases give equal bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.taxonomy import SUBTASKS, TASKS, task_of

CONFIDENCE_BINS = 20
LENGTH_STEP = 20
_CONFIDENCE_UNIT = 1_000_000

Counts: TypeAlias = dict[str, int]


@dataclass(frozen=True)
class RowFacts:
    """What the statistics need of one published row: no pictures.

    Attributes:
        width, height: pixels of both pictures.
        confidence: the verifier's, 0-1; None where it gave none.
        rewritten: whether the published text is the verifier's.
    """

    subtask: str
    editor: str
    licence: str
    width: int
    height: int
    confidence: float | None
    rewritten: bool
    prompt_en: str
    prompt_cn: str


@dataclass
class _Lengths:
    """Lengths of texts in characters: extremes, sum, and a histogram in steps."""

    bins: Counter[int] = field(default_factory=Counter)
    total: int = 0
    rows: int = 0
    least: int | None = None
    most: int = 0

    def add(self, text: str) -> None:
        length = len(text)
        self.bins[length // LENGTH_STEP] += 1
        self.total += length
        self.rows += 1
        self.least = length if self.least is None else min(self.least, length)
        self.most = max(self.most, length)

    def to_json(self) -> dict[str, Json]:
        last = max(self.bins, default=-1)
        return {
            "least": self.least or 0,
            "mean": round(self.total / self.rows, 2) if self.rows else 0.0,
            "most": self.most,
            "histogram": [
                {"from": i * LENGTH_STEP, "to": (i + 1) * LENGTH_STEP, "rows": self.bins[i]}
                for i in range(last + 1)
            ],
        }


def _sorted(counts: Mapping[str, int]) -> Counts:
    return dict(sorted(counts.items()))


class Statistics:
    """Adds up a release: ``add`` each row, ``add_reject`` each negative, then ``to_json``."""

    def __init__(self) -> None:
        self._subtasks: Counter[str] = Counter()
        self._editors: Counter[str] = Counter()
        self._licences: Counter[str] = Counter()
        self._resolutions: Counter[str] = Counter()
        self._confidence: Counter[int] = Counter()
        self._confidence_sum = 0
        self._rewritten = 0
        self._en, self._cn = _Lengths(), _Lengths()
        self._rejects: dict[str, Counter[str]] = {}
        self._rejects_by_subtask: Counter[str] = Counter()

    def add(self, row: RowFacts) -> None:
        """Count one published row.

        Raises:
            KeyError: the subtask is not in the taxonomy.
            ValueError: the confidence is not within 0-1.
        """
        task_of(row.subtask)
        self._subtasks[row.subtask] += 1
        self._editors[row.editor] += 1
        self._licences[row.licence] += 1
        self._resolutions[f"{row.width}x{row.height}"] += 1
        self._rewritten += row.rewritten
        self._en.add(row.prompt_en)
        self._cn.add(row.prompt_cn)
        if row.confidence is not None:
            self._add_confidence(row.confidence)

    def _add_confidence(self, confidence: float) -> None:
        if not 0.0 <= confidence <= 1.0:
            raise ValueError(f"a confidence must be within 0-1, not {confidence}")
        self._confidence[min(int(confidence * CONFIDENCE_BINS), CONFIDENCE_BINS - 1)] += 1
        self._confidence_sum += round(confidence * _CONFIDENCE_UNIT)

    def add_reject(self, stage: str, reason: str, subtask: str | None = None) -> None:
        """Count one negative."""
        self._rejects.setdefault(stage, Counter())[reason] += 1
        if subtask:
            self._rejects_by_subtask[subtask] += 1

    def _tasks(self) -> Counts:
        return {
            task: sum(self._subtasks[subtask] for subtask in subtasks)
            for task, subtasks in TASKS.items()
        }

    def _confidence_json(self) -> dict[str, Json]:
        rows = self._confidence.total()
        return {
            "rows": rows,
            "mean": round(self._confidence_sum / _CONFIDENCE_UNIT / rows, 6) if rows else None,
            "histogram": [
                {
                    "from": i / CONFIDENCE_BINS,
                    "to": (i + 1) / CONFIDENCE_BINS,
                    "rows": self._confidence[i],
                }
                for i in range(CONFIDENCE_BINS)
            ],
        }

    def _balance(self) -> dict[str, Json]:
        present = [count for count in self._subtasks.values() if count]
        return {
            "factor": round(max(present) / min(present), 4) if present else None,
            "missing_subtasks": [s for s in SUBTASKS if not self._subtasks[s]],
        }

    def to_json(self) -> dict[str, Json]:
        """Return everything counted so far, as JSON."""
        return {
            "rows": self._subtasks.total(),
            "tasks": self._tasks(),
            "subtasks": {subtask: self._subtasks[subtask] for subtask in SUBTASKS},
            "balance": self._balance(),
            "editors": _sorted(self._editors),
            "licences": _sorted(self._licences),
            "resolutions": _sorted(self._resolutions),
            "rewritten": self._rewritten,
            "confidence": self._confidence_json(),
            "text_lengths": {"en": self._en.to_json(), "cn": self._cn.to_json()},
            "rejects": {
                stage: _sorted(reasons) for stage, reasons in sorted(self._rejects.items())
            },
            "rejects_by_subtask": _sorted(self._rejects_by_subtask),
        }

    def to_bytes(self) -> bytes:
        """Return ``stats.json``: indented UTF-8 text that ends with a newline."""
        return (json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n").encode()
