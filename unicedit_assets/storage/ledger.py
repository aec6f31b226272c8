"""The ledger of committed partitions: at-least-once execution, exactly-once visibility.

Layout, below the store's root::

    {stage}/{partition}/{fingerprint}/parts/{table}-{chunk}-{hash}.parquet
    {stage}/{partition}/{fingerprint}/chunks/{chunk}-of-{chunks}.json
    {stage}/{partition}/{fingerprint}/manifest.json
    {stage}/{partition}/{fingerprint}/checks/{name}.json
    {stage}/{partition}/{fingerprint}/promised.json     (only after a repair, see ``repair``)

A chunk is finished when its marker exists, a partition when its manifest exists; of many writers
of either the first wins and the others adopt what it wrote. A part is named by its contents, so
that two attempts never share a name unless they agree about every byte; a part that no marker
names is harmless. There is no pointer to a "current" partition: whoever knows the configuration
can compute the fingerprint, and the manifest with that fingerprint is there or is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from operator import add

import pyarrow as pa

from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.schemas import ROWS
from unicedit_assets.storage.blobs import BlobStore, MissingBlob, StorageError, checked_key
from unicedit_assets.storage.concurrent import in_parallel
from unicedit_assets.storage.conservation import ConservationError, conserve, schema_digest
from unicedit_assets.storage.manifests import (
    CheckRecord,
    ChunkMarker,
    CorruptRecord,
    Manifest,
    Part,
    folder_of,
    merged_extra,
    plain,
)
from unicedit_assets.storage.parts import (
    encode,
    iter_part,
    metadata_columns,
    part_schema,
    read_part,
    verify_part,
)
from unicedit_assets.storage.repair import keep_promise
from unicedit_assets.storage.terms import ChunkOutput, Committed, Look, PartitionSpec


class Ledger:
    """Commits and reads partitions in a store. Holds no state of its own."""

    def __init__(self, store: BlobStore) -> None:
        self.store = store

    def find(self, stage: str, partition: str, fingerprint: str) -> Manifest | None:
        """Return the committed partition, or None when it is not there."""
        return self._manifest(folder_of(stage, partition, fingerprint))

    def find_many(self, specs: Iterable[PartitionSpec]) -> Iterator[Manifest | None]:
        """Yield what ``find`` answers for each spec, in order, many reads at a time."""
        return in_parallel(lambda s: self.find(s.stage, s.partition, s.fingerprint), specs)

    def looks(self, specs: Iterable[PartitionSpec]) -> Iterator[Look]:
        """Yield how each spec's partition stands, in order, without reading its manifest.

        Only for telling and choosing what to do: whoever reads data goes by the manifest.
        """
        return in_parallel(self._look, specs)

    def _look(self, spec: PartitionSpec) -> Look:
        folder = folder_of(spec.stage, spec.partition, spec.fingerprint)
        if not self.store.exists(f"{folder}/manifest.json"):
            return Look(False, (), any(self._manifest_keys(spec.stage, spec.partition)))
        return Look(True, tuple(self._blocked(folder)), True)

    def _manifest_keys(self, stage: str, partition: str) -> Iterator[str]:
        top = f"{stage}/{partition}/"
        for key in self.store.keys(top):
            if key.endswith("/manifest.json") and key.count("/") == top.count("/") + 1:
                yield key

    def commit(
        self,
        spec: PartitionSpec,
        chunks: int,
        work: Callable[[int], ChunkOutput],
        on_chunk: Callable[[int, int], None] | None = None,
    ) -> Committed:
        """Bring a partition into existence, doing only the chunks that are not finished yet.

        Args:
            spec: what is committed.
            chunks: how many chunks the work has, at least 1. ``work(i)`` must depend on nothing
                but the spec, ``i`` and ``chunks`` (see ``split``).
            work: makes chunk ``i``; an exception from it goes to the caller, finished chunks stay.
            on_chunk: told (finished, chunks) after each chunk.

        Raises:
            StorageFull: there was no room; finished chunks stay and nothing else is visible.
            ConservationError: tables and counts contradict each other, or two chunks differ in
                tables or schemas; the chunk is not published.
            NotReproduced: the partition was there, was damaged, and came out differently; what is
                made from it may rest on what it was, so it is not published.
        """
        if chunks < 1:
            raise ValueError("a partition has at least one chunk; an empty one has empty tables")
        _one_segment("stage", spec.stage)
        _one_segment("fingerprint", spec.fingerprint)
        folder = folder_of(spec.stage, spec.partition, spec.fingerprint)
        existing = self._manifest(folder)
        if existing is not None:
            return Committed(existing, fresh=False, resumed=chunks)
        markers: list[ChunkMarker] = []
        resumed = 0
        for index in range(chunks):
            key = _chunk_key(folder, index, chunks)
            marker = self._marker(key)
            resumed += marker is not None
            first = markers[0] if markers else None
            markers.append(marker or self._finish(key, index, work(index), first))
            if on_chunk is not None:
                on_chunk(index + 1, chunks)
        return self._publish(_manifest(spec, markers), resumed)

    def unfinished(self, spec: PartitionSpec, chunks: int) -> list[int]:
        """Return the chunks that are not finished at this moment, ascending."""
        folder = folder_of(spec.stage, spec.partition, spec.fingerprint)
        found = set(self.store.keys(f"{folder}/chunks"))
        return [index for index in range(chunks) if _chunk_key(folder, index, chunks) not in found]

    def read(
        self, manifest: Manifest, table: str = ROWS, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Return a table of a partition, verified, in chunk order.

        Args:
            manifest: the partition.
            table: its table.
            columns: names (dotted for struct fields); all when None. Columns that are not named
                are not read.

        Raises:
            CorruptPart: a file is missing or is not what was committed.
            KeyError: there is no such table or column.
        """
        parts = _parts(manifest, table)
        return pa.concat_tables(read_part(self.store, part, columns) for part in parts)

    def iter_batches(
        self,
        manifest: Manifest,
        table: str = ROWS,
        columns: Sequence[str] | None = None,
        rows: int = 64,
    ) -> Iterator[pa.RecordBatch]:
        """Stream a table of a partition in bounded memory; see ``read`` for the rest.

        Args:
            manifest: the partition.
            table: its table.
            columns: as for ``read``.
            rows: the most rows a batch may have.
        """
        for part in _parts(manifest, table):
            yield from iter_part(self.store, part, columns, rows)

    def read_part(
        self, manifest: Manifest, number: int, columns: Sequence[str], table: str = ROWS
    ) -> pa.Table:
        """Return some columns of one part (one chunk's rows) of a table; errors as for ``read``."""
        return read_part(self.store, _parts(manifest, table)[number], columns)

    def read_chunk(
        self,
        spec: PartitionSpec,
        index: int,
        chunks: int,
        columns: Sequence[str],
        table: str = ROWS,
    ) -> pa.Table:
        """Return some columns of a table of a finished chunk, while later ones are made.

        Raises:
            MissingBlob: the chunk is not finished.
        """
        folder = folder_of(spec.stage, spec.partition, spec.fingerprint)
        key = _chunk_key(folder, index, chunks)
        marker = ChunkMarker.from_bytes(self.store.read(key), key)
        return read_part(self.store, marker.parts[table], columns)

    def schema(self, manifest: Manifest, table: str = ROWS) -> pa.Schema:
        """Return the Arrow schema of a table, reading one footer only."""
        return part_schema(self.store, _parts(manifest, table)[0])

    def metadata_columns(self, manifest: Manifest, table: str = ROWS) -> list[str]:
        """Return the (dotted) columns of a table that hold no image bytes."""
        return metadata_columns(self.schema(manifest, table))

    def verify(self, manifest: Manifest) -> None:
        """Read every byte of a partition and compare the hashes.

        Raises:
            CorruptPart: a file is missing or is not what was committed.
        """
        for parts in manifest.tables.values():
            for part in parts:
                verify_part(self.store, part)

    def history(self, stage: str, partition: str) -> list[Manifest]:
        """Return every committed version of a partition, oldest first."""
        keys = self._manifest_keys(stage, partition)
        by_age = sorted(keys, key=lambda key: (self.store.modified(key), key))
        found = (self._manifest(key.rpartition("/")[0]) for key in by_age)
        return [manifest for manifest in found if manifest is not None]

    def record_check(
        self, manifest: Manifest, name: str, passed: bool, blocking: bool, summary: Json = None
    ) -> None:
        """Record the newest result of an asset check; recording again replaces it."""
        record = CheckRecord(name=name, passed=passed, blocking=blocking, summary=plain(summary))
        _one_segment("check", name)
        self.store.put(f"{manifest.folder}/checks/{name}.json", record.to_bytes())

    def checks(self, manifest: Manifest) -> list[CheckRecord]:
        """Return the recorded check results of a partition, by name."""
        return self._checks(manifest.folder)

    def _checks(self, folder: str) -> list[CheckRecord]:
        found = []
        for key in self.store.keys(f"{folder}/checks"):
            try:
                found.append(CheckRecord.from_bytes(self.store.read(key), key))
            except MissingBlob:  # a repair has just set it aside
                continue
        return found

    def blocked(self, manifest: Manifest) -> list[str]:
        """Return the names of the blocking checks that this partition failed."""
        return self._blocked(manifest.folder)

    def _blocked(self, folder: str) -> list[str]:
        return [check.name for check in self._checks(folder) if check.blocking and not check.passed]

    def _manifest(self, folder: str) -> Manifest | None:
        key = f"{checked_key(folder)}/manifest.json"
        try:
            manifest = Manifest.from_bytes(self.store.read(key), key)
        except MissingBlob:
            return None
        if manifest.folder != folder:
            raise CorruptRecord(f"{key} is the manifest of {manifest.folder}")
        return manifest

    def _marker(self, key: str) -> ChunkMarker | None:
        try:
            return ChunkMarker.from_bytes(self.store.read(key), key)
        except MissingBlob:
            return None

    def _finish(
        self, key: str, index: int, output: ChunkOutput, first: ChunkMarker | None
    ) -> ChunkMarker:
        """Make one chunk durable; when somebody else was faster, theirs is the chunk."""
        conserve(index, output.tables, output.counts)
        schemas = {name: schema_digest(table) for name, table in sorted(output.tables.items())}
        if first is not None and first.schemas != schemas:
            raise ConservationError(f"chunk {index} differs from chunk 0 in its tables or schemas")
        folder = key.rpartition("/chunks/")[0]
        marker = ChunkMarker(
            parts={
                name: self._store_part(f"{folder}/parts/{name}-{index:05d}", table)
                for name, table in sorted(output.tables.items())
            },
            schemas=schemas,
            counts=output.counts,
            extra={name: plain(value) for name, value in output.extra.items()},
        )
        if self.store.put_new(key, marker.to_bytes()):
            return marker
        return ChunkMarker.from_bytes(self.store.read(key), key)

    def _store_part(self, stem: str, table: pa.Table) -> Part:
        """Store a table under a name made of its contents; storing it again changes nothing."""
        encoded = encode(table)
        key = f"{stem}-{encoded.sha256[:16]}.parquet"
        self.store.put(key, encoded.data)
        return encoded.part(key)

    def _publish(self, manifest: Manifest, resumed: int) -> Committed:
        keep_promise(self.store, manifest)
        if self.store.put_new(f"{manifest.folder}/manifest.json", manifest.to_bytes()):
            return Committed(manifest, fresh=True, resumed=resumed)
        winner = self._manifest(manifest.folder)
        if winner is None:
            raise StorageError(f"the manifest of {manifest.folder} appeared and vanished")
        return Committed(winner, fresh=False, resumed=resumed)


def _chunk_key(folder: str, index: int, chunks: int) -> str:
    return f"{folder}/chunks/{index:05d}-of-{chunks:05d}.json"


def _one_segment(what: str, name: str) -> None:
    if "/" in checked_key(name):
        raise StorageError(f"a {what} is one key segment, not {name!r}")


def _parts(manifest: Manifest, table: str) -> tuple[Part, ...]:
    if table not in manifest.tables:
        raise KeyError(f"{manifest.folder} has no table {table!r}, only {sorted(manifest.tables)}")
    return manifest.tables[table]


def _manifest(spec: PartitionSpec, markers: Sequence[ChunkMarker]) -> Manifest:
    return Manifest(
        stage=spec.stage,
        partition=spec.partition,
        fingerprint=spec.fingerprint,
        code_version=spec.code_version,
        config={name: plain(value) for name, value in spec.config.items()},
        inputs=dict(spec.inputs),
        tables={name: tuple(marker.parts[name] for marker in markers) for name in markers[0].parts},
        counts=reduce(add, (marker.counts for marker in markers)),
        extra=merged_extra([marker.extra for marker in markers]),
    )
