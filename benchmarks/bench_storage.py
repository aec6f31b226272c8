"""What the ledger's guarantees cost, against plain ``pq.write_table`` on the same disk.

The baseline keeps none of them: no fsync, no hash, no checksums, no marker, no manifest. A second
baseline adds an fsync, so that the disk's share shows. Ratios are medians over interleaved rounds,
so they hold on a noisy machine; absolute figures do not.

    python benchmarks/bench_storage.py [--rows 24] [--megabytes 1.0] [--chunks 4] [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from unicedit_assets.storage.blobs import open_store
from unicedit_assets.storage.ledger import Ledger
from unicedit_assets.storage.manifests import Counts, Manifest
from unicedit_assets.storage.terms import ChunkOutput, PartitionSpec

LIGHT = ["edit_id", "subtask"]


def table(chunk: int, rows: int, megabytes: float) -> pa.Table:
    """Incompressible pictures with their identities, like a chunk of edits."""
    noise = np.random.default_rng(chunk)
    pictures = [noise.bytes(int(megabytes * 2**20)) for _ in range(rows)]
    return pa.table(
        {
            "edit_id": [f"{chunk:016x}{row:016x}" for row in range(rows)],
            "subtask": [f"Subtask {row % 22}" for row in range(rows)],
            "edit_image": pa.array(pictures, pa.binary()),
        }
    )


def write_plain(tables: list[pa.Table], folder: Path, sync: bool) -> list[Path]:
    paths = []
    for index, one in enumerate(tables):
        path = folder / f"{index}.parquet"
        pq.write_table(one, path)
        if sync:
            with path.open("rb") as file:
                os.fsync(file.fileno())
        paths.append(path)
    return paths


def commit(tables: list[pa.Table], folder: Path) -> tuple[Ledger, Manifest]:
    ledger = Ledger(open_store(folder))
    spec = PartitionSpec("edits", "s00000/bench", "f", "1")

    def work(index: int) -> ChunkOutput:
        rows = tables[index].num_rows
        return ChunkOutput({"rows": tables[index]}, Counts(inputs=rows, accepted=rows))

    return ledger, ledger.commit(spec, len(tables), work).manifest


def seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def one_round(tables: list[pa.Table]) -> dict[str, float]:
    """Time each way once, in a folder of its own."""
    took: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folders = {way: Path(name, way) for way in ("plain", "synced", "ledger")}
        for folder in folders.values():
            folder.mkdir()
        took["write plain"] = seconds(lambda: write_plain(tables, folders["plain"], sync=False))
        os.sync()
        took["write plain + fsync"] = seconds(
            lambda: write_plain(tables, folders["synced"], sync=True)
        )
        took["write ledger"] = seconds(lambda: commit(tables, folders["ledger"]))
        ledger, manifest = commit(tables, folders["ledger"])
        paths = sorted(folders["plain"].iterdir())
        took["read plain"] = seconds(lambda: [pq.read_table(path) for path in paths])
        took["read ledger"] = seconds(lambda: ledger.read(manifest))
        took["stream ledger"] = seconds(lambda: sum(1 for _ in ledger.iter_batches(manifest)))
        took["columns plain"] = seconds(lambda: [pq.read_table(p, columns=LIGHT) for p in paths])
        took["columns ledger"] = seconds(lambda: ledger.read(manifest, columns=LIGHT))
    return took


RATIOS = [
    ("write ledger", "write plain"),
    ("write ledger", "write plain + fsync"),
    ("read ledger", "read plain"),
    ("stream ledger", "read plain"),
    ("columns ledger", "columns plain"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=24, help="rows a chunk")
    parser.add_argument("--megabytes", type=float, default=1.0, help="MiB a picture")
    parser.add_argument("--chunks", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    tables = [table(index, options.rows, options.megabytes) for index in range(options.chunks)]
    size = sum(one.nbytes for one in tables) / 2**20
    one_round(tables)
    rounds = [one_round(tables) for _ in range(options.rounds)]
    print(f"{len(tables)} chunks, {size:.0f} MiB, median of {options.rounds} rounds")
    for name in rounds[0]:
        middle = statistics.median(one[name] for one in rounds)
        print(f"  {name:20} {middle:7.3f} s  {size / middle:8.0f} MiB/s")
    print("ratios of time (1 = as fast as the baseline)")
    for ours, baseline in RATIOS:
        ratios = sorted(one[ours] / one[baseline] for one in rounds)
        spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
        print(f"  {ours + ' / ' + baseline:38} {statistics.median(ratios):5.2f}  ({spread})")


if __name__ == "__main__":
    main()
