"""raw_images: source files -> upright RGB photographs at a preferred size, hashed, measured."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import Any

from unicedit_assets.domain import codec, duplicates, identity, quality, schemas
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.images import IntakeSettings, Rejected, decoders, prepare
from unicedit_assets.domain.quality import Gate
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.sources import SourceEntry, SourceError
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.registry import SourceList
from unicedit_assets.pipeline.roots import ensure_reachable
from unicedit_assets.pipeline.rows import Collector, json_text
from unicedit_assets.pipeline.sources import read_source
from unicedit_assets.pipeline.stage import Job, Ref, chunk_count
from unicedit_assets.settings import RawImagesSettings
from unicedit_assets.storage.terms import ChunkOutput, split

# What later chunks of a shard need of earlier ones.
_COMPARED = ["image_id", "phash", "pixel_sha256"]


@dataclass(frozen=True)
class Refused:
    """A source that gave no photograph; ``unit`` is its name."""

    unit: str
    reason: Reason
    detail: str


@dataclass(frozen=True)
class Intake:
    """How sources become photographs: where they are, what is accepted, what is recorded."""

    root: str
    licence: str
    settings: IntakeSettings
    gates: tuple[Gate, ...]

    @classmethod
    def of(cls, project: Project, root: str) -> Intake:
        """Return the intake that a project's settings describe."""
        chosen = project.settings.raw_images
        settings = IntakeSettings(chosen.max_pixels, chosen.min_side, chosen.max_crop)
        return cls(root, chosen.licence, settings, project.backends.gates)


def take_in(intake: Intake, entry: SourceEntry) -> Mapping[str, Any] | Refused:
    """Turn one source into a row of raw_images, or say why not."""
    try:
        data = read_source(entry, intake.root)
    except SourceError as problem:
        return Refused(entry.name, problem.reason, problem.detail)
    prepared = prepare(data, intake.settings)
    if isinstance(prepared, Rejected):
        return Refused(entry.name, prepared.reason, prepared.detail)
    gated = quality.pass_gates(prepared.pixels, intake.gates)
    if gated.rejected:
        return Refused(entry.name, gated.rejected.reason, gated.rejected.detail)
    height, width = prepared.pixels.shape[:2]
    return {
        "image_id": identity.image_id(data),
        "source": entry.name,
        "root": intake.root,
        "licence": intake.licence,
        "width": width,
        "height": height,
        "original_width": prepared.original_width,
        "original_height": prepared.original_height,
        "original_format": prepared.format,
        "crop_share": prepared.crop_share,
        "phash": hash_text(duplicates.phash(prepared.pixels)),
        "pixel_sha256": hashlib.sha256(prepared.pixels.tobytes()).hexdigest(),
        **asdict(quality.measure(prepared.pixels)),
        "scores": json_text(gated.scores),
        "image": codec.encode_lake(prepared.pixels),
    }


def hash_text(phash: int | None) -> str | None:
    """Return a perceptual hash as 16 hexadecimal digits; None for a featureless picture."""
    return None if phash is None else f"{phash:016x}"


class RawImages:
    """The stage."""

    name = "raw_images"
    code_version = "1"

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        return ()

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        return {
            **project.settings.raw_images.identity_fields(),
            "sources": project.registry.fingerprint(partition),
            "gates": [dict(gate.identity) for gate in project.backends.gates],
            "libraries": dict(decoders()),
            "codec": dict(codec.lake_identity()),
        }

    def job(self, project: Project, partition: str) -> Job:
        sources, settings = project.registry.shard(partition), project.settings.raw_images
        total = len(sources.entries)
        chunks = chunk_count(total, settings.chunk)
        spec = project.spec(Ref(self.name, partition))

        @cache
        def kept_in(earlier: int) -> list[Mapping[str, Any]]:
            table = project.ledger.read_chunk(spec, earlier, chunks, _COMPARED)
            rows: list[Mapping[str, Any]] = table.to_pylist()
            return rows

        def work(index: int) -> ChunkOutput:
            kept = [row for earlier in range(index) for row in kept_in(earlier)]
            part = [sources.entries[i] for i in split(total, chunks, index)]
            return collect(take_all(project, sources, part), kept, settings)

        return Job(chunks, work)


def _unreadable(taken: Sequence[Mapping[str, Any] | Refused]) -> set[str]:
    return {
        each.unit
        for each in taken
        if isinstance(each, Refused) and each.reason is Reason.UNREADABLE
    }


def take_all(
    project: Project, sources: SourceList, entries: Sequence[SourceEntry]
) -> list[Mapping[str, Any] | Refused]:
    """Turn some sources of a list into rows, or say why not.

    Raises:
        SourceRootError: most of the list cannot be had now; no row is condemned for that.
    """
    take = partial(take_in, Intake.of(project, sources.root))
    taken = list(project.engine.map(take, entries))
    ensure_reachable(sources, _unreadable(taken), project.settings.raw_images.max_unreadable)
    return taken


def collect(
    taken: Sequence[Mapping[str, Any] | Refused],
    kept: Sequence[Mapping[str, Any]],
    settings: RawImagesSettings,
) -> ChunkOutput:
    """Sort a chunk's photographs into kept and rejected; the first of near-duplicates is kept.

    Args:
        taken: what became of each source, in the shard's order.
        kept: image_id, phash and pixel_sha256 of the photographs kept in earlier chunks.
        settings: the stage's settings.
    """
    collector = Collector(RawImages.name, schemas.RAW_IMAGES)
    fresh = [row for row in taken if not isinstance(row, Refused)]
    repeats = iter(repeated(kept, fresh, settings.duplicate_distance))
    for row in taken:
        if isinstance(row, Refused):
            collector.reject(row.unit, row.reason, row.detail)
        elif original := next(repeats):
            about = {"image_id": row["image_id"]}
            detail = f"repeats photograph {original}"
            collector.reject(row["source"], Reason.DUPLICATE, detail, about)
        else:
            collector.accept(row)
    return collector.output()


def repeated(
    kept: Sequence[Mapping[str, Any]], fresh: Sequence[Mapping[str, Any]], distance: int
) -> list[str | None]:
    """Return for each fresh row the image_id of the earlier photograph that it repeats, or None.

    Equal pixels repeat each other whatever their hash; a featureless picture has none.
    """
    rows = [*kept, *fresh]
    first_of: dict[str, int] = {}
    same = [first_of.setdefault(row["pixel_sha256"], place) for place, row in enumerate(rows)]
    items = [
        duplicates.Hashed(str(place), int(row["phash"], 16) if row["phash"] else None)
        for place, row in enumerate(rows)
        if same[place] == place
    ]
    near = duplicates.keep_first(items, distance)
    answers: list[str | None] = []
    for place in range(len(kept), len(rows)):
        original = int(near.get(str(same[place]), str(same[place])))
        answers.append(None if original == place else rows[original]["image_id"])
    return answers
