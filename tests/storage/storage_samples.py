"""Small deterministic partitions for the storage tests, and the processes that fight over them."""

from __future__ import annotations

import random
import resource
import sys
from dataclasses import replace
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import TypeAlias

import pyarrow as pa

from unicedit_assets.storage.blobs import StorageFull, open_store
from unicedit_assets.storage.ledger import Ledger
from unicedit_assets.storage.manifests import Counts
from unicedit_assets.storage.terms import ChunkOutput, PartitionSpec

Outcome: TypeAlias = tuple[int, bool, bytes]

SPEC = PartitionSpec(
    stage="edits",
    partition="s00000/classical",
    fingerprint="f" * 32,
    code_version="1",
    config={"threshold": 0.5, "names": ("a", "b")},
    inputs={"instructions/s00000": "e" * 32},
)


def chunk(index: int, *, rows: int = 4, image_bytes: int = 2_000) -> ChunkOutput:
    """Return ``rows`` accepted rows with incompressible images, one rejected and one failed."""
    noise = random.Random(index)
    ids = [f"{index:04d}-{row:04d}" for row in range(rows)]
    accepted = pa.table(
        {
            "edit_id": ids,
            "subtask": [f"Subtask {row % 3}" for row in range(rows)],
            "edit_image": pa.array([noise.randbytes(image_bytes) for _ in ids], pa.binary()),
            "pair": pa.array(
                [{"bytes": noise.randbytes(image_bytes), "path": f"{name}.png"} for name in ids],
                pa.struct({"bytes": pa.binary(), "path": pa.string()}),
            ),
            "score": [row / 7 for row in range(rows)],
        }
    )
    rejects = pa.table(
        {"id": [f"{index}-r", f"{index}-f"], "reason": ["blank", "editor_failed"]},
    )
    counts = Counts(
        inputs=rows + 2,
        accepted=rows,
        rejected=1,
        failed=1,
        reasons={"blank": 1, "editor_failed": 1},
    )
    return ChunkOutput({"rows": accepted, "rejects": rejects}, counts, {"pixels": index, "v": "x"})


def spec(fingerprint: str) -> PartitionSpec:
    return replace(SPEC, fingerprint=fingerprint)


def signed_chunk(index: int, writer: int) -> ChunkOutput:
    """Return a chunk whose rows say who made it, as if the work were not deterministic."""
    output = chunk(index)
    rows = output.tables["rows"]
    signed = rows.append_column("writer", pa.array([writer] * rows.num_rows))
    return ChunkOutput({**output.tables, "rows": signed}, output.counts)


def race(url: str, writer: int, rounds: int, start: Barrier, told: Queue[Outcome]) -> None:
    """Commit some partitions, each at the same moment as every other writer."""
    ledger = Ledger(open_store(url))
    for round_ in range(rounds):
        start.wait()
        done = ledger.commit(spec(f"round{round_}"), 3, lambda index: signed_chunk(index, writer))
        told.put((round_, done.fresh, done.manifest.to_bytes()))


def heavy_chunk(index: int) -> ChunkOutput:
    return chunk(index, rows=3, image_bytes=150_000)


def commit(url: str) -> None:
    """Commit one partition and say when it begins, so that a test can kill it in the middle."""
    ledger = Ledger(open_store(url))
    list(ledger.store.keys(""))
    print("ready", flush=True)
    ledger.commit(SPEC, 8, heavy_chunk)
    print("done", flush=True)


def limited(url: str, file_size: int) -> None:
    """Commit one partition whose second chunk is larger than a file may be."""
    ledger = Ledger(open_store(url))
    ledger.store.put("pointer", b"old")
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    for act in (
        lambda: ledger.commit(SPEC, 2, lambda index: chunk(index, image_bytes=40_000 * index)),
        lambda: ledger.store.put("pointer", b"n" * (file_size + 1)),
    ):
        try:
            act()
        except StorageFull as error:
            print(error, flush=True)


if __name__ == "__main__":
    {"commit": commit, "limited": lambda url: limited(url, 100_000)}[sys.argv[1]](sys.argv[2])
