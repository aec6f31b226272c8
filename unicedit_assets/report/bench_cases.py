"""Single samples for the benchmark's page: both pictures, texts, scores, reasons, raw replies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unicedit_assets.bench.results import Results, by_key, label
from unicedit_assets.bench.samples import Sample, SampleList
from unicedit_assets.bench.sheet import JUDGED, OVERALL, Run, Sheet
from unicedit_assets.domain import codec
from unicedit_assets.domain.images import Rejected, whole
from unicedit_assets.domain.unicbench import SHORT
from unicedit_assets.report.text import bounded

_SIDE, _QUALITY = 340, 68
_MAX_PIXELS = 64_000_000
_RAW = 1500
_UNSCORED = "not scored"


@dataclass(frozen=True)
class Mark:
    """One metric of one sample: its score (a dash without one), reasons and raw replies."""

    short: str
    score: float | None
    reasons: tuple[str, ...]
    replies: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """One sample as one judge saw it.

    Attributes:
        source, edited: ``data:`` URIs; empty where a picture cannot be had.
        overall: None when it is unscored; ``state`` then says why.
    """

    run: str
    key: str
    task: str
    subtask: str
    language: str
    instruction: str
    points: tuple[str, ...]
    source: str
    edited: str
    overall: float | None
    state: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Cases:
    """The chosen samples, worst first, of how many there are."""

    shown: tuple[Case, ...]
    total: int
    per_group: int


def collect_cases(results: Results, samples: SampleList | None, per_group: int) -> Cases:
    """Return the worst samples of each run, language and subtask; unscored ones come last.

    Args:
        results: what was scored.
        samples: the benchmark; without it there are neither sources nor instructions.
        per_group: how many of each run, language and subtask.
    """
    known, pictures = by_key(samples), _Thumbnails()
    paths = _paths(results)
    told = _told(results)
    chosen = [
        (sheet, place) for sheet in results.sheets for place in worst_places(sheet, per_group)
    ]
    found = [_case(sheet, place, known, pictures, paths, told) for sheet, place in chosen]
    ordered = sorted(found, key=lambda c: (c.overall is None, c.overall or 0.0, c.key, c.language))
    return Cases(tuple(ordered), sum(len(s.keys) for s in results.sheets), per_group)


def worst_places(sheet: Sheet, per_group: int) -> list[int]:
    """Return the rows with the lowest overall of each language and subtask, unscored ones last."""
    overall = sheet.scores[:, OVERALL]
    order = np.lexsort((sheet.keys, np.where(np.isnan(overall), np.inf, overall)))
    taken: dict[tuple[str, str], int] = {}
    kept = []
    for place in order.tolist():
        group = (str(sheet.languages[place]), str(sheet.subtasks[place]))
        taken[group] = taken.get(group, 0) + 1
        if taken[group] <= per_group:
            kept.append(place)
    return kept


class _Thumbnails:
    """Small pictures as ``data:`` URIs; a source is shown many times and made once."""

    def __init__(self) -> None:
        self._sources: dict[str, str] = {}

    def source(self, sample: Sample | None) -> str:
        if sample is None:
            return ""
        if sample.key not in self._sources:
            try:
                self._sources[sample.key] = _uri(sample.source.read())
            except OSError:
                self._sources[sample.key] = ""
        return self._sources[sample.key]

    def edited(self, path: Path | None) -> str:
        try:
            return _uri(path.read_bytes()) if path else ""
        except OSError:
            return ""


def _uri(data: bytes) -> str:
    pixels = whole(data, _MAX_PIXELS)
    return "" if isinstance(pixels, Rejected) else codec.thumbnail_uri(pixels, _SIDE, _QUALITY)


_Cell = tuple[str, str, str, str]


def _paths(results: Results) -> dict[_Cell, Path | None]:
    return {
        (row["model"], row["variant"], row["key"], row["language"]): results.edited_path(row)
        for row in results.coverage.to_pylist()
    }


def _told(results: Results) -> dict[tuple[Run, str, str, str], list[Mapping[str, Any]]]:
    """Return (run, key, language, metric) -> its records, by repeat."""
    columns = ["model", "variant", "judge", "key", "language", "metric", "repeat", "reason"]
    found: dict[tuple[Run, str, str, str], list[Mapping[str, Any]]] = {}
    for row in results.records.select([*columns, "replies"]).to_pylist():
        run = Run(row["model"], row["variant"], row["judge"])
        found.setdefault((run, row["key"], row["language"], row["metric"]), []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: int(row["repeat"]))
    return found


def _case(
    sheet: Sheet,
    place: int,
    known: Mapping[str, Sample],
    pictures: _Thumbnails,
    paths: Mapping[_Cell, Path | None],
    told: Mapping[tuple[Run, str, str, str], Sequence[Mapping[str, Any]]],
) -> Case:
    key, language = str(sheet.keys[place]), str(sheet.languages[place])
    run, sample = sheet.run, known.get(key)
    state = str(sheet.states[place])
    total = _number(sheet.scores[place, OVERALL])
    return Case(
        run=label(run),
        key=key,
        task=str(sheet.tasks[place]),
        subtask=str(sheet.subtasks[place]),
        language=language,
        instruction=bounded(sample.prompts.get(language, "")) if sample else "",
        points=sample.points_in(language) if sample else (),
        source=pictures.source(sample),
        edited=pictures.edited(paths.get((run.model, run.variant, key, language))),
        overall=total,
        state="" if total is not None else (_UNSCORED if state == "present" else state),
        marks=tuple(_marks(sheet, place, told)),
    )


def _marks(
    sheet: Sheet, place: int, told: Mapping[tuple[Run, str, str, str], Sequence[Mapping[str, Any]]]
) -> Iterator[Mark]:
    key, language = str(sheet.keys[place]), str(sheet.languages[place])
    for number, metric in enumerate(JUDGED):
        rows = told.get((sheet.run, key, language, metric))
        if rows:
            yield Mark(
                SHORT[metric],
                _number(sheet.scores[place, number]),
                tuple(bounded(row["reason"]) for row in rows if row["reason"]),
                tuple(bounded(text, _RAW) for row in rows for text in row["replies"] or ()),
            )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
