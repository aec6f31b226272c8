"""Questions about many partitions at once, answered without reading a single image byte.

Counts come from the manifests. Columns come through the ledger, so they are verified and folders
and S3 are the same; DuckDB groups and joins them within a memory limit. One key's lineage needs no
database: the manifests say which partitions each partition was made from.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from unicedit_assets.domain.reasons import STAGE_REASONS, Outcome
from unicedit_assets.domain.schemas import REJECTS, ROWS
from unicedit_assets.domain.taxonomy import is_subtask, task_of
from unicedit_assets.storage.ledger import Ledger
from unicedit_assets.storage.manifests import Counts, Manifest

Row: TypeAlias = Mapping[str, Any]

IMAGES, INSTRUCTIONS, EDITS, VERIFIED = "raw_images", "instructions", "edits", "verified_edits"
UNKNOWN_TASK = "unknown"
HASH_BITS = 64
_LOAD_ROWS = 500_000


@dataclass(frozen=True)
class FunnelRow:
    """What became of the inputs of one stage, over all its partitions."""

    stage: str
    partitions: int
    counts: Counts


@dataclass(frozen=True)
class DistributionRow:
    """How many accepted rows of one subtask a stage has."""

    stage: str
    task: str
    subtask: str
    rows: int


@dataclass(frozen=True)
class DuplicateGroup:
    """Rows that share a value: their identities, sorted."""

    value: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class NearPair:
    """Two rows whose 64-bit hashes differ in ``distance`` bits."""

    one: str
    two: str
    distance: int


@dataclass(frozen=True)
class Lineage:
    """Everything the lake knows about one edit; a stage that has not seen it gives None.

    Attributes:
        edit_id: the key that was asked for.
        source: the row of the source photograph, without its pixels.
        instruction: the row of the instruction.
        edit: the row of the edit, or its reject when the edit itself failed.
        verdict: the row of the verdict, or its reject.
        outcome: the outcome of the last stage that saw the edit.
        manifests: the committed partitions these rows lie in, by stage.
    """

    edit_id: str
    source: Row | None
    instruction: Row | None
    edit: Row
    verdict: Row | None
    outcome: Outcome
    manifests: Mapping[str, Manifest]


@dataclass(frozen=True)
class _Found:
    manifest: Manifest
    row: Row
    outcome: Outcome


# Every question loads the columns it needs into one table with these names.
_TABLE = "CREATE OR REPLACE TABLE loaded (value VARCHAR, key VARCHAR)"
_COUNTS = "SELECT value, count(*) FROM loaded GROUP BY ALL ORDER BY ALL"
_DUPLICATES = """
SELECT value, list_sort(list(key)) FROM loaded
WHERE value IS NOT NULL GROUP BY value HAVING count(*) > 1 ORDER BY value
"""
_NEAR = """
WITH hashes AS (
    SELECT ('0x' || value)::UBIGINT AS hash, min(key) AS id
    FROM loaded WHERE value IS NOT NULL GROUP BY ALL
), bands AS (
    SELECT first, second, hash,
        ((hash >> (first * $width)::UBIGINT) & $mask::UBIGINT) * ($mask + 1)::UBIGINT
            + ((hash >> (second * $width)::UBIGINT) & $mask::UBIGINT) AS piece
    FROM hashes, range($bands) AS one(first), range($bands) AS two(second)
    WHERE first < second
), pairs AS (
    SELECT DISTINCT one.hash AS low, two.hash AS high
    FROM bands AS one JOIN bands AS two USING (first, second, piece)
    WHERE one.hash < two.hash AND bit_count(xor(one.hash, two.hash)) <= $distance
)
SELECT least(one.id, two.id), greatest(one.id, two.id), bit_count(xor(low, high))
FROM pairs JOIN hashes AS one ON one.hash = low JOIN hashes AS two ON two.hash = high
ORDER BY ALL
"""


class Catalogue:
    """Answers questions about the given partitions. Close it, or use it in a ``with``.

    Args:
        ledger: where the partitions are.
        manifests: the partitions to look at, usually the current one of each.
        memory_limit: how much DuckDB may hold before it spills to ``temp_directory``.
        threads: how many threads DuckDB may use.
        temp_directory: where to spill; a temporary folder when None.
    """

    def __init__(
        self,
        ledger: Ledger,
        manifests: Iterable[Manifest],
        *,
        memory_limit: str = "1GB",
        threads: int = 2,
        temp_directory: str | None = None,
    ) -> None:
        self._ledger = ledger
        self._manifests = tuple(manifests)
        self._spill = tempfile.TemporaryDirectory(prefix="catalogue-", dir=temp_directory)
        self._duckdb = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": memory_limit,
                "threads": threads,
                "temp_directory": self._spill.name,
                "preserve_insertion_order": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back the memory and the temporary folder."""
        self._duckdb.close()
        self._spill.cleanup()

    def stages(self) -> tuple[str, ...]:
        """Return the stages that have partitions here, in pipeline order."""
        order = list(STAGE_REASONS)
        present = {manifest.stage for manifest in self._manifests}
        return (
            *(stage for stage in order if stage in present),
            *sorted(present.difference(order)),
        )

    def funnel(self) -> list[FunnelRow]:
        """Return what became of the inputs of each stage, in pipeline order."""
        return [
            FunnelRow(
                stage=stage,
                partitions=len(manifests),
                counts=reduce(add, (manifest.counts for manifest in manifests)),
            )
            for stage, manifests in ((stage, self._of(stage)) for stage in self.stages())
        ]

    def distribution(self) -> list[DistributionRow]:
        """Return the accepted rows of each stage by task and subtask, for stages that have one."""
        found = [
            DistributionRow(stage, _task(subtask), subtask, rows)
            for stage in self.stages()
            if self._has(stage, "subtask")
            for subtask, rows in self._ask(_COUNTS, stage, "subtask", "subtask")
        ]
        stages = self.stages()
        return sorted(found, key=lambda row: (stages.index(row.stage), row.task, row.subtask))

    def duplicates(
        self, stage: str = IMAGES, column: str = "pixel_sha256", key: str = "image_id"
    ) -> list[DuplicateGroup]:
        """Return the groups of rows of a stage that share a value of ``column``, by value.

        Args:
            stage: where to look.
            column: the content hash, or any other column; with ``column=key`` this finds
                identities that are not unique.
            key: the column that identifies a row.
        """
        groups = self._ask(_DUPLICATES, stage, column, key)
        return [DuplicateGroup(str(value), tuple(map(str, ids))) for value, ids in groups]

    def near_duplicates(
        self,
        distance: int,
        stage: str = IMAGES,
        column: str = "phash",
        key: str = "image_id",
    ) -> list[NearPair]:
        """Return pairs of different 64-bit hashes that differ in at most ``distance`` bits.

        Exact: of d + 2 bands of bits, hashes that differ in d bits agree in two, so only hashes
        that share two bands are compared. Rows with the same hash are one row here, under their
        smallest identity; ``duplicates`` with the same column lists them.

        Args:
            distance: 1 to 12.
            stage: where to look.
            column: 16 hexadecimal digits.
            key: the column that identifies a row.
        """
        if not 1 <= distance <= 12:
            raise ValueError(f"a distance of 1 to 12 bits can be searched, not {distance}")
        bands = distance + 2
        width = HASH_BITS // bands
        numbers = {"distance": distance, "bands": bands, "width": width, "mask": 2**width - 1}
        pairs = self._ask(_NEAR, stage, column, key, numbers)
        return [NearPair(one, two, bits) for one, two, bits in pairs]

    def lineage(self, edit_id: str) -> Lineage | None:
        """Return everything known about one edit, or None when no edit has this key."""
        edit = self._first(self._of(EDITS), "edit_id", edit_id)
        if edit is None:
            return None
        instruction = self._upstream(edit, INSTRUCTIONS, "instruction_id")
        source = self._upstream(edit, IMAGES, "image_id")
        judged = [
            manifest
            for manifest in self._of(VERIFIED)
            if manifest.inputs.get(f"{EDITS}/{edit.manifest.partition}")
            == edit.manifest.fingerprint
        ]
        verdict = self._first(judged, "edit_id", edit_id)
        found = (source, instruction, edit, verdict)
        return Lineage(
            edit_id=edit_id,
            source=source.row if source else None,
            instruction=instruction.row if instruction else None,
            edit=edit.row,
            verdict=verdict.row if verdict else None,
            outcome=(verdict or edit).outcome,
            manifests=MappingProxyType(
                {one.manifest.stage: one.manifest for one in found if one is not None}
            ),
        )

    def _of(self, stage: str) -> list[Manifest]:
        return [manifest for manifest in self._manifests if manifest.stage == stage]

    def _has(self, stage: str, column: str) -> bool:
        readable = (manifest for manifest in self._of(stage) if ROWS in manifest.tables)
        first = next(readable, None)
        return first is not None and column in self._ledger.schema(first).names

    def _ask(
        self,
        sql: str,
        stage: str,
        value: str,
        key: str,
        numbers: Mapping[str, int] | None = None,
    ) -> list[tuple[Any, ...]]:
        """Load two columns of a stage's accepted rows and ask ``sql`` about them."""
        self._duckdb.execute(_TABLE)
        for block in _blocks(self._tables(stage, value, key)):
            self._duckdb.register("block", block)
            self._duckdb.execute("INSERT INTO loaded SELECT value, key FROM block")
            self._duckdb.unregister("block")
        rows: list[tuple[Any, ...]] = self._duckdb.execute(sql, numbers).fetchall()
        self._duckdb.execute("DROP TABLE loaded")
        return rows

    def _tables(self, stage: str, value: str, key: str) -> Iterator[pa.Table]:
        for manifest in self._of(stage):
            if ROWS in manifest.tables:
                table = self._ledger.read(manifest, ROWS, list({value, key}))
                yield pa.table({"value": table[value], "key": table[key]})

    def _upstream(self, edit: _Found, stage: str, column: str) -> _Found | None:
        """Find the row that an edit names, in the partitions its own partition was made from."""
        value = edit.row.get(column)
        if value is None:
            return None
        return self._first(list(self._ancestors(edit.manifest, stage)), column, value)

    def _ancestors(self, manifest: Manifest, stage: str) -> Iterator[Manifest]:
        """Yield the partitions of ``stage`` that a partition was made from, at any distance."""
        for name, fingerprint in manifest.inputs.items():
            above, _, partition = name.partition("/")
            found = self._ledger.find(above, partition, fingerprint)
            if found is None:
                continue
            if above == stage:
                yield found
            else:
                yield from self._ancestors(found, stage)

    def _first(self, manifests: Iterable[Manifest], column: str, value: str) -> _Found | None:
        for manifest in manifests:
            found = self._row(manifest, ROWS, column, value)
            if found is not None:
                return _Found(manifest, found, Outcome.ACCEPTED)
            found = self._row(manifest, REJECTS, "unit_id", value)
            if found is not None:
                return _Found(manifest, found, Outcome(found["outcome"]))
        return None

    def _row(self, manifest: Manifest, table: str, column: str, value: str) -> Row | None:
        """Return the row of a partition whose ``column`` is ``value``, without its images."""
        if not manifest.rows(table):
            return None
        keys = self._ledger.read(manifest, table, [column])[column]
        position = pc.index(keys, value).as_py()
        if position < 0:
            return None
        columns = self._ledger.metadata_columns(manifest, table)
        rows = self._ledger.read(manifest, table, columns).slice(position, 1).to_pylist()
        row: Row = rows[0]
        return row


def _blocks(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Join small tables into blocks that are worth a statement each."""
    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        waiting.append(table)
        rows += table.num_rows
        if rows >= _LOAD_ROWS:
            yield pa.concat_tables(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


def _task(subtask: str) -> str:
    return task_of(subtask) if is_subtask(subtask) else UNKNOWN_TASK
