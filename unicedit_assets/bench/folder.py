"""What a run leaves beside its records: which outputs were there, and how it was run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.judges import BenchJudge, read_reply
from unicedit_assets.bench.records import COVERAGE
from unicedit_assets.bench.run import Outcome, Run
from unicedit_assets.bench.store import RecordStore, write_json, write_parquet
from unicedit_assets.vlm.judge_prompts import ReplyKeys

COVERAGE_FILE, RUN_FILE = "coverage.parquet", "run.json"
_SAME = ("key", "language", "model", "variant")


def default_out(images: Path, model: str) -> Path:
    """Return where a model's records go unless told otherwise."""
    return images / model / "unicbench"


def read_run(out: Path) -> Mapping[str, Any]:
    """Return how the last run of a folder was made; empty where there was none.

    Raises:
        BenchError: the file is damaged.
    """
    path = out / RUN_FILE
    if not path.exists():
        return {}
    try:
        run = json.loads(path.read_text("utf-8"))
        if not isinstance(run, dict):
            raise ValueError("not a table of fields")
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} cannot be read: {error}; move it away to go on") from error
    return run


def require_same_benchmark(out: Path, sha256: str) -> None:
    """See that a folder's records are of this benchmark.

    Raises:
        BenchError: they are of another list.
    """
    earlier = read_run(out).get("data_sha256", sha256)
    if earlier != sha256:
        raise BenchError(f"{out} holds records of another benchmark list: choose another --out")


def write_run(out: Path, run: Run, outcome: Outcome | None) -> None:
    """Write ``run.json``, and with an outcome the coverage, which joins that of earlier runs.

    Judges of earlier runs stay described: their records are in the folder, too.
    """
    settings = run.settings
    judges = [_described(run, judge) for judge in run.judges]
    mine = {judge["name"] for judge in judges}
    earlier = [judge for judge in read_run(out).get("judges", ()) if judge.get("name") not in mine]
    described = {
        **asdict(settings),
        "images": str(settings.images),
        "rule": settings.rule.value,
        "data": run.samples.name,
        "data_sha256": run.samples.sha256,
        "judges": judges + earlier,  # those of this run first
        "finished": outcome is not None,
    }
    if outcome:
        described["counts"] = counts_of(outcome)
        _write_coverage(out, run, outcome)
    write_json(described, out / RUN_FILE)


def _described(run: Run, judge: BenchJudge) -> dict[str, Any]:
    """Return everything that says which judge it is."""
    return {
        "name": judge.name,
        "model": judge.model,
        "revision": judge.revision,
        "max_pixels": judge.max_pixels,
        "encoding": judge.encoding.value,
        "repeats": run.repeats(judge),
        "identity": judge.identity,
    }


def counts_of(outcome: Outcome) -> dict[str, Any]:
    """Return the counts of a run: expected = all states, asked = scored + unscored."""
    return {
        "expected": len(outcome.outputs),
        **{state.value: number for state, number in outcome.states.items()},
        "judges": {
            name: {"asked": t.asked, "scored": t.scored, "unscored": t.unscored}
            for name, t in outcome.tallies.items()
        },
    }


def _write_coverage(out: Path, run: Run, outcome: Outcome) -> None:
    path = out / COVERAGE_FILE
    earlier = pq.read_table(path).to_pylist() if path.exists() else []
    rows = {tuple(row[name] for name in _SAME): row for row in earlier}
    for output in outcome.outputs:
        row = output.row(run.settings.model, run.settings.variant)
        rows[tuple(row[name] for name in _SAME)] = row
    write_parquet(pa.Table.from_pylist(list(rows.values()), schema=COVERAGE), path)


def read_coverage(out: Path) -> pa.Table:
    """Return the coverage of a folder: one row for each expected output of its runs.

    Raises:
        BenchError: there is none, or it is damaged.
    """
    try:
        return pq.read_table(out / COVERAGE_FILE)
    except (OSError, pa.ArrowException) as error:
        raise BenchError(f"{out} holds no coverage: finish `unicedit bench score`") from error


def rescore(out: Path) -> tuple[int, int]:
    """Parse every kept reply again, asking nobody; return how many rows there are and changed.

    A question's replies are read in the order in which they came, and the first that is a grade
    counts, as when they were asked for.
    """
    with RecordStore(out) as store:
        changed = [new for row in store.rows().values() if (new := _reread(row)) != row]
        if changed:
            store.add(changed)
        return len(store.rows()), len(changed)


def _reread(row: Mapping[str, Any]) -> Mapping[str, Any]:
    keys = ReplyKeys(**json.loads(row["decoding"])["keys"])
    reasons = []
    for text, failure in zip(row["replies"], row["failures"], strict=True):
        if failure:
            continue
        score, reason = read_reply(text, keys)
        if score is not None:
            return {**row, "status": "scored", "score": score, "reason": reason}
        reasons.append(reason)
    if row["status"] == "unscored":  # its reason says more than a new parse could
        return row
    trouble = reasons[-1] if reasons else "there is no whole reply"
    return {**row, "status": "unscored", "score": None, "reason": trouble}
