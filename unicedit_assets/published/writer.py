"""Write one data file of a release, in bounded memory, to the same bytes every time.

Picture bytes are stored as they are (PNG does not compress), texts with zstd, and every page with a
checksum, which readers that verify checksums use to find flipped bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unicedit_assets.domain.taxonomy import is_subtask, task_of
from unicedit_assets.published.schema import RELEASE_SCHEMA, is_key

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
DEFAULT_ROW_GROUP_BYTES = 64 << 20
DEFAULT_ROW_GROUP_ROWS = 100

# A page is cut only between write batches: without small ones a page would be a whole row group.
_WRITE_BATCH_ROWS = 8
_COMPRESSION = {
    "key": "zstd",
    "edit_task": "zstd",
    "edit_subtask": "zstd",
    "src_image.bytes": "none",
    "src_image.path": "zstd",
    "edit_image.bytes": "none",
    "edit_image.path": "zstd",
    "prompt_cn": "zstd",
    "prompt_en": "zstd",
}


class InvalidRowError(ValueError):
    """A row may not be published as it is; the message names the key and the fault."""


@dataclass(frozen=True)
class ReleaseRow:
    """One published triplet: PNG bytes, texts, and its place in the taxonomy."""

    key: str
    subtask: str
    source_png: bytes
    edit_png: bytes
    prompt_cn: str
    prompt_en: str


@dataclass(frozen=True)
class Written:
    """What a finished file holds."""

    rows: int
    row_groups: int
    bytes: int


def _faults(row: ReleaseRow) -> Iterator[str]:
    if not is_key(row.key):
        yield "the key is not 32 hexadecimal digits"
    if not is_subtask(row.subtask):
        yield f"{row.subtask!r} is not a subtask"
    if not (row.prompt_cn.strip() and row.prompt_en.strip()):
        yield "a prompt is empty"
    for name, data in (("source", row.source_png), ("edited", row.edit_png)):
        if not data.startswith(PNG_SIGNATURE):
            yield f"the {name} picture is not PNG"


def _record(row: ReleaseRow) -> dict[str, Any]:
    fault = next(_faults(row), None)
    if fault:
        raise InvalidRowError(f"{row.key}: {fault}")
    return {
        "key": row.key,
        "edit_task": task_of(row.subtask),
        "edit_subtask": row.subtask,
        "src_image": {"bytes": row.source_png, "path": f"{row.key}_src.png"},
        "edit_image": {"bytes": row.edit_png, "path": f"{row.key}_edit.png"},
        "prompt_cn": row.prompt_cn,
        "prompt_en": row.prompt_en,
    }


def _groups(
    rows: Iterable[ReleaseRow], max_bytes: int, max_rows: int
) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        weight = len(row.source_png) + len(row.edit_png)
        if group and (size + weight > max_bytes or len(group) >= max_rows):
            yield group
            group, size = [], 0
        group.append(_record(row))
        size += weight
    if group:
        yield group


def _open_writer(path: Path) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        RELEASE_SCHEMA,
        compression=_COMPRESSION,
        use_dictionary=["edit_task", "edit_subtask"],
        write_statistics=["key", "edit_task", "edit_subtask"],
        write_batch_size=_WRITE_BATCH_ROWS,
        write_page_checksum=True,
    )


def write_data_file(
    path: Path,
    rows: Iterable[ReleaseRow],
    row_group_bytes: int = DEFAULT_ROW_GROUP_BYTES,
    row_group_rows: int = DEFAULT_ROW_GROUP_ROWS,
) -> Written:
    """Write rows to a new Parquet file; equal rows and limits give equal bytes.

    A row group ends before its picture bytes would pass ``row_group_bytes`` or its rows
    ``row_group_rows``; memory follows the row group, whatever the file's size. ``path`` is a
    temporary name of the caller's: when anything goes wrong, no file is left there.

    Raises:
        InvalidRowError: a row breaks the published schema's promises.
        OSError: the file cannot be written.
    """
    written = groups = 0
    try:
        with _open_writer(path) as writer:
            for group in _groups(rows, row_group_bytes, row_group_rows):
                writer.write_table(pa.Table.from_pylist(group, RELEASE_SCHEMA))
                written, groups = written + len(group), groups + 1
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Written(written, groups, path.stat().st_size)
