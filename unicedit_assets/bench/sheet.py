"""Records of a benchmark run as arrays: who was judged by whom, and every score in its place.

What could not be scored is NaN here and None in every table: never zero, and never left out of the
count of what there should be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unicedit_assets.bench.errors import BenchError
from unicedit_assets.domain.roles import Scores
from unicedit_assets.domain.unicbench import METRICS, overall

Floats = NDArray[np.float64]
Names = NDArray[np.str_]

JUDGED = METRICS[:-1]
OVERALL = len(METRICS) - 1
_PLACE = {metric: place for place, metric in enumerate(METRICS)}


class RecordsError(BenchError):
    """The records cannot be read as one benchmark run; the message says why."""


class Run(NamedTuple):
    """One column of a results table. Base and rewritten variants are runs of their own."""

    model: str
    variant: str
    judge: str

    @property
    def title(self) -> str:
        """How a table calls it; the base variant needs no word."""
        model = self.model if self.variant == "base" else f"{self.model} ({self.variant})"
        return f"{model} / {self.judge}"


@dataclass(frozen=True)
class Sheet:
    """The scores of one run, one row for each expected (key, language).

    Attributes:
        keys, languages, tasks, subtasks: text, (rows,).
        states: coverage state of the edited picture, (rows,); ``present`` where it was there.
        repeats: score of every repeat, (rows, repeats, metrics); NaN: none. Metrics as ``METRICS``.
    """

    run: Run
    keys: Names
    languages: Names
    tasks: Names
    subtasks: Names
    states: Names
    repeats: Floats

    @cached_property
    def scores(self) -> Floats:
        """Mean over the repeats that were scored, (rows, metrics); NaN where none was."""
        return nanmean(self.repeats, axis=1)

    def of(self, chosen: NDArray[np.bool_]) -> Sheet:
        """Return some of the rows."""
        picked = {f.name: getattr(self, f.name)[chosen] for f in fields(self) if f.name != "run"}
        return Sheet(self.run, **picked)


def nanmean(values: Floats, axis: int) -> Floats:
    """Return the mean over what is a number; NaN, without a warning, where nothing is."""
    known = ~np.isnan(values)
    counts = known.sum(axis=axis)
    sums = np.where(known, values, 0.0).sum(axis=axis)
    return np.asarray(np.where(counts, sums / np.maximum(counts, 1), np.nan), dtype=np.float64)


def sheets(records: pa.Table, coverage: pa.Table) -> list[Sheet]:
    """Return one sheet a run, ordered by model, variant and judge.

    Args:
        records: rows of ``records.RECORDS``.
        coverage: rows of ``records.COVERAGE``; what is expected, so a sample without any record
            counts as unscored. May be empty: then the records alone say what there is.

    Raises:
        RecordsError: a score occurs twice with different values, lies outside 0-10, or is of a
            sample that the coverage does not list.
    """
    by_run: dict[Run, list[Mapping[str, Any]]] = {}
    columns = ["key", "task", "subtask", "language", "model", "variant", "judge"]
    columns += ["metric", "repeat", "status", "score"]
    for row in records.select(columns).to_pylist():
        by_run.setdefault(Run(row["model"], row["variant"], row["judge"]), []).append(row)
    listed = coverage.to_pylist()
    return [_sheet(run, by_run[run], listed) for run in sorted(by_run)]


def _sheet(run: Run, rows: Sequence[Mapping[str, Any]], coverage: Iterable[Any]) -> Sheet:
    expected = {
        (row["key"], row["language"]): row
        for row in coverage
        if (row["model"], row["variant"]) == (run.model, run.variant)
    }
    if not expected:
        expected = {(row["key"], row["language"]): {**row, "state": "present"} for row in rows}
    # Of languages that this judge was never asked about, nothing is expected of it.
    asked = {row["language"] for row in rows}
    cells = sorted(cell for cell in expected if cell[1] in asked)
    place = {cell: number for number, cell in enumerate(cells)}
    order = {number: at for at, number in enumerate(sorted({row["repeat"] for row in rows}))}
    found = np.full((len(cells), len(order), len(METRICS)), np.nan)
    for row in rows:
        cell = (row["key"], row["language"])
        if cell not in place:
            raise RecordsError(
                f"{run.title}: the coverage does not list {row['key']} ({row['language']}); "
                "score this model again so that both are of one list"
            )
        _put(found, (place[cell], order[row["repeat"]], _PLACE[row["metric"]]), row)
    listed = [expected[cell] for cell in cells]
    subtasks = [str(row["subtask"]) for row in listed]
    _add_overall(found, subtasks)
    return Sheet(
        run=run,
        keys=np.array([cell[0] for cell in cells], dtype=np.str_),
        languages=np.array([cell[1] for cell in cells], dtype=np.str_),
        tasks=np.array([row["task"] for row in listed], dtype=np.str_),
        subtasks=np.array(subtasks, dtype=np.str_),
        states=np.array([row["state"] for row in listed], dtype=np.str_),
        repeats=found,
    )


def _put(found: Floats, at: tuple[int, int, int], row: Mapping[str, Any]) -> None:
    score = row["score"]
    if row["status"] != "scored" or score is None:
        return
    where = f"{row['key']} ({row['language']}, {row['metric']}, repeat {row['repeat']})"
    if not 0.0 <= score <= 10.0:
        raise RecordsError(f"the score of {where} is {score}, not within 0-10")
    if not np.isnan(found[at]) and found[at] != score:
        raise RecordsError(
            f"{where} has two scores by {row['judge']}, {found[at]:g} and {score:g}: "
            "give judges with other prompts or settings names of their own"
        )
    found[at] = score


def _add_overall(found: Floats, subtasks: Sequence[str]) -> None:
    """Write each repeat's geometric mean beside its metrics."""
    any_known = (~np.isnan(found[:, :, :OVERALL])).any(axis=2)
    for row, repeat in np.argwhere(any_known):
        known = [None if np.isnan(v) else float(v) for v in found[row, repeat, :OVERALL]]
        total = overall(Scores(known[0], known[1], known[2], known[3]), subtasks[row])
        if total is not None:
            found[row, repeat, OVERALL] = total
