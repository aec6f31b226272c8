"""Results in the files that upstream's evaluator writes, so that readers of those work.

Layout and field names are those of ``eval/eval_pipeline.py`` and ``eval/calculate_scores.py`` in
the repository WeChatCV/UnicBench (read at 24c13be and 3f60659)::

    {save_dir}/{model}/eval_output/{judge}/{subtask_with_underscores}_{language}_results.jsonl
    {save_dir}/{model}/eval_output/{judge}/statistics/{language}_statistics.json

Their readers average every line they find and know no missing score, so a sample without an overall
is not among the results (where it would be a zero or a crash): it stands in ``unscored.jsonl``,
and ``coverage.json`` says how many of the expected ones the statistics are of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from unicedit_assets.bench.sheet import JUDGED, OVERALL, RecordsError, Run, Sheet
from unicedit_assets.bench.statistics import covered
from unicedit_assets.domain.taxonomy import TASKS
from unicedit_assets.domain.unicbench import LANGUAGES
from unicedit_assets.storage.files import write_text

_SHORT = dict(zip(JUDGED, ("if", "nc", "vq", "ra"), strict=True))
_UNSAFE = re.compile(r"[^A-Za-z0-9._ +-]+")

Cell = tuple[str, str]


class Texts(NamedTuple):
    """What the records do not hold, by (key, language): instructions and edited pictures."""

    instructions: Mapping[Cell, str]
    paths: Mapping[Cell, str]


def folder_name(text: str) -> str:
    """Return a name of a model or judge as one folder: a model name may hold slashes.

    Raises:
        RecordsError: nothing is left of it.
    """
    name = _UNSAFE.sub("_", text).strip(" .")
    if not name:
        raise RecordsError(f"{text!r} cannot be the name of a folder")
    return name


def folder_of(save_dir: Path, run: Run) -> Path:
    """Return where a run's files go; a variant is a model of its own to upstream's readers."""
    model = run.model if run.variant == "base" else f"{run.model}-{run.variant}"
    return save_dir / folder_name(model) / "eval_output" / folder_name(run.judge)


def write_upstream(save_dir: Path, sheet: Sheet, records: pa.Table, texts: Texts) -> list[Path]:
    """Write one run and return the files, results first.

    A sample's score is the mean of its repeats; its reason is that of the first scored one.
    """
    rows = upstream_rows(sheet, reasons_of(records, sheet.run), texts)
    folder = folder_of(save_dir, sheet.run)
    written = []
    for subtask in (name for group in TASKS.values() for name in group):
        for language in LANGUAGES:
            chosen = [
                row
                for row in rows
                if (row["subtask"], row["instruction_language"]) == (subtask, language)
                and row["overall_score"] is not None
            ]
            if chosen:
                name = f"{'_'.join(subtask.split())}_{language}_results.jsonl"
                written.append(_write_lines(folder / name, chosen))
    for language in LANGUAGES:
        scored = [r for r in rows if r["instruction_language"] == language]
        scored = [r for r in scored if r["overall_score"] is not None]
        if scored:
            path = folder / "statistics" / f"{language}_statistics.json"
            written.append(_write_json(path, upstream_statistics(scored)))
    unscored = [row for row in rows if row["overall_score"] is None]
    written.append(_write_lines(folder / "unscored.jsonl", unscored))
    written.append(_write_json(folder / "coverage.json", _coverage(sheet)))
    return written


def reasons_of(records: pa.Table, run: Run) -> dict[tuple[str, str, str], str]:
    """Return (key, language, metric) -> the reason of the first scored repeat of a run."""
    columns = ["model", "variant", "judge", "key", "language", "metric", "repeat", "reason"]
    found: dict[tuple[str, str, str], tuple[int, str]] = {}
    for row in records.select([*columns, "status"]).to_pylist():
        if Run(row["model"], row["variant"], row["judge"]) != run or row["status"] != "scored":
            continue
        at = (row["key"], row["language"], row["metric"])
        if at not in found or row["repeat"] < found[at][0]:
            found[at] = (row["repeat"], row["reason"] or "")
    return {at: reason for at, (_, reason) in found.items()}


def upstream_rows(
    sheet: Sheet, reasons: Mapping[tuple[str, str, str], str], texts: Texts
) -> list[dict[str, Any]]:
    """Return one row a sample with upstream's fields, in its order; an absent score is None."""
    rows = []
    for place, (key, language) in enumerate(
        zip(sheet.keys.tolist(), sheet.languages.tolist(), strict=True)
    ):
        row: dict[str, Any] = {
            "key": key,
            "task": str(sheet.tasks[place]),
            "subtask": str(sheet.subtasks[place]),
            "instruction": texts.instructions.get((key, language), ""),
            "instruction_language": language,
            "edited_image_path": texts.paths.get((key, language), ""),
        }
        for number, metric in enumerate(JUDGED):
            row[f"{_SHORT[metric]}_score"] = _number(sheet.scores[place, number])
            row[f"{_SHORT[metric]}_reason"] = reasons.get((key, language, metric))
        row["overall_score"] = _number(sheet.scores[place, OVERALL])
        rows.append(row)
    return rows


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def upstream_statistics(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return upstream's statistics of scored rows: overall, by task and by subtask."""
    return {
        "overall": _means(rows),
        "by_task": _grouped(rows, "task"),
        "by_subtask": _grouped(rows, "subtask"),
    }


def _grouped(rows: Sequence[Mapping[str, Any]], column: str) -> dict[str, Any]:
    names = dict.fromkeys(str(row[column]) for row in rows)
    return {name: _means([row for row in rows if row[column] == name]) for name in names}


def _means(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    known = [row["ra_score"] for row in rows if row["ra_score"] is not None]
    found: dict[str, Any] = {"count": len(rows)}
    for name in ("if", "nc", "vq", "overall"):
        found[f"{name}_mean"] = float(np.mean([row[f"{name}_score"] for row in rows]))
    if known:
        found |= {"ra_mean": float(np.mean(known)), "ra_count": len(known)}
    return found


def _coverage(sheet: Sheet) -> dict[str, Any]:
    found = covered(sheet)
    return {
        "expected": found.expected,
        "scored": found.scored,
        "unscored": found.unscored,
        "states": dict(found.states),
        "share": found.share,
    }


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    return write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _write_json(path: Path, value: Mapping[str, Any]) -> Path:
    return write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
