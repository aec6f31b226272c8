"""Small data sets in the published schema, written to be broken."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from unicedit_assets.domain.taxonomy import SUBTASKS, task_of
from unicedit_assets.published.schema import RELEASE_SCHEMA, data_file
from unicedit_assets.published.writer import ReleaseRow

Record = dict[str, Any]


def png(seed: int, width: int = 32, height: int = 48, **options: Any) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **options)
    return buffer.getvalue()


def key(seed: int) -> str:
    return hashlib.md5(str(seed).encode(), usedforsecurity=False).hexdigest()


def release_row(seed: int, subtask: str = "Color Alteration") -> ReleaseRow:
    return ReleaseRow(
        key(seed),
        subtask,
        png(2 * seed),
        png(2 * seed + 1),
        f"把第{seed}辆车改成红色",
        f"Paint car {seed} red",
    )


def record(seed: int, subtask: str | None = None) -> Record:
    subtask = subtask or SUBTASKS[seed % len(SUBTASKS)]
    row = release_row(seed, subtask)
    return {
        "key": row.key,
        "edit_task": task_of(subtask),
        "edit_subtask": subtask,
        "src_image": {"bytes": row.source_png, "path": f"{row.key}_src.png"},
        "edit_image": {"bytes": row.edit_png, "path": f"{row.key}_edit.png"},
        "prompt_cn": row.prompt_cn,
        "prompt_en": row.prompt_en,
    }


def clean(rows: int = 22) -> list[Record]:
    return [record(seed) for seed in range(rows)]


def write_file(path: Path, rows: list[Record], schema: pa.Schema = RELEASE_SCHEMA) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(rows, schema)
    pq.write_table(table, path, row_group_size=5, compression="none", write_page_checksum=True)
    return path


def write_folder(folder: Path, rows: list[Record], files: int = 2) -> Path:
    share = -(-len(rows) // files)
    for index in range(files):
        write_file(folder / data_file(index, files), rows[index * share : (index + 1) * share])
    return folder
