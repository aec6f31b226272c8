"""Small deterministic partitions for the storage tests."""

from __future__ import annotations

import random

import pyarrow as pa

from unicedit_assets.storage.ledger import ChunkOutput, PartitionSpec
from unicedit_assets.storage.manifests import Counts

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
