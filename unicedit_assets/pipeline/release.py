"""unicedit_10m: accepted edits -> data files in the published schema, and everything beside them.

One chunk a data file, then one for the side tables, statistics and card. All files are
byte-reproducible, so a killed and resumed release equals an uninterrupted one.
"""

from __future__ import annotations

import errno
import hashlib
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from itertools import groupby
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unicedit_assets.domain import codec, duplicates, schemas
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.reasons import outcome_of
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.release_rows import (
    ShardRows,
    facts_of,
    kept_row,
    parquet_bytes,
    provenance_row,
    published_texts,
    reject_row,
)
from unicedit_assets.pipeline.rows import Collector
from unicedit_assets.pipeline.stage import Job, Ref
from unicedit_assets.pipeline.unicbench import benchmark_ref
from unicedit_assets.published.card import CardFacts, render_card
from unicedit_assets.published.plan import (
    CANDIDATE_SCHEMA,
    HeldOut,
    Plan,
    PlannedRow,
    PlanSettings,
    make_plan,
)
from unicedit_assets.published.schema import PROVENANCE_SCHEMA, REJECTS_SCHEMA
from unicedit_assets.published.statistics import Statistics
from unicedit_assets.published.writer import ReleaseRow, write_data_file
from unicedit_assets.storage.blobs import StorageError, StorageFull
from unicedit_assets.storage.terms import ChunkOutput

LIMITS = (
    "Instructions, edits and verdicts of the embedded profile come from image processing, "
    "not from generative models: they cover those subtasks that it can honestly do.",
    "Confidence is the verifier's own estimate; `unicedit truth` measures how well it holds.",
)


# Stages whose code can change a release; the card names their versions.
_UPSTREAM = ("raw_images", "instructions", "edits", "verified_edits", "unicbench")
_BLOCK = 1 << 20
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def release_folder(name: str, fingerprint: str) -> str:
    """Return the key prefix of a release's files."""
    return f"releases/{name}/{fingerprint}"


class PairBytes(NamedTuple):
    """One pair as the lake holds it."""

    source: bytes
    edited: bytes


def to_png(pair: PairBytes) -> PairBytes:
    """Turn a pair of lake pictures into the PNG bytes of the published schema."""
    return PairBytes(*(codec.encode_release(codec.decode(data)) for data in pair))


def candidates(project: Project, partitions: Sequence[str]) -> pa.Table:
    """Return one row of metadata for each accepted edit, in shard order."""
    tables = [_candidates_of(project, partition) for partition in partitions]
    return pa.concat_tables([CANDIDATE_SCHEMA.empty_table(), *tables])


def _candidates_of(project: Project, partition: str) -> pa.Table:
    verified = project.require(Ref("verified_edits", partition))
    raw = project.require(Ref("raw_images", partition.split("/")[0]))
    edits = project.ledger.read(verified, schemas.ROWS, ["edit_id", "image_id", "subtask"])
    images = project.ledger.read(raw, schemas.ROWS, ["image_id", "phash", "pixel_sha256"])
    place = pc.index_in(edits["image_id"], images["image_id"].combine_chunks())
    if place.null_count:
        raise StorageError(f"an edit of {partition} is of a photograph that its shard lacks")
    columns = {
        **{name: edits[name] for name in edits.column_names},
        **{name: images[name].take(place) for name in ("phash", "pixel_sha256")},
        "shard": pa.repeat(partition, edits.num_rows),
        "row": pa.array(np.arange(edits.num_rows)),
    }
    return pa.table({name: columns[name] for name in CANDIDATE_SCHEMA.names}, CANDIDATE_SCHEMA)


def benchmark_images(project: Project) -> HeldOut:
    """Return what identifies the benchmark's images, which no release may contain."""
    benchmark = project.require(benchmark_ref())
    columns = ["image_id", "phash", "cropped_phash"]
    rows = project.ledger.read(benchmark, schemas.ROWS, columns).to_pylist()
    featureless = {row["image_id"] for row in rows if not row["phash"]}
    pictures = Pictures(project.ledger, benchmark, "image_id", "image")
    return HeldOut(
        frozenset(row["image_id"] for row in rows),
        tuple(sorted({row[name] for row in rows for name in columns[1:] if row[name]})),
        frozenset(_pixel_hash(pictures[image_id]) for image_id in sorted(featureless)),
    )


def _pixel_hash(encoded: bytes) -> str:
    return hashlib.sha256(codec.decode(encoded).tobytes()).hexdigest()


def plan_release(project: Project, partitions: Sequence[str]) -> Plan:
    """Decide which accepted edits are published; every other one gets a reason."""
    settings = project.settings.unicedit_10m
    distance = settings.duplicate_distance
    return make_plan(
        candidates(project, partitions),
        PlanSettings(settings.rows_per_file, settings.max_per_subtask),
        partial(repeats, max_distance=distance),
        partial(near_references, max_distance=distance),
        benchmark_images(project),
    )


def _hash(text: str | None) -> int | None:
    return int(text, 16) if text else None


def repeats(hashes: Sequence[str | None], max_distance: int) -> list[int | None]:
    """Return for each hash the index of the kept earlier one that it repeats, or None."""
    items = [duplicates.Hashed(str(place), _hash(text)) for place, text in enumerate(hashes)]
    found = duplicates.keep_first(items, max_distance)
    return [int(found[item.id]) if item.id in found else None for item in items]


def near_references(
    hashes: Sequence[str | None], references: Sequence[str], max_distance: int
) -> list[int | None]:
    """Return for each hash the index of the nearest reference within the distance, or None."""
    known = np.array([int(text, 16) for text in references], dtype=np.uint64)
    answers: list[int | None] = []
    for text in hashes:
        apart = np.bitwise_count(known ^ np.uint64(int(text, 16))) if text else None
        near = None if apart is None or not len(apart) else int(apart.argmin())
        within = near is not None and apart is not None and int(apart[near]) <= max_distance
        answers.append(near if within else None)
    return answers


class PublishedFile(NamedTuple):
    """A file of a release as the manifest records it; ``name`` is relative to its folder."""

    name: str
    bytes: int
    sha256: str


def published_file(name: str, stream: IO[bytes]) -> PublishedFile:
    """Measure a file, read from its beginning to its end."""
    digest, size = hashlib.sha256(), 0
    while block := stream.read(_BLOCK):
        digest.update(block)
        size += len(block)
    return PublishedFile(name, size, digest.hexdigest())


def _with_files(output: ChunkOutput, files: Iterable[PublishedFile]) -> ChunkOutput:
    """Add what a chunk published to its output, so that the manifest vouches for every byte."""
    recorded: dict[str, Json] = {
        file.name: {"bytes": file.bytes, "sha256": file.sha256} for file in files
    }
    return replace(output, extra={**output.extra, "files": recorded})


class Release:
    """The stage."""

    name = "unicedit_10m"
    code_version = "3"

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        return (
            *project.refs("verified_edits"),
            benchmark_ref(),
        )

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        fields = project.settings.unicedit_10m.identity_fields()
        return {**fields, "codec": dict(codec.release_identity())}

    def job(self, project: Project, partition: str) -> Job:
        if partition not in project.registry.releases():
            raise KeyError(f"no release {partition!r} has been declared")
        return ReleaseJob(project, partition).job()


class ReleaseJob:
    """Making one release."""

    def __init__(self, project: Project, name: str):
        self._project = project
        self._spec = project.spec(Ref(Release.name, name))
        self._name = name
        self._folder = release_folder(name, self._spec.fingerprint)
        # From the spec, not from the registry: a shard registered meanwhile is not in this one.
        made_from = (key.partition("/") for key in self._spec.inputs)
        self._partitions = [rest for stage, _, rest in made_from if stage == "verified_edits"]
        self._plan = plan_release(project, self._partitions)
        self._shard = lru_cache(maxsize=1)(partial(ShardRows, project))

    def job(self) -> Job:
        """Return the work: one chunk a data file, one for what stands beside them."""
        return Job(len(self._plan.files) + 1, self._work)

    def _work(self, index: int) -> ChunkOutput:
        if index < len(self._plan.files):
            return self._data_file(index)
        return self._side_files()

    def _data_file(self, index: int) -> ChunkOutput:
        name = self._plan.files[index]
        collector = Collector(Release.name, schemas.RELEASE_ROWS)
        provenance = []
        for place, planned in enumerate(self._plan.rows(index)):
            shard = self._shard(planned.shard)
            row = shard.rows[planned.row]
            provenance.append(provenance_row(shard, row))
            collector.accept(kept_row(shard, row, name, place))
        settings = self._project.settings.unicedit_10m
        with _scratch_file() as path:
            write_data_file(path, self._published(index), settings.row_group_bytes)
            published = self._upload(name, path)
        beside = name.replace("data/", "provenance/")
        files = [published, self._put(beside, parquet_bytes(provenance, PROVENANCE_SCHEMA))]
        return _with_files(collector.output(), files)

    def _published(self, index: int) -> Iterator[ReleaseRow]:
        rows, again = list(self._plan.rows(index)), iter(self._plan.rows(index))
        pairs = self._project.engine.map(to_png, self._pairs(rows))
        for planned, pair in zip(again, pairs, strict=True):
            row = self._text_of(planned)
            yield ReleaseRow(
                planned.edit_id, planned.subtask, pair.source, pair.edited, row["cn"], row["en"]
            )

    def _pairs(self, rows: Sequence[PlannedRow]) -> Iterator[PairBytes]:
        for partition, members in groupby(rows, key=lambda planned: planned.shard):
            shard = self._shard(partition)
            for planned in members:
                yield PairBytes(shard.sources[planned.image_id], shard.edited[planned.edit_id])

    def _text_of(self, planned: PlannedRow) -> Mapping[str, str]:
        row = self._shard(planned.shard).rows[planned.row]
        return published_texts(row)

    def _side_files(self) -> ChunkOutput:
        collector = Collector(Release.name, schemas.RELEASE_ROWS)
        for left in self._plan.left_out:
            about = {"image_id": left.image_id, "subtask": left.subtask}
            collector.reject(left.edit_id, left.reason, left.detail, about)
        statistics = Statistics()
        chunks = len(self._plan.files) + 1
        for index in range(chunks - 1):
            columns = [field.name for field in schemas.RELEASE_ROWS]
            table = self._project.ledger.read_chunk(self._spec, index, chunks, columns)
            for row in table.to_pylist():
                statistics.add(facts_of(row))
        files = list(self._rejects(statistics))
        files.append(self._put("stats.json", statistics.to_bytes()))
        facts = CardFacts(self._name, dict(self._spec.inputs), self._versions(), LIMITS)
        card = render_card(statistics.to_json(), facts).encode()
        return _with_files(collector.output(), [*files, self._put("README.md", card)])

    def _versions(self) -> dict[str, str]:
        """Return the versions of the stages' code, and of the editors and verifiers."""
        stages = [self._project.stages[name] for name in (*_UPSTREAM, Release.name)]
        versions = {stage.name: f"code {stage.code_version}" for stage in stages}
        for partition in self._partitions:
            editor = partition.partition("/")[2]
            versions[f"editor {editor}"] = self._identity("edits", partition, "editor")
            versions["verifier"] = self._identity("verified_edits", partition, "verifier")
        return versions

    def _identity(self, stage: str, partition: str, role: str) -> str:
        identity = self._project.require(Ref(stage, partition)).config[role]
        if not isinstance(identity, dict):
            raise StorageError(f"{stage} {partition} does not tell who its {role} was")
        return f"{identity['name']} {identity['version']}"

    def _rejects(self, statistics: Statistics) -> Iterator[PublishedFile]:
        """Write the negatives: a file for each shard, and one for what the plan left out."""
        shards = dict.fromkeys(partition.split("/")[0] for partition in self._partitions)
        for shard in shards:
            refs = [Ref("raw_images", shard), Ref("instructions", shard)]
            for partition in self._partitions:
                if partition.startswith(f"{shard}/"):
                    refs += [Ref("edits", partition), Ref("verified_edits", partition)]
            rows = [row for ref in refs for row in self._reject_rows(ref)]
            yield self._write_rejects(f"rejects/{shard}.parquet", rows, statistics)
        left_out = [
            reject_row(
                Release.name,
                {
                    "unit_id": left.edit_id,
                    "image_id": left.image_id,
                    "subtask": left.subtask,
                    "outcome": outcome_of(left.reason).value,
                    "reason": left.reason.value,
                    "detail": left.detail,
                },
            )
            for left in self._plan.left_out
        ]
        yield self._write_rejects("rejects/release.parquet", left_out, statistics)

    def _reject_rows(self, ref: Ref) -> Iterator[dict[str, Any]]:
        manifest = self._project.require(ref)
        for batch in self._project.ledger.iter_batches(manifest, schemas.REJECTS, rows=1024):
            for row in batch.to_pylist():
                yield reject_row(ref.stage, row)

    def _write_rejects(
        self, name: str, rows: Sequence[dict[str, Any]], statistics: Statistics
    ) -> PublishedFile:
        for row in rows:
            statistics.add_reject(row["stage"], row["reason"], row["edit_subtask"])
        return self._put(name, parquet_bytes(rows, REJECTS_SCHEMA))

    def _put(self, name: str, data: bytes) -> PublishedFile:
        file = published_file(name, io.BytesIO(data))
        if not self._project.ledger.store.put_new(f"{self._folder}/{name}", data):
            self._adopt(file)
        return file

    def _upload(self, name: str, path: Path) -> PublishedFile:
        with path.open("rb") as stream:
            file = published_file(name, stream)
        if not self._project.ledger.store.upload_new(f"{self._folder}/{name}", path):
            self._adopt(file)
        return file

    def _adopt(self, file: PublishedFile) -> None:
        """Take a file that a killed run, or another one, has left: it must be the same one."""
        key = f"{self._folder}/{file.name}"
        with self._project.ledger.store.open(key) as stream:
            found = published_file(file.name, stream)
        if found != file:
            raise StorageError(
                f"{key} is there already and holds something else ({found.bytes} bytes, sha256 "
                f"{found.sha256[:12]}, not {file.bytes} bytes, sha256 {file.sha256[:12]}): it was "
                "changed or damaged after it was written; remove it and run again."
            )


@contextmanager
def _scratch_file() -> Iterator[Path]:
    """Yield a path in the system's temporary folder; a full one is told as such."""
    try:
        with tempfile.TemporaryDirectory(prefix="unicedit-") as scratch:
            yield Path(scratch) / "data.parquet"
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise StorageFull(
            f"No room for a data file in {tempfile.gettempdir()} ({error.strerror}): nothing was "
            "changed; free some space or set TMPDIR and run again, finished chunks are kept."
        ) from error
