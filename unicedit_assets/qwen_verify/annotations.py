"""What people said of edits: a folder of ``*.jsonl`` or ``*.parquet`` files, one verdict a row.

Columns: ``key`` (the edit's id, 32 hex digits), ``verdict`` (``valid``, or what is wrong: a value
of ``synthetic.pair.Kind`` but ``normal``), and ``rewritten_en`` and ``rewritten_cn``: what really
changed, where the given instruction does not say it, both or neither. Further columns are left
alone. Two rows of
one key must agree; where they do not, nobody's word counts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unicedit_assets.domain.identity import digest
from unicedit_assets.domain.texts import is_text
from unicedit_assets.synthetic.pair import Kind

COLUMNS = ("key", "verdict", "rewritten_en", "rewritten_cn")
VERDICTS: Mapping[str, Kind] = {
    "valid": Kind.NORMAL,
    **{kind.value: kind for kind in Kind if kind is not Kind.NORMAL},
}

_KEY = re.compile("[0-9a-f]{32}")


class AnnotationError(Exception):
    """The annotations cannot be read; the message names the file, the row and what to do."""


@dataclass(frozen=True)
class Annotation:
    """One person's verdict on one edit; the texts are empty where the given ones are right."""

    key: str
    kind: Kind
    rewritten_en: str = ""
    rewritten_cn: str = ""


@dataclass(frozen=True)
class Annotations:
    """All verdicts of a folder.

    Attributes:
        by_key: edit id -> its verdict.
        disputed: edits of which two rows say different things.
        fingerprint: hash of all files; it enters the fingerprint of what is made from them.
    """

    by_key: Mapping[str, Annotation]
    disputed: frozenset[str]
    fingerprint: str


def load_annotations(folder: Path | None) -> Annotations:
    """Read a folder of annotations; none are no annotations.

    Raises:
        AnnotationError: the folder or a file cannot be read, or a row is not a verdict.
    """
    if folder is None:
        return Annotations({}, frozenset(), digest("annotations", []))
    paths = _paths(folder)
    found: dict[str, Annotation] = {}
    disputed: set[str] = set()
    for path in paths:
        for annotation in _read(path):
            if found.setdefault(annotation.key, annotation) != annotation:
                disputed.add(annotation.key)
    sums = [[path.name, hashlib.sha256(path.read_bytes()).hexdigest()] for path in paths]
    return Annotations(found, frozenset(disputed), digest("annotations", sums))


def _paths(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise AnnotationError(
            f"{folder} is not a folder of annotations: make it, or change verifier_sets.annotations"
        )
    found = [path for path in folder.iterdir() if path.suffix in (".jsonl", ".parquet")]
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def _read(path: Path) -> Iterator[Annotation]:
    rows = _json_rows(path) if path.suffix == ".jsonl" else _parquet_rows(path)
    for number, row in rows:
        yield _annotation(f"{path}, row {number}", row)


def _json_rows(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        # Not splitlines: a text may hold other ends of lines, such as U+2028.
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, json.loads(line, object_pairs_hook=_object)
            except ValueError as error:
                raise AnnotationError(f"{path}, row {number} is not JSON: {error}") from error
            except RecursionError as error:
                raise AnnotationError(f"{path}, row {number} nests too deep") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; ``json`` alone would let the last of two equal names win."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it names {twice!r} twice")
    return found


def _parquet_rows(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise AnnotationError(f"{path} cannot be read: {error}") from error
    yield from enumerate(
        table.select([name for name in COLUMNS if name in table.column_names]).to_pylist(), 1
    )


def _annotation(where: str, row: Any) -> Annotation:
    if not isinstance(row, Mapping):
        raise AnnotationError(f"{where} is no object with {', '.join(COLUMNS)}")
    said = {name: row.get(name) or "" for name in COLUMNS}
    if not all(isinstance(text, str) and is_text(text) for text in said.values()):
        raise AnnotationError(f"{where} holds something else than text")
    key = said["key"].strip().lower()
    if not key:
        raise AnnotationError(f"{where} has no key")
    if not _KEY.fullmatch(key):
        raise AnnotationError(f"{where}: key {said['key']!r} is no edit's id, 32 hex digits")
    if said["verdict"] not in VERDICTS:
        known = ", ".join(VERDICTS)
        raise AnnotationError(f"{where}: verdict {said['verdict']!r} is none of {known}")
    return Annotation(key, VERDICTS[said["verdict"]], said["rewritten_en"], said["rewritten_cn"])
