"""Where a sample's source picture is: a file, a row of a Parquet file, or anything with bytes."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from unicedit_assets.bench.errors import BenchError

IMAGE_COLUMNS = ("image", "src_image", "source_image")
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
_ORIENTATION = 0x0112
_TURNED = 5  # EXIF orientations from here on swap width and height
_groups = threading.Lock()


class Picture(Protocol):
    """A picture that is read when it is needed."""

    @property
    def where(self) -> str:
        """What it is called in a message."""
        ...

    def read(self) -> bytes:
        """Return the encoded bytes.

        Raises:
            OSError: it cannot be read.
        """
        ...


@dataclass(frozen=True)
class FilePicture:
    """A file."""

    path: Path

    @property
    def where(self) -> str:
        return str(self.path)

    def read(self) -> bytes:
        """See ``Picture``."""
        return self.path.read_bytes()


@dataclass(frozen=True)
class CalledPicture:
    """Bytes that a function fetches, such as a row of a hub data set."""

    where: str
    fetch: Callable[[], bytes]

    def read(self) -> bytes:
        """See ``Picture``."""
        return self.fetch()


@dataclass(frozen=True)
class NoPicture:
    """A sample whose list names no picture."""

    where: str

    def read(self) -> bytes:
        """See ``Picture``."""
        raise FileNotFoundError("the list names no picture (image_path)")


def size_in(data: bytes | Path) -> tuple[int, int]:
    """Return the upright width and height from a picture's header, without decoding it.

    Raises:
        OSError: no picture, or it cannot be read.
    """
    try:
        with Image.open(
            io.BytesIO(data) if isinstance(data, bytes) else data, formats=_FORMATS
        ) as i:
            width, height = i.size
            turned = i.format in ("JPEG", "MPO", "TIFF", "WEBP") and _orientation(i) >= _TURNED
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise OSError(" ".join(str(error).split("<")[0].split()) or "not a picture") from error
    return (height, width) if turned else (width, height)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged metadata, not damaged pixels
        return 1


def parquet_rows(data: Path) -> Iterator[tuple[str, Mapping[str, Any], Picture]]:
    """Yield place, fields and picture of every row; pictures are not read.

    Raises:
        BenchError: there are no Parquet files, or one lacks a column.
    """
    folder = data / "data" if (data / "data").is_dir() else data
    files = sorted(folder.glob("*.parquet")) if data.is_dir() else [data]
    if not files:
        raise BenchError(f"{folder} holds no .parquet files")
    for path in files:
        try:
            file = pq.ParquetFile(path)
            names = file.schema_arrow.names
            column = next((name for name in IMAGE_COLUMNS if name in names), None)
            if column is None or not {"key", "subtask"} <= set(names):
                raise BenchError(
                    f"{path.name} is not a benchmark: it needs key, task, subtask, en and/or cn, "
                    f"and a column {' or '.join(IMAGE_COLUMNS)}"
                )
            yield from _file_rows(path, file, column)
        except (OSError, pa.ArrowException) as error:
            raise BenchError(f"{path} cannot be read: {error}") from error


def _file_rows(
    path: Path, file: pq.ParquetFile, column: str
) -> Iterator[tuple[str, Mapping[str, Any], Picture]]:
    names = [name for name in file.schema_arrow.names if name not in IMAGE_COLUMNS]
    for group in range(file.num_row_groups):
        for row, fields in enumerate(file.read_row_group(group, names).to_pylist()):
            place = f"{path.name}, row group {group}, row {row}"
            fetch = _Cell(str(path), column, group, row)
            yield place, _sized(fields), CalledPicture(place, fetch)


def _sized(fields: dict[str, Any]) -> dict[str, Any]:
    if "resolution" not in fields and fields.get("width") and fields.get("height"):
        return {**fields, "resolution": [fields["width"], fields["height"]]}
    return fields


@dataclass(frozen=True)
class _Cell:
    path: str
    column: str
    group: int
    row: int

    def __call__(self) -> bytes:
        with _groups:  # so that threads at one group read it once
            cells = _group(self.path, self.column, self.group)
        cell = cells[self.row].as_py()
        data = cell.get("bytes") if isinstance(cell, dict) else cell
        if not isinstance(data, bytes) or not data:
            raise OSError("the picture is empty")
        return data


@lru_cache(maxsize=2)
def _group(path: str, column: str, group: int) -> Any:
    try:
        return pq.ParquetFile(path).read_row_group(group, [column]).column(0)
    except pa.ArrowException as error:
        raise OSError(str(error)) from error
