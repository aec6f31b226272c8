"""Rows of a release: what is published of a pair, where it came from, and the negatives."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unicedit_assets.domain import schemas
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.published.schema import ORIGINAL, REWRITTEN
from unicedit_assets.published.statistics import RowFacts
from unicedit_assets.storage.manifests import Manifest


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
        "source": image["source"],
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
    has_edit = stage in ("edits", "verified_edits", "unicedit_10m")
    # What was never written has no id of its own: its unit is the photograph.
    written = stage == "instructions" and row["unit_id"] != row.get("image_id")
    return {
        "edit_id": row["unit_id"] if has_edit else None,
        "instruction_id": row["unit_id"] if written else None,
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
