"""Which files a data set consists of, whether their names add up, and what columns they have."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from unicedit_assets.published.audit.findings import Findings
from unicedit_assets.published.audit.report import Defect
from unicedit_assets.published.audit.texts import TEXT_COLUMNS
from unicedit_assets.published.schema import (
    IMAGE_COLUMNS,
    RELEASE_SCHEMA,
    data_file,
    parse_data_file,
)

# A larger total is a broken name, not a data set with that many gaps.
MAX_FILES = 100_000
# Reading a column chunk through a small window keeps memory flat even for huge row groups.
_WINDOW = 1 << 20
_LFS = b"version https://git-lfs"


class NoDataError(ValueError):
    """The folder holds no Parquet files in the published layout."""


@dataclass(frozen=True)
class DataFile:
    """One readable data file.

    Attributes:
        index: its place among the files of the audit.
        texts: published text columns that it has with the right type.
        pictures: whether it has both picture columns.
        group_rows: rows of each row group.
    """

    index: int
    path: Path
    name: str
    texts: tuple[str, ...]
    pictures: bool
    group_rows: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Rows that the file declares."""
        return sum(self.group_rows)

    def first_row(self, group: int) -> int:
        """Return the row in the file with which a row group begins."""
        return sum(self.group_rows[:group])


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open for streaming, with page checksums verified where there are any."""
    return pq.ParquetFile(
        path, pre_buffer=False, buffer_size=_WINDOW, page_checksum_verification=True
    )


def shown_name(path: Path) -> str:
    """Return a file's base name as valid text."""
    return os.fsencode(path.name).decode("utf-8", "replace")


def list_files(folder: Path) -> tuple[Path, ...]:
    """Return the data files of a data set, by name: those below ``data/``, or the folder's own.

    Raises:
        NoDataError: it is not a folder, or there are none.
    """
    if not folder.is_dir():
        raise NoDataError(f"{folder} is not a folder")
    place = folder / "data" if (folder / "data").is_dir() else folder
    files = tuple(sorted(path for path in place.iterdir() if path.name.endswith(".parquet")))
    if not files:
        raise NoDataError(f"{place} holds no .parquet files")
    return files


def check_names(names: Sequence[str], findings: Findings) -> None:
    """Find names that are wrong, numbers that do not fit, and gaps in the numbering."""
    parsed = {name: parse_data_file(name) for name in names}
    numbered = {name: numbers for name, numbers in parsed.items() if numbers}
    for name in sorted(set(names) - set(numbered)):
        findings.add(Defect.MISNAMED_FILE, "not train-NNNNN-of-NNNNN.parquet", name)
    totals = Counter(total for _, total in numbered.values())
    if not totals:
        return
    usual = max(totals, key=lambda total: (totals[total], total))
    for name, (index, total) in sorted(numbered.items()):
        if total != usual:
            detail = f"says {total} files, most say {usual}"
            findings.add(Defect.MIXED_TOTALS, detail, name)
        if index >= total or total > MAX_FILES:
            findings.add(Defect.MISNUMBERED_SHARD, f"number {index} of {total}", name)
    present = {index for index, _ in numbered.values()}
    for index in range(usual if usual <= MAX_FILES else 0):
        if index not in present:
            name = Path(data_file(index, usual)).name
            findings.add(Defect.MISSING_SHARD, f"file {index} of {usual} is not there", name)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_picture(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind) or {field.name for field in kind} != {"bytes", "path"}:
        return False
    data = kind.field("bytes").type
    binary = pa.types.is_binary(data) or pa.types.is_large_binary(data)
    return bool(binary and _is_text(kind.field("path").type))


def _fits(schema: pa.Schema, column: str) -> bool:
    if schema.get_field_index(column) < 0:  # also when a column is there twice
        return False
    kind = schema.field(column).type
    return _is_picture(kind) if column in IMAGE_COLUMNS else _is_text(kind)


def check_schema(schema: pa.Schema, name: str, findings: Findings) -> tuple[str, ...]:
    """Find columns that are missing, mistyped, misplaced or strange.

    Returns:
        The published columns that can be read.
    """
    expected = RELEASE_SCHEMA.names
    usable = tuple(column for column in expected if _fits(schema, column))
    for column in expected:
        if column not in usable:
            count = len(schema.get_all_field_indices(column))
            there = schema.field(column).type if count == 1 else f"there {count} times"
            findings.add(Defect.WRONG_SCHEMA, f"{column} is {there}", name)
    for column in schema.names:
        if column not in expected:
            findings.add(Defect.WRONG_SCHEMA, f"{column!r} is not a published column", name)
    order = [column for column in schema.names if column in expected]
    if order != [column for column in expected if column in order]:
        findings.add(Defect.WRONG_COLUMN_ORDER, ", ".join(order), name)
    return usable


def _why_unreadable(path: Path, error: Exception) -> str:
    try:
        with path.open("rb") as stream:
            start = stream.read(len(_LFS))
    except OSError as failure:
        return f"{type(failure).__name__}: {failure.strerror}"
    if start == _LFS:
        return "a Git LFS pointer: the data itself was not downloaded"
    return " ".join(str(error).split()) if start else "the file is empty"


def inspect_file(index: int, path: Path, findings: Findings) -> DataFile | None:
    """Read one file's footer and check its schema; None when it cannot be read at all."""
    name = shown_name(path)
    try:
        with open_parquet(path) as parquet:
            schema, footer = parquet.schema_arrow, parquet.metadata
            rows = tuple(footer.row_group(i).num_rows for i in range(footer.num_row_groups))
    except (OSError, pa.ArrowException, ValueError) as error:
        findings.add(Defect.UNREADABLE_FILE, _why_unreadable(path, error), name)
        return None
    usable = check_schema(schema, name, findings)
    if not sum(rows):
        findings.add(Defect.EMPTY_FILE, "no rows", name)
    return DataFile(
        index=index,
        path=path,
        name=name,
        texts=tuple(column for column in TEXT_COLUMNS if column in usable),
        pictures=all(column in usable for column in IMAGE_COLUMNS),
        group_rows=rows,
    )
