"""Made-up benchmark runs: records and coverage in the contract's form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from unicedit_assets.bench.records import COVERAGE, RECORDS
from unicedit_assets.domain.taxonomy import needs_reasoning, task_of
from unicedit_assets.domain.unicbench import METRICS

PLAIN, REASONING = "Color Alteration", "Spatial Reasoning Edits"
JUDGED = METRICS[:-1]

# (key, language) -> IF, NC, VQ and, for reasoning subtasks, RA; None: unscored.
Given = Mapping[tuple[str, str], Sequence[float | None]]


def subtask_of(key: str) -> str:
    """Return a key's subtask: keys that begin with r are of a reasoning subtask."""
    return REASONING if key.startswith("r") else PLAIN


def records(
    given: Given,
    model: str = "painter",
    judge: str = "strict",
    variant: str = "base",
    repeat: int = 0,
) -> list[dict[str, Any]]:
    """Return the rows of one run and repeat."""
    rows = []
    for (key, language), scores in given.items():
        wanted = JUDGED if needs_reasoning(subtask_of(key)) else JUDGED[:3]
        for metric, score in zip(wanted, scores, strict=True):
            rows.append(
                {
                    **dict.fromkeys(RECORDS.names),
                    **shared(key, language, model, variant),
                    "judge": judge,
                    "judge_model": f"{judge}-8b",
                    "judge_revision": "1",
                    "metric": metric,
                    "repeat": repeat,
                    "status": "unscored" if score is None else "scored",
                    "score": score,
                    "reason": f"{metric} of {key}",
                    "replies": [f'{{"score": {score}}}'],
                    "decoding": "{}",
                    "prompt_sha256": "p",
                    "request_key": f"{model}/{judge}/{key}/{language}/{metric}/{repeat}",
                }
            )
    return rows


def shared(key: str, language: str, model: str, variant: str) -> dict[str, Any]:
    """Return the columns that records and coverage have in common."""
    subtask = subtask_of(key)
    return {
        "key": key,
        "task": task_of(subtask),
        "subtask": subtask,
        "language": language,
        "model": model,
        "variant": variant,
    }


def coverage(
    cells: Iterable[tuple[str, str]],
    model: str = "painter",
    variant: str = "base",
    states: Mapping[tuple[str, str], str] | None = None,
    paths: Mapping[tuple[str, str], str] | None = None,
) -> list[dict[str, Any]]:
    """Return the coverage rows of one model; a cell is present unless ``states`` says else."""
    return [
        {
            **shared(*cell, model, variant),
            "state": (states or {}).get(cell, "present"),
            "detail": "",
            "path": (paths or {}).get(cell, ""),
        }
        for cell in cells
    ]


def tables(
    rows: Sequence[Mapping[str, Any]], covered: Sequence[Mapping[str, Any]] = ()
) -> tuple[pa.Table, pa.Table]:
    """Return records and coverage as tables."""
    return (
        pa.Table.from_pylist(list(rows), schema=RECORDS),
        pa.Table.from_pylist(list(covered), schema=COVERAGE),
    )
