"""What a table says, as one number that depends neither on files nor on where chunks begin.

The digest of a table is a polynomial over the hashes of its rows, so that the digest of two tables
one after the other follows from both digests and the length of the second: a partition made in
three chunks can be compared with the same partition made in five, although one of them is gone.
It says nothing about Parquet: another version of its writer gives other bytes and equal digests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import pyarrow as pa

if TYPE_CHECKING:
    from hashlib import _Hash

TIMINGS: Final = frozenset({"seconds"})
"""Columns that differ from run to run and say nothing about the row."""

_PRIME: Final = 2**255 - 19
_BASE: Final = int.from_bytes(hashlib.sha256(b"unicedit rows").digest()) % _PRIME
_ROWS: Final = 64


def content_digest(table: pa.Table) -> str:
    """Return 64 hexadecimal digits for the rows of a table in their order, timings left out."""
    kept = table.drop_columns([name for name in table.column_names if name in TIMINGS])
    total = 0
    for batch in kept.to_batches(max_chunksize=_ROWS):
        for row in batch.to_pylist():
            hashed = hashlib.sha256()
            _feed(hashed, row)
            total = (total * _BASE + int.from_bytes(hashed.digest())) % _PRIME
    return f"{total:064x}"


def joined(tables: Iterable[tuple[int, str]]) -> str:
    """Return the digest of tables one after the other, from the rows and the digest of each."""
    total = 0
    for rows, digest in tables:
        total = (total * pow(_BASE, rows, _PRIME) + int(digest, 16)) % _PRIME
    return f"{total:064x}"


def _feed(hashed: _Hash, value: object) -> None:
    """Hash a value with its kind and length, so that no two values read the same."""
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, list | tuple):
        hashed.update(b"list %d:" % len(value))
        for each in value:
            _feed(hashed, each)
        return
    kind = "bytes" if isinstance(value, bytes) else "value"
    data = value if isinstance(value, bytes) else repr(value).encode()
    hashed.update(f"{kind} {len(data)}:".encode())
    hashed.update(data)
