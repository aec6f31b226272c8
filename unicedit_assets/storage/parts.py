"""One part: a table as one Parquet file that can be trusted column by column.

Image bytes do not compress, so their columns are written plain; every other column is zstd. A
flipped bit must not be read silently: the whole file has a sha256, its footer has one of its own,
and every page has a checksum, so that a few columns can be verified without reading the images.
"""

from __future__ import annotations

import errno
import hashlib
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from unicedit_assets.storage.blobs import BlobStore, MissingBlob, StorageError
from unicedit_assets.storage.contents import content_digest
from unicedit_assets.storage.manifests import Part

IMAGE_SUFFIXES = ("image", "bytes")
ROW_GROUP_BYTES = 16 << 20

_MAGIC = b"PAR1"
_TAIL = 8  # the footer's length and the magic number end every Parquet file
_FOOTER_BYTES = 16 << 10


class CorruptPart(StorageError):
    """A part is not the file that was committed; the text names it."""


@dataclass(frozen=True)
class Encoded:
    """A table as Parquet bytes, with what its ``Part`` will record."""

    data: bytes
    rows: int
    sha256: str
    footer_sha256: str
    content_sha256: str

    def part(self, key: str) -> Part:
        """Return the record of this file under ``key``."""
        return Part(
            key=key,
            rows=self.rows,
            bytes=len(self.data),
            sha256=self.sha256,
            footer_sha256=self.footer_sha256,
            content_sha256=self.content_sha256,
        )


@dataclass(frozen=True)
class _Leaf:
    path: str
    image: bool
    text: bool


def metadata_columns(schema: pa.Schema) -> list[str]:
    """Return the (dotted) columns of a schema that hold no image bytes."""
    return [leaf.path for leaf in _leaves(schema) if not leaf.image]


def encode(table: pa.Table) -> Encoded:
    """Write a table as Parquet; equal tables give equal bytes, however they were chunked."""
    leaves = _leaves(table.schema)
    sink = io.BytesIO()
    pq.write_table(
        table.combine_chunks(),
        sink,
        row_group_size=_row_group_rows(table),
        compression={leaf.path: "NONE" if leaf.image else "ZSTD" for leaf in leaves},
        use_dictionary=[leaf.path for leaf in leaves if leaf.text],
        write_statistics=[leaf.path for leaf in leaves if not leaf.image],
        write_page_checksum=True,
    )
    data = sink.getvalue()
    return Encoded(
        data=data,
        rows=table.num_rows,
        sha256=hashlib.sha256(data).hexdigest(),
        footer_sha256=hashlib.sha256(_footer(io.BytesIO(data), len(data))).hexdigest(),
        content_sha256=content_digest(table),
    )


def read_part(store: BlobStore, part: Part, columns: Sequence[str] | None) -> pa.Table:
    """Read some columns of a part, or all of them when ``columns`` is None, in the file's order.

    Raises:
        CorruptPart: the file is missing or is not what was committed.
        KeyError: a column does not exist.
    """
    if columns is None:
        return _read_whole(store, part)
    with _opened(store, part) as file:
        return file.read(columns=_checked(file, columns))


def iter_part(
    store: BlobStore, part: Part, columns: Sequence[str] | None, rows: int
) -> Iterator[pa.RecordBatch]:
    """Stream a part in batches of at most ``rows`` rows, one row group in memory at a time.

    Raises:
        CorruptPart: the file is missing or is not what was committed.
        KeyError: a column does not exist.
    """
    with _opened(store, part) as file:
        chosen = None if columns is None else _checked(file, columns)
        yield from file.iter_batches(batch_size=rows, columns=chosen)


def part_schema(store: BlobStore, part: Part) -> pa.Schema:
    """Return the Arrow schema of a part from its verified footer."""
    with _opened(store, part) as file:
        return file.schema_arrow


def verify_part(store: BlobStore, part: Part) -> None:
    """Read a part whole, in small pieces, and compare its hash.

    Raises:
        CorruptPart: the file is missing or is not what was committed.
    """
    try:
        with store.open(part.key) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    except MissingBlob as error:
        raise CorruptPart(f"{part.key} is missing from {store.url}") from error
    except OSError as error:
        if error.errno != errno.EIO:
            raise StorageError(f"{part.key} cannot be read now: {error.strerror}") from error
        raise CorruptPart(f"{part.key} cannot be read: {error.strerror}") from error
    _expect(found == part.sha256, part, "its sha256 differs from the manifest's")


def _read_whole(store: BlobStore, part: Part) -> pa.Table:
    try:
        data = store.read(part.key)
    except MissingBlob as error:
        raise CorruptPart(f"{part.key} is missing from {store.url}") from error
    _expect(
        hashlib.sha256(data).hexdigest() == part.sha256,
        part,
        "its sha256 differs from the manifest's",
    )
    return pq.ParquetFile(pa.BufferReader(data)).read()


@contextmanager
def _opened(store: BlobStore, part: Part) -> Iterator[pq.ParquetFile]:
    """Open a part whose size and footer are as committed; every page read is checked too."""
    try:
        with store.open(part.key) as file:
            size = file.seek(0, io.SEEK_END)
            footer = _footer(file, size)
            digest = hashlib.sha256(footer).hexdigest()
            _expect(digest == part.footer_sha256, part, "its footer differs")
            yield pq.ParquetFile(
                file,
                metadata=pq.read_metadata(pa.BufferReader(_MAGIC + footer)),
                page_checksum_verification=True,
                pre_buffer=False,
            )
    except MissingBlob as error:
        raise CorruptPart(f"{part.key} is missing from {store.url}") from error
    except (OSError, pa.ArrowException) as error:
        raise CorruptPart(f"{part.key} in {store.url} is corrupt: {error}") from error


def _expect(holds: bool, part: Part, otherwise: str) -> None:
    if not holds:
        raise CorruptPart(f"{part.key} is corrupt: {otherwise}")


def _footer(file: IO[bytes], size: int) -> bytes:
    """Return the metadata that ends a Parquet file, in one read unless it is uncommonly large."""
    start = file.seek(max(0, size - _FOOTER_BYTES))
    ending = file.read(size - start)
    length = int.from_bytes(ending[-_TAIL:-4], "little") + _TAIL
    if length > len(ending):
        file.seek(max(0, size - length))
        return file.read(length)
    return ending[-length:]


def _checked(file: pq.ParquetFile, columns: Sequence[str]) -> list[str]:
    """Return the columns; pyarrow itself ignores names it does not know."""
    paths = [file.schema.column(index).path for index in range(len(file.schema))]
    for column in columns:
        if not any(path == column or path.startswith(f"{column}.") for path in paths):
            raise KeyError(f"no column {column!r} among {file.schema_arrow.names}")
    return list(columns)


def _row_group_rows(table: pa.Table) -> int:
    """Return how many rows make a row group of about ``ROW_GROUP_BYTES``."""
    rows, size = int(table.num_rows), int(table.nbytes)
    return max(1, ROW_GROUP_BYTES * rows // max(1, size))


def _leaves(schema: pa.Schema) -> list[_Leaf]:
    """Return the Parquet leaf columns of an Arrow schema."""
    sink = io.BytesIO()
    pq.write_table(schema.empty_table(), sink)
    parquet = pq.ParquetFile(sink).schema
    return [_leaf(parquet.column(index)) for index in range(len(parquet))]


def _leaf(column: pq.ColumnSchema) -> _Leaf:
    text = column.logical_type.type == "STRING"
    binary = column.physical_type == "BYTE_ARRAY" and not text
    return _Leaf(column.path, image=binary and column.path.endswith(IMAGE_SUFFIXES), text=text)
