"""raw_images: source files -> upright RGB photographs at a preferred resolution, hashed, measured."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from unicedit_assets.domain import codec, duplicates, identity, quality, schemas
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.images import IntakeSettings, Rejected, prepare
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.sources import SourceEntry, SourceProblem, read_source
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.rows import Collector
from unicedit_assets.pipeline.stage import Job, Ref, chunk_count
from unicedit_assets.settings import RawImagesSettings
from unicedit_assets.storage.ledger import ChunkOutput, split


@dataclass(frozen=True)
class Refused:
    """A source that gave no photograph; ``unit`` is its name."""

    unit: str
    reason: Reason
    detail: str


def intake_settings(settings: RawImagesSettings) -> IntakeSettings:
    """Return what the decoder needs of the stage's settings."""
    return IntakeSettings(settings.max_pixels, settings.min_side, settings.max_crop)


def take_in(
    root: str, licence: str, settings: IntakeSettings, entry: SourceEntry
) -> Mapping[str, Any] | Refused:
    """Turn one source into a row of raw_images, or say why not."""
    try:
        data = read_source(entry, root)
    except SourceProblem as problem:
        return Refused(entry.name, problem.reason, str(problem))
    prepared = prepare(data, settings)
    if isinstance(prepared, Rejected):
        return Refused(entry.name, prepared.reason, prepared.detail)
    height, width = prepared.pixels.shape[:2]
    return {
        "image_id": identity.image_id(data),
        "source": entry.name,
        "root": root,
        "licence": licence,
        "width": width,
        "height": height,
        "original_width": prepared.original_width,
        "original_height": prepared.original_height,
        "original_format": prepared.format,
        "crop_share": prepared.crop_share,
        "phash": duplicates.perceptual_hash(prepared.pixels),
        "pixel_sha256": hashlib.sha256(prepared.pixels.tobytes()).hexdigest(),
        **asdict(quality.measure(prepared.pixels)),
        "image": codec.encode_lake(prepared.pixels),
    }


class RawImages:
    """The stage."""

    name = "raw_images"
    code_version = "1"

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        return ()

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        return {
            **project.settings.raw_images.identity_fields(),
            "sources": project.registry.shard(partition).fingerprint,
        }

    def job(self, project: Project, partition: str) -> Job:
        sources, settings = project.registry.shard(partition), project.settings.raw_images
        total = len(sources.entries)
        chunks = chunk_count(total, settings.chunk)
        spec = project.spec(Ref(self.name, partition))
        take = partial(take_in, sources.root, settings.licence, intake_settings(settings))

        def work(index: int) -> ChunkOutput:
            kept: dict[str, str] = {}
            for earlier in range(index):
                table = project.ledger.read_chunk(spec, earlier, chunks, ["image_id", "phash"])
                kept.update(zip(*(column.to_pylist() for column in table.columns), strict=True))
            part = [sources.entries[i] for i in split(total, chunks, index)]
            return collect(list(project.engine.map(take, part)), kept, settings)

        return Job(chunks, work)


def collect(
    taken: Sequence[Mapping[str, Any] | Refused],
    kept: Mapping[str, str],
    settings: RawImagesSettings,
) -> ChunkOutput:
    """Sort a chunk's photographs into kept and rejected; the first of near-duplicates is kept.

    Args:
        taken: what became of each source, in the shard's order.
        kept: image_id -> perceptual hash of the photographs kept in earlier chunks.
        settings: the stage's settings.
    """
    collector = Collector(RawImages.name, schemas.RAW_IMAGES)
    fresh = [row for row in taken if not isinstance(row, Refused)]
    repeated = near_duplicates(kept, fresh, settings.duplicate_distance)
    position = 0
    for row in taken:
        if isinstance(row, Refused):
            collector.reject(row.unit, row.reason, row.detail)
            continue
        original = repeated.get(position)
        position += 1
        if original is None:
            collector.accept(row)
        else:
            detail = f"near-duplicate of {original}"
            collector.reject(row["source"], Reason.DUPLICATE, detail, {"image_id": row["image_id"]})
    return collector.output()


def near_duplicates(
    kept: Mapping[str, str], rows: Sequence[Mapping[str, Any]], distance: int
) -> dict[int, str]:
    """Return position -> image_id of the kept photograph that each duplicate repeats."""
    items = [(f"kept {key}", phash) for key, phash in kept.items()]
    items += [(f"new {place} {row['image_id']}", row["phash"]) for place, row in enumerate(rows)]
    found = duplicates.keep_first(items, distance)
    return {
        int(name.split()[1]): original.split()[-1]
        for name, original in found.items()
        if name.startswith("new ")
    }
