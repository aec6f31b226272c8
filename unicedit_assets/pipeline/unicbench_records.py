"""The scores of asset runs in the form of the benchmark's own records, for the same reports."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from unicedit_assets.bench.judges import judge_name
from unicedit_assets.bench.layout import BASE, State, folder_of
from unicedit_assets.bench.records import COVERAGE, RECORDS
from unicedit_assets.domain import schemas
from unicedit_assets.domain.taxonomy import needs_reasoning
from unicedit_assets.domain.unicbench import METRICS
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.unicbench import benchmark_ref
from unicedit_assets.pipeline.unicbench_edits import UnicBenchEdits
from unicedit_assets.pipeline.unicbench_scores import UnicBenchScores

_SHARED = ("key", "task", "subtask")
_POINTS = ("reasoning_points", "reasoning_points_cn")
_BATCH = 16
_ROW: Mapping[str, Any] = {**dict.fromkeys(RECORDS.names), "variant": BASE, "repeat": 0}


def records_of(project: Project) -> tuple[pa.Table, pa.Table]:
    """Return records and coverage of every model and language that is up to date.

    A judge is named as ``bench score`` names judges; what only that writes (tokens, decoding,
    picture hashes) is null. A sample whose edit failed is missing, one without a score unscored.
    """
    records: list[dict[str, Any]] = []
    coverage: list[dict[str, Any]] = []
    for ref in project.refs(UnicBenchScores.name):
        if project.find(ref) is not None:
            records += _records(project, ref)
            coverage += _coverage(project, ref)
    return (
        pa.Table.from_pylist(records, schema=RECORDS),
        pa.Table.from_pylist(coverage, schema=COVERAGE),
    )


def _records(project: Project, ref: Ref) -> Iterator[dict[str, Any]]:
    manifest = project.require(ref)
    model, language = ref.partition.split("/")
    identity = project.backends.judge.identity
    judge = {
        "judge": judge_name(str(identity["name"]), identity, 0),
        "judge_model": str(identity["name"]),
        "judge_revision": str(identity["version"]),
    }
    run = {**_ROW, **judge, "model": model, "language": language}
    columns = [*_SHARED, *METRICS, "replies", "seconds"]
    for row in project.ledger.read(manifest, schemas.ROWS, columns).to_pylist():
        said = json.loads(row["replies"])
        for metric in METRICS[:-1]:
            if row[metric] is not None:
                reply = str(said.get(metric, said.get("all", "")))
                yield {
                    **run,
                    **{name: row[name] for name in _SHARED},
                    "metric": metric,
                    "status": "scored",
                    "score": row[metric],
                    "reason": reply,
                    "replies": [reply],
                    "failures": [""],
                    "seconds": row["seconds"],
                }
    for row in project.ledger.read(manifest, schemas.REJECTS).to_pylist():
        yield from _unscored(row, run)


def _unscored(row: Mapping[str, Any], run: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a sample that lacks a score: the metrics that it has, and those that it lacks."""
    kept = json.loads(row["extra"]) or {}
    scores, replies = kept.get("scores", {}), kept.get("replies", {})
    for metric in METRICS[:-1]:
        if metric == "reasoning_accuracy" and not needs_reasoning(row["subtask"]):
            continue
        score = scores.get(metric)
        yield {
            **run,
            "key": row["unit_id"],
            "task": row["task"],
            "subtask": row["subtask"],
            "metric": metric,
            "status": "unscored" if score is None else "scored",
            "score": score,
            "reason": str(replies.get(metric, row["detail"])),
            "replies": [str(replies[metric])] if metric in replies else [],
            "failures": [""] if metric in replies else [],
        }


def _coverage(project: Project, ref: Ref) -> Iterator[dict[str, Any]]:
    model, language = ref.partition.split("/")
    samples = project.require(benchmark_ref())
    edits = project.require(Ref(UnicBenchEdits.name, ref.partition))
    failed = {
        row["unit_id"]: f"{row['reason']}: {row['detail']}"
        for row in project.ledger.read(edits, schemas.REJECTS).to_pylist()
    }
    for row in project.ledger.read(samples, schemas.ROWS, list(_SHARED)).to_pylist():
        lost = row["key"] in failed
        yield {
            **row,
            "language": language,
            "model": model,
            "variant": BASE,
            "state": (State.MISSING if lost else State.PRESENT).value,
            "detail": failed.get(row["key"], ""),
            "path": "",
        }


def list_rows(project: Project) -> Iterator[dict[str, Any]]:
    """Yield the samples in the form of upstream's list; pictures as ``lake_pictures`` names."""
    columns = [*_SHARED, "en", "cn", *_POINTS, "width", "height"]
    for row in project.ledger.read(
        project.require(benchmark_ref()), schemas.ROWS, columns
    ).to_pylist():
        points = {name: row[name] for name in _POINTS if row[name]}
        yield {
            **{name: row[name] for name in (*_SHARED, "cn", "en")},
            "image_path": f"images/{row['key']}.webp",
            "resolution": [row["width"], row["height"]],
            **points,
        }


def lake_pictures(project: Project) -> Iterator[tuple[str, bytes]]:
    """Yield relative path and bytes of every source, and of every edit in upstream's layout."""
    samples = project.require(benchmark_ref())
    for batch in project.ledger.iter_batches(samples, schemas.ROWS, ["key", "image"], _BATCH):
        for row in batch.to_pylist():
            yield f"images/{row['key']}.webp", row["image"]
    columns = ["key", "subtask", "model", "language", "edit_image"]
    for ref in project.refs(UnicBenchEdits.name):
        edits = project.find(ref)
        if edits is None:
            continue
        for batch in project.ledger.iter_batches(edits, schemas.ROWS, columns, _BATCH):
            for row in batch.to_pylist():
                folder = f"{row['model']}/{folder_of(row['subtask'])}/{row['language']}"
                yield f"{folder}/{row['key']}.webp", row["edit_image"]
