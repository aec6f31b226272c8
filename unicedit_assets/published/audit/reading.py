"""Stream the rows of one row group, a few at a time, whatever their bytes turn out to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from unicedit_assets.published.audit.files import DataFile, open_parquet
from unicedit_assets.published.audit.pairs import PairFacts, examine_pair

_TEXT_ROWS = 2_048
_PAIR_ROWS = 4


@dataclass(frozen=True)
class Unread:
    """Rows of a row group that could not be read: ``first`` to ``last``, counted in the file."""

    first: int
    last: int
    detail: str


@dataclass(frozen=True)
class TextRow:
    """The texts of one row: column -> text, None for null; columns the file lacks are absent."""

    row: int
    texts: dict[str, str | None]


@dataclass(frozen=True)
class PairRow:
    """What the pictures of one row showed."""

    row: int
    key: str | None
    facts: PairFacts


def texts_of(column: pa.Array) -> list[str | None]:
    """Return a text column's values; bytes that are not UTF-8 become replacement characters."""
    try:
        values: list[str | None] = column.to_pylist()
    except UnicodeDecodeError:
        binary = pa.large_binary() if pa.types.is_large_string(column.type) else pa.binary()
        raw: list[bytes | None] = column.cast(binary).to_pylist()
        return [None if value is None else value.decode("utf-8", "replace") for value in raw]
    return values


def batches(
    file: DataFile, group: int, columns: list[str], rows: int
) -> Iterator[tuple[int, pa.RecordBatch] | Unread]:
    """Yield (first row, batch), and at the first thing that cannot be read what is left."""
    start, end = file.first_row(group), file.first_row(group) + file.group_rows[group]
    try:
        with open_parquet(file.path) as parquet:
            for batch in parquet.iter_batches(
                batch_size=rows, row_groups=[group], columns=columns, use_threads=False
            ):
                yield start, batch
                start += batch.num_rows
        if start < end:
            yield Unread(start, end - 1, "the row group is shorter than it says")
    except (OSError, pa.ArrowException, ValueError) as error:
        yield Unread(start, end - 1, " ".join(str(error).split()))


def read_texts(file: DataFile, group: int) -> Iterator[TextRow | Unread]:
    """Yield the texts of a row group's rows, then, where reading broke off, the rest as unread."""
    for item in batches(file, group, list(file.texts), _TEXT_ROWS):
        if isinstance(item, Unread):
            yield item
            continue
        start, batch = item
        columns = [texts_of(batch.column(name)) for name in file.texts]
        for offset, values in enumerate(zip(*columns, strict=True)):
            yield TextRow(start + offset, dict(zip(file.texts, values, strict=True)))


def _bytes(batch: pa.RecordBatch, column: str) -> list[bytes | None]:
    return [value and value["bytes"] for value in batch.column(column).to_pylist()]


def _keys(batch: pa.RecordBatch) -> list[str | None]:
    return texts_of(batch.column("key")) if "key" in batch.schema.names else [None] * batch.num_rows


def read_pairs(file: DataFile, group: int, max_pixels: int) -> list[PairRow | Unread]:
    """Examine the pictures of a row group's rows; only figures stay in memory."""
    columns = ["src_image.bytes", "edit_image.bytes", *(["key"] if "key" in file.texts else [])]
    results: list[PairRow | Unread] = []
    for item in batches(file, group, columns, _PAIR_ROWS):
        if isinstance(item, Unread):
            results.append(item)
            continue
        start, batch = item
        sources, edits = _bytes(batch, "src_image"), _bytes(batch, "edit_image")
        for offset, (key, source, edited) in enumerate(
            zip(_keys(batch), sources, edits, strict=True)
        ):
            facts = examine_pair(source, edited, max_pixels)
            results.append(PairRow(start + offset, key, facts))
    return results
