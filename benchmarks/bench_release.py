"""Measure the release and the audit: rows a second and peak memory of plan, writing and auditing.

    python benchmarks/bench_release.py [--rows 300] [--candidates 1000000] [--workers 2]

Each measurement runs in a process of its own, so that peak memory (RSS, MiB) is its own. The
pictures are noise of the size of real ones, about 1.5 MB a PNG; the upstream layout is row groups
of 100 pairs, SNAPPY, dictionaries on, as in the released files.
"""

from __future__ import annotations

import argparse
import io
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from unicedit_assets.domain.taxonomy import SUBTASKS
from unicedit_assets.published.audit import AuditSettings, audit
from unicedit_assets.published.plan import CANDIDATE_SCHEMA, PlanSettings, make_plan
from unicedit_assets.published.schema import RELEASE_SCHEMA, data_file
from unicedit_assets.published.writer import ReleaseRow, write_data_file

_DISTINCT = 40


@dataclass(frozen=True)
class Measured:
    seconds: float
    peak_mib: float
    bytes: int


def _png(seed: int) -> bytes:
    """Smooth noise: compresses like a photograph of one megapixel."""
    noise = np.random.default_rng(seed).normal(128, 12, (1248, 832, 3))
    image = Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _rows(count: int) -> Iterator[ReleaseRow]:
    pictures = [_png(seed) for seed in range(_DISTINCT)]
    for i in range(count):
        first, step = i % _DISTINCT, 1 + i // _DISTINCT % (_DISTINCT - 1)
        edited = pictures[(first + step) % _DISTINCT]
        subtask = SUBTASKS[i % len(SUBTASKS)]
        yield ReleaseRow(f"{i:032x}", subtask, pictures[first], edited, f"第{i}辆", f"Car {i}")


def write(folder: Path, rows: int) -> int:
    return write_data_file(folder / data_file(0, 1), _rows(rows)).bytes


def write_upstream(folder: Path, rows: int) -> int:
    ours = pq.ParquetFile(folder / data_file(0, 1), pre_buffer=False)
    path = folder / "upstream" / data_file(0, 1)
    path.parent.mkdir(parents=True)
    with pq.ParquetWriter(path, RELEASE_SCHEMA, compression="snappy") as writer:
        for batch in ours.iter_batches(100):
            writer.write_table(pa.Table.from_batches([batch]))
    return path.stat().st_size


def examine(folder: Path, rows: int, settings: AuditSettings) -> int:
    report = audit(folder, settings)
    if report.rows != rows or report.errors:
        raise RuntimeError(f"the audit is wrong: {report.to_json()}")
    return 0


def _keep_first(hashes: object) -> list[None]:
    return [None] * len(hashes)  # type: ignore[arg-type]


def _find_near(hashes: object, _: object) -> list[None]:
    return _keep_first(hashes)


def plan(candidates: int) -> int:
    order = np.random.default_rng(0).permutation(candidates)
    table = pa.table(
        {
            "edit_id": [f"{i:032x}" for i in order],
            "image_id": [f"{i // 4:032x}" for i in order],
            "phash": [f"{i // 4:016x}" for i in order],
            "subtask": [SUBTASKS[i % len(SUBTASKS)] for i in order],
            "shard": [f"s{i // 8000:05d}/classical" for i in order],
            "row": order,
        },
        schema=CANDIDATE_SCHEMA,
    )
    start = time.perf_counter()
    made = make_plan(table, PlanSettings(), _keep_first, _find_near)
    print(f"  (plan alone {time.perf_counter() - start:.1f} s, {len(made.files)} files)")
    return 0


def _timed(work: Callable[[], int]) -> Measured:
    start = time.perf_counter()
    size = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measured(time.perf_counter() - start, peak, size)


def measure(name: str, rows: int, work: Callable[[], int]) -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        done = pool.submit(_timed, work).result()
    size = f", {done.bytes / 2**20:.0f} MiB" if done.bytes else ""
    print(
        f"{name}: {rows / done.seconds:,.1f} rows/s, {done.seconds:.1f} s, "
        f"peak {done.peak_mib:.0f} MiB{size}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--candidates", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        measure("write", given.rows, partial(write, folder, given.rows))
        measure("rewrite as upstream", given.rows, partial(write_upstream, folder, given.rows))
        for place, label in ((folder, "ours"), (folder / "upstream", "upstream")):
            for settings, how in (
                (AuditSettings(quick=True), "quick"),
                (AuditSettings(workers=given.workers), f"{given.workers} workers"),
            ):
                work = partial(examine, place, given.rows, settings)
                measure(f"audit {label}, {how}", given.rows, work)
    measure("plan", given.candidates, partial(plan, given.candidates))


if __name__ == "__main__":
    main()
