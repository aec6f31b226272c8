"""The conservation law where tables become chunks: rows and reasons are what the counts say."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from unicedit_assets.domain.identity import digest
from unicedit_assets.domain.schemas import REJECTS, ROWS
from unicedit_assets.storage.blobs import StorageError
from unicedit_assets.storage.manifests import Counts


class ConservationError(StorageError):
    """A chunk's tables and counts contradict each other, or chunks do."""


def schema_digest(table: pa.Table) -> str:
    """Return the hash of a table's schema."""
    return digest(table.schema.to_string(show_schema_metadata=False))


def conserve(index: int, tables: Mapping[str, pa.Table], counts: Counts) -> None:
    """Hold the tables of a chunk against its counts.

    Raises:
        ConservationError: they contradict each other.
    """
    expected = {ROWS: counts.accepted, REJECTS: counts.rejected + counts.failed}
    for name, count in expected.items():
        found = tables[name].num_rows if name in tables else 0
        if found != count:
            raise ConservationError(
                f"chunk {index}: table {name!r} has {found} rows, the counts say {count}"
            )
    rejects = tables.get(REJECTS)
    if rejects is not None and "reason" in rejects.column_names:
        found_reasons = {
            str(pair["values"]): pair["counts"]
            for pair in pc.value_counts(rejects["reason"]).to_pylist()
        }
        if found_reasons != {name: number for name, number in counts.reasons.items() if number}:
            raise ConservationError(
                f"chunk {index}: the rejects' reasons are {found_reasons}, "
                f"the counts say {counts.reasons}"
            )
