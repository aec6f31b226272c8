"""unicedit_10m: accepted edits -> data files in the published schema, and everything beside them.

One chunk a data file, then one for the side tables, statistics and card. All files are
byte-reproducible, so a killed and resumed release equals an uninterrupted one.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from unicedit_assets.domain import codec, duplicates, schemas
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.reasons import outcome_of
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
from unicedit_assets.pipeline.unicbench import BENCHMARK, UnicBenchSamples
from unicedit_assets.published.card import CardFacts, render_card
from unicedit_assets.published.plan import (
    CANDIDATE_SCHEMA,
    Plan,
    PlannedRow,
    PlanSettings,
    make_plan,
)
from unicedit_assets.published.schema import PROVENANCE_SCHEMA, REJECTS_SCHEMA
from unicedit_assets.published.statistics import Statistics
from unicedit_assets.published.writer import ReleaseRow, write_data_file
from unicedit_assets.storage.blobs import StorageFull
from unicedit_assets.storage.ledger import ChunkOutput

LIMITS = (
    "Instructions, edits and verdicts of the embedded profile come from image processing, "
    "not from generative models: they cover those subtasks that it can honestly do.",
    "Confidence is the verifier's own estimate; `unicedit truth` measures how well it holds.",
)


# Stages whose code can change a release; the card names their versions.
_UPSTREAM = ("raw_images", "instructions", "edits", "verified_edits", "unicbench_samples")
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
    rows = []
    for partition in partitions:
        shard = partition.split("/")[0]
        verified = project.require(Ref("verified_edits", partition))
        raw = project.require(Ref("raw_images", shard))
        hashes = project.ledger.read(raw, schemas.ROWS, ["image_id", "phash"]).to_pylist()
        phash_of = {row["image_id"]: row["phash"] for row in hashes}
        columns = ["edit_id", "image_id", "subtask"]
        table = project.ledger.read(verified, schemas.ROWS, columns)
        rows += [
            {**row, "phash": phash_of[row["image_id"]], "shard": partition, "row": place}
            for place, row in enumerate(table.to_pylist())
        ]
    return pa.Table.from_pylist(rows, schema=CANDIDATE_SCHEMA)


def plan_release(project: Project, partitions: Sequence[str]) -> Plan:
    """Decide which accepted edits are published; every other one gets a reason."""
    settings = project.settings.unicedit_10m
    benchmark = project.require(Ref(UnicBenchSamples.name, BENCHMARK))
    held_out = project.ledger.read(benchmark, schemas.ROWS, ["phash"])["phash"].to_pylist()
    distance = settings.duplicate_distance
    return make_plan(
        candidates(project, partitions),
        PlanSettings(settings.rows_per_file, settings.max_per_subtask),
        partial(repeats, max_distance=distance),
        partial(near_references, max_distance=distance),
        sorted({text for text in held_out if text}),
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


class Release:
    """The stage."""

    name = "unicedit_10m"
    code_version = "1"

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        return (
            *project.refs("verified_edits"),
            Ref(UnicBenchSamples.name, BENCHMARK),
        )

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        return project.settings.unicedit_10m.identity_fields()

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
            self._project.ledger.store.upload_new(f"{self._folder}/{name}", path)
        beside = name.replace("data/", "provenance/")
        self._put(beside, parquet_bytes(provenance, PROVENANCE_SCHEMA))
        return collector.output()

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
        self._rejects(statistics)
        self._put("stats.json", statistics.to_bytes())
        facts = CardFacts(self._name, dict(self._spec.inputs), self._versions(), LIMITS)
        self._put("README.md", render_card(statistics.to_json(), facts).encode())
        return collector.output()

    def _versions(self) -> dict[str, str]:
        stages = [self._project.stages[name] for name in (*_UPSTREAM, Release.name)]
        return {stage.name: f"code {stage.code_version}" for stage in stages}

    def _rejects(self, statistics: Statistics) -> None:
        """Write the negatives: a file for each shard, and one for what the plan left out."""
        shards = dict.fromkeys(partition.split("/")[0] for partition in self._partitions)
        for shard in shards:
            refs = [Ref("raw_images", shard), Ref("instructions", shard)]
            for partition in self._partitions:
                if partition.startswith(f"{shard}/"):
                    refs += [Ref("edits", partition), Ref("verified_edits", partition)]
            rows = [row for ref in refs for row in self._reject_rows(ref)]
            self._write_rejects(f"rejects/{shard}.parquet", rows, statistics)
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
        self._write_rejects("rejects/release.parquet", left_out, statistics)

    def _reject_rows(self, ref: Ref) -> Iterator[dict[str, Any]]:
        manifest = self._project.require(ref)
        for batch in self._project.ledger.iter_batches(manifest, schemas.REJECTS, rows=1024):
            for row in batch.to_pylist():
                yield reject_row(ref.stage, row)

    def _write_rejects(
        self, name: str, rows: Sequence[dict[str, Any]], statistics: Statistics
    ) -> None:
        for row in rows:
            statistics.add_reject(row["stage"], row["reason"], row["edit_subtask"])
        self._put(name, parquet_bytes(rows, REJECTS_SCHEMA))

    def _put(self, name: str, data: bytes) -> None:
        self._project.ledger.store.put_new(f"{self._folder}/{name}", data)


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
