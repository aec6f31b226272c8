"""Read anybody's triplets: a JSONL that names picture files, or Parquet in the published schema.

Every line or row comes out, either as a triplet or as a bad row with a reason: nothing is lost and
nothing raises once reading has begun. Pictures are not decoded here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from unicedit_assets.domain.identity import digest
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.published.audit.files import DataFile, inspect_file, list_files
from unicedit_assets.published.audit.findings import Findings
from unicedit_assets.published.audit.reading import Unread, batches, texts_of
from unicedit_assets.published.schema import IMAGE_COLUMNS

MAX_LINE = 1 << 20
MAX_KEY = 256
_PARQUET_ROWS = 4
_TEXTS = ("key", "prompt_en", "prompt_cn")


class InputError(ValueError):
    """The input as a whole is not something that can be read as triplets."""


@dataclass(frozen=True)
class Triplet:
    """Two pictures, as a file or as bytes, and the instruction in one or both languages.

    Attributes:
        place: where it was read: ``line 3`` or ``train-00000-of-00001.parquet row 7``.
    """

    key: str
    place: str
    source: Path | bytes
    edited: Path | bytes
    prompt_en: str
    prompt_cn: str


@dataclass(frozen=True)
class BadRow:
    """A line or row that is no triplet, and why. Its key is its own, or a hash of what was read."""

    key: str
    place: str
    reason: Reason
    detail: str


Read: TypeAlias = Triplet | BadRow


class _Refusal(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def read_triplets(source: Path, root: Path | None = None) -> Iterator[Read]:
    """Read triplets from a ``.jsonl`` file, a ``.parquet`` file, or a folder of Parquet files.

    A JSONL line is an object with ``src`` and ``edit`` (paths, relative to the JSONL's folder or to
    ``root``, and never outside of it), ``prompt_en`` and/or ``prompt_cn``, and optionally ``key``;
    without one the key is a hash of the line's own fields.

    Raises:
        InputError: no such file, another suffix, or Parquet in another schema. Raised by the call,
            not while iterating.
    """
    if source.is_dir():
        return _read_parquet(_data_files(list_files(source)))
    if not source.is_file():
        raise InputError(f"{source} does not exist")
    if source.suffix == ".parquet":
        return _read_parquet(_data_files((source,)))
    if source.suffix == ".jsonl":
        return _read_jsonl(source, (root or source.parent).resolve())
    raise InputError(f"{source.name} is neither .jsonl nor .parquet nor a folder")


def _lines(path: Path) -> Iterator[bytes | None]:
    """Yield lines; None for one that is longer than any triplet."""
    with path.open("rb") as stream:
        while line := stream.readline(MAX_LINE):
            if len(line) < MAX_LINE or line.endswith(b"\n"):
                yield line
                continue
            while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
            yield None


def _read_jsonl(path: Path, root: Path) -> Iterator[Read]:
    for number, line in enumerate(_lines(path), 1):
        place = f"line {number}"
        if line is None:
            key = digest("line", path.name, number)
            yield BadRow(key, place, Reason.UNPARSEABLE, f"longer than {MAX_LINE} bytes")
        elif line.strip():
            yield _parse_line(line, place, root)


def _parse_line(line: bytes, place: str, root: Path) -> Read:
    key = digest("line", line.hex())
    try:
        fields = _fields(line)
        key = _key(fields)
        texts = {name: _text(fields, name) for name in ("prompt_en", "prompt_cn")}
        if not any(text.strip() for text in texts.values()):
            raise _Refusal(Reason.UNPARSEABLE, "neither prompt_en nor prompt_cn")
        source, edited = (_inside(root, fields, name) for name in ("src", "edit"))
    except _Refusal as refusal:
        return BadRow(key, place, refusal.reason, refusal.detail)
    return Triplet(key, place, source, edited, texts["prompt_en"], texts["prompt_cn"])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field is there twice")
    return fields


def _fields(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line.decode("utf-8-sig"), object_pairs_hook=_unique)
        if not isinstance(fields, dict):
            raise TypeError("not a JSON object")
        json.dumps(fields, ensure_ascii=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise _Refusal(Reason.UNPARSEABLE, f"{type(error).__name__}: {error}") from error
    return fields


def _key(fields: dict[str, Any]) -> str:
    if fields.get("key") is None:
        names = ("src", "edit", "prompt_en", "prompt_cn")
        return digest("triplet", *(repr(fields.get(name)) for name in names))
    key = fields["key"]
    if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY:
        raise _Refusal(Reason.UNPARSEABLE, f"key is not a text of 1-{MAX_KEY} characters")
    return key


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise _Refusal(Reason.UNPARSEABLE, f"{name} is not a text")
    return value or ""


def _inside(root: Path, fields: dict[str, Any], name: str) -> Path:
    text = _text(fields, name)
    if not text:
        raise _Refusal(Reason.UNPARSEABLE, f"{name} is missing")
    try:
        path = (root / text).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise _Refusal(Reason.UNREADABLE, f"{name}: {error}") from error
    if not path.is_relative_to(root):
        raise _Refusal(Reason.OUTSIDE_ROOT, f"{name} leads out of the root folder")
    return path


def _data_files(paths: tuple[Path, ...]) -> list[DataFile]:
    files = []
    with Findings(None, 1) as findings:
        for index, path in enumerate(paths):
            file = inspect_file(index, path, findings)
            if file is None:
                why = next(iter(findings.examples.values()))[-1].detail
                raise InputError(f"{path.name} cannot be read: {why}")
            if not (file.pictures and {"prompt_en", "prompt_cn"} & set(file.texts)):
                raise InputError(f"{path.name} is not in the published schema")
            files.append(file)
    return files


def _read_parquet(files: list[DataFile]) -> Iterator[Read]:
    for file in files:
        texts = [name for name in _TEXTS if name in file.texts]
        columns = [*texts, *(f"{name}.bytes" for name in IMAGE_COLUMNS)]
        for group in range(len(file.group_rows)):
            for item in batches(file, group, columns, _PARQUET_ROWS):
                if isinstance(item, Unread):
                    yield from _unread(file, item)
                else:
                    start, batch = item
                    yield from _rows(file.name, start, batch, texts)


def _rows(name: str, start: int, batch: pa.RecordBatch, texts: list[str]) -> Iterator[Triplet]:
    values = {text: texts_of(batch.column(text)) for text in texts}
    pictures = [batch.column(column).to_pylist() for column in IMAGE_COLUMNS]
    for offset in range(batch.num_rows):
        row = {text: column[offset] or "" for text, column in values.items()}
        source, edited = ((column[offset] or {}).get("bytes") or b"" for column in pictures)
        place = f"{name} row {start + offset}"
        key = row.get("key") or digest("row", place)
        yield Triplet(
            key, place, source, edited, row.get("prompt_en", ""), row.get("prompt_cn", "")
        )


def _unread(file: DataFile, gap: Unread) -> Iterator[BadRow]:
    for row in range(gap.first, gap.last + 1):
        place = f"{file.name} row {row}"
        yield BadRow(digest("row", place), place, Reason.UNREADABLE, gap.detail)
