"""unicedit_10m: accepted edits -> data files in the published schema, and everything beside them.

One chunk a data file, then one for the side tables, statistics and card. All files are
byte-reproducible, so a killed and resumed release equals an uninterrupted one.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache, partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from unicedit_assets.domain import codec, duplicates, schemas
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.reasons import outcome_of
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import Project
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
from unicedit_assets.published.schema import (
    ORIGINAL,
    PROVENANCE_SCHEMA,
    REJECTS_SCHEMA,
    REWRITTEN,
)
from unicedit_assets.published.statistics import RowFacts, Statistics
from unicedit_assets.published.writer import ReleaseRow, write_data_file
from unicedit_assets.storage.ledger import ChunkOutput
from unicedit_assets.storage.manifests import Manifest

LIMITS = (
    "Instructions, edits and verdicts of the embedded profile come from image processing, "
    "not from generative models: they cover those subtasks that it can honestly do.",
    "Confidence is the verifier's own estimate; `unicedit truth` measures how well it holds.",
)


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


class ShardRows:
    """Everything the lake knows of one shard's accepted edits, pictures on demand."""

    def __init__(self, project: Project, partition: str):
        shard = partition.split("/", maxsplit=1)[0]
        ledger = project.ledger
        self.partition = partition
        self.verified = project.require(Ref("verified_edits", partition))
        self.edits = project.require(Ref("edits", partition))
        self.raw = project.require(Ref("raw_images", shard))
        self._ledger = ledger
        self.rows = ledger.read(self.verified, schemas.ROWS).to_pylist()

    @cached_property
    def edit_of(self) -> Mapping[str, Mapping[str, Any]]:
        """edit_id -> its row in edits, without the picture."""
        return self._by_id(self.edits, schemas.EDITS, "edit_id")

    @cached_property
    def image_of(self) -> Mapping[str, Mapping[str, Any]]:
        """image_id -> its row in raw_images, without the picture."""
        return self._by_id(self.raw, schemas.RAW_IMAGES, "image_id")

    @cached_property
    def sources(self) -> Pictures:
        """Source pictures by image_id."""
        return Pictures(self._ledger, self.raw, "image_id", "image")

    @cached_property
    def edited(self) -> Pictures:
        """Edited pictures by edit_id."""
        return Pictures(self._ledger, self.edits, "edit_id", "edit_image")

    def _by_id(
        self, manifest: Manifest, schema: pa.Schema, key: str
    ) -> Mapping[str, Mapping[str, Any]]:
        columns = [f.name for f in schema if not pa.types.is_binary(f.type)]
        return {r[key]: r for r in self._ledger.read(manifest, schemas.ROWS, columns).to_pylist()}

    def manifests(self) -> dict[str, str]:
        """Return what a row of this shard was made from: stage/partition -> fingerprint."""
        own = [self.verified, self.edits, self.raw]
        found = {f"{m.stage}/{m.partition}": m.fingerprint for m in own}
        return {**self.edits.inputs, **found}


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
        self._partitions = [ref.partition for ref in project.refs("verified_edits")]
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
        with tempfile.TemporaryDirectory(prefix="unicedit-") as scratch:
            path = Path(scratch) / "data.parquet"
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
        stages = self._project.stages.values()
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


def parquet_bytes(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> bytes:
    """Return rows of metadata as a Parquet file; equal rows give equal bytes."""
    sink = io.BytesIO()
    table = pa.Table.from_pylist(list(rows), schema=schema)
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def published_texts(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts that are published: the rewritten ones where both languages have one."""
    if row["rewritten_en"] and row["rewritten_cn"]:
        return {"en": row["rewritten_en"], "cn": row["rewritten_cn"]}
    return {"en": row["en"], "cn": row["cn"]}


def provenance_row(shard: ShardRows, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that made one published row."""
    edit, image = shard.edit_of[row["edit_id"]], shard.image_of[row["image_id"]]
    rewritten = published_texts(row)["en"] == row["rewritten_en"]
    same = {
        name: row[name]
        for name in (
            "image_id",
            "instruction_id",
            "rewritten_en",
            "rewritten_cn",
            "verifier",
            "verifier_version",
            "confidence",
            "evidence",
            "differences",
            "source_caption",
            "edit_caption",
        )
    }
    return {
        **same,
        "key": row["edit_id"],
        "source_uri": f"{image['root'].rstrip('/')}/{image['source']}",
        "licence": image["licence"],
        "width": edit["width"],
        "height": edit["height"],
        "original_en": row["en"],
        "original_cn": row["cn"],
        "published_text": REWRITTEN if rewritten else ORIGINAL,
        "instructor": edit["instructor"],
        "editor": edit["editor"],
        "editor_revision": edit["revision"],
        "seed": edit["seed"],
        "settings": edit["settings"],
        "prompt_hashes": {"instructor": edit["prompt_sha256"]},
        "manifests": shard.manifests(),
    }


def kept_row(shard: ShardRows, row: Mapping[str, Any], file: str, place: int) -> dict[str, Any]:
    """Return where one published row went, and the figures that statistics are made from."""
    edit, image = shard.edit_of[row["edit_id"]], shard.image_of[row["image_id"]]
    texts = published_texts(row)
    return {
        **{
            name: row[name] for name in ("edit_id", "instruction_id", "image_id", "task", "subtask")
        },
        "shard": shard.partition,
        "file": file,
        "row": place,
        "editor": edit["editor"],
        "licence": image["licence"],
        "width": edit["width"],
        "height": edit["height"],
        "confidence": row["confidence"],
        "rewritten": texts["en"] == row["rewritten_en"],
        **texts,
    }


def facts_of(row: Mapping[str, Any]) -> RowFacts:
    """Return what the statistics need of a kept row."""
    return RowFacts(
        subtask=row["subtask"],
        editor=row["editor"],
        licence=row["licence"],
        width=row["width"],
        height=row["height"],
        confidence=row["confidence"],
        rewritten=row["rewritten"],
        prompt_en=row["en"],
        prompt_cn=row["cn"],
    )


def reject_row(stage: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a lake reject as a row of the published negatives."""
    extra = json.loads(row.get("extra") or "null") or {}
    has_edit = stage in ("edits", "verified_edits", Release.name)
    return {
        "edit_id": row["unit_id"] if has_edit else None,
        "instruction_id": row["unit_id"] if stage == "instructions" else None,
        "image_id": row.get("image_id"),
        "stage": stage,
        "outcome": row["outcome"],
        "reason": row["reason"],
        "detail": row["detail"] if stage != "raw_images" else f"{row['unit_id']}: {row['detail']}",
        "edit_subtask": row.get("subtask"),
        "prompt_en": row.get("en"),
        "prompt_cn": row.get("cn"),
        "confidence": extra.get("confidence"),
        "evidence": extra.get("evidence"),
    }
