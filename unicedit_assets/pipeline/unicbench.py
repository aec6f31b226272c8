"""unicbench: the benchmark's samples, a list somebody gives or a small one frozen here.

Without a list the samples are frozen from photographs that were set aside at the first
registration. Whatever they are, no release contains their pictures or near-duplicates of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from unicedit_assets.bench.samples import Sample
from unicedit_assets.domain import codec, duplicates, schemas
from unicedit_assets.domain.identity import Json, image_id
from unicedit_assets.domain.images import (
    IntakeSettings,
    Prepared,
    Rejected,
    decoders,
    prepare,
    whole,
)
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.domain.taxonomy import task_of
from unicedit_assets.pipeline.instructions import (
    Dropped,
    Kept,
    Photograph,
    Plan,
    asked_in,
    outcomes,
)
from unicedit_assets.pipeline.project import MAIN, Project
from unicedit_assets.pipeline.raw_images import Refused, hash_text, take_all
from unicedit_assets.pipeline.registry import SourceList
from unicedit_assets.pipeline.rows import Collector, named
from unicedit_assets.pipeline.stage import Job, Ref, chunk_count
from unicedit_assets.pipeline.unicbench_list import list_fingerprint, listed_samples
from unicedit_assets.storage.terms import ChunkOutput, split


def benchmark_ref() -> Ref:
    """Return the benchmark's only partition."""
    return Ref(UnicBench.name, MAIN)


class UnicBench:
    """The stage; made before the first edits or release that need it."""

    name = "unicbench"
    code_version = "3"

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        return ()

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        shared: dict[str, Json] = {
            "intake": project.settings.raw_images.identity_fields(),
            "libraries": dict(decoders()),
            "codec": dict(codec.lake_identity()),
        }
        if project.settings.unicbench.list:
            return {**shared, "list": list_fingerprint(project.settings.unicbench)}
        sources = project.registry.benchmark()
        return {
            **shared,
            "sources": sources.fingerprint if sources else "none",
            "gates": [dict(gate.identity) for gate in project.backends.gates],
            "instructor": dict(project.backends.instructor.identity),
            "subtasks": list(project.backends.subtasks),
            "per_image": project.settings.unicbench.per_image,
            "seed": project.settings.unicbench.seed,
        }

    def job(self, project: Project, partition: str) -> Job:
        if project.settings.unicbench.list:
            return _listed_job(project)
        sources = project.registry.benchmark() or SourceList("", ())
        entries = sources.entries
        chunks = chunk_count(len(entries), project.settings.unicbench.chunk)
        spec = project.spec(Ref(self.name, partition))

        def work(index: int) -> ChunkOutput:
            counts: Counter[str] = Counter()
            for earlier in range(index):
                counts.update(asked_in(project, spec, earlier, chunks))
            part = [entries[i] for i in split(len(entries), chunks, index)]
            return freeze_chunk(project, take_all(project, sources, part), counts)

        return Job(chunks, work)


def freeze_chunk(
    project: Project, taken: list[Mapping[str, Any] | Refused], counts: Counter[str]
) -> ChunkOutput:
    """Write the samples of one chunk of held-out photographs."""
    collector = Collector(UnicBench.name, schemas.UNICBENCH)
    rows: dict[str, Mapping[str, Any]] = {}
    for photograph in taken:
        if isinstance(photograph, Refused):
            collector.reject(photograph.unit, Reason.INFEASIBLE, photograph.detail)
        elif photograph["image_id"] in rows:
            collector.reject(photograph["source"], Reason.DUPLICATE, "the same photograph again")
        else:
            rows[photograph["image_id"]] = photograph
    settings = project.settings.unicbench
    plan = Plan(dict.fromkeys(project.backends.subtasks, 1.0), settings.per_image, settings.seed)
    photographs = [Photograph(key, row["image"]) for key, row in rows.items()]
    for outcome in outcomes(project, plan, photographs, counts):
        if isinstance(outcome, Dropped):
            collector.reject(*outcome)
        else:
            collector.accept(frozen_row(rows[outcome.image_id], outcome))
    return collector.output()


def frozen_row(photograph: Mapping[str, Any], kept: Kept) -> dict[str, Any]:
    """Return a sample that was frozen here, as a row."""
    draft = kept.draft
    return {
        "key": kept.instruction_id,
        "image_id": kept.image_id,
        "task": task_of(draft.subtask),
        "subtask": draft.subtask,
        "en": draft.en,
        "cn": draft.cn,
        "reasoning_points": list(draft.reasoning_points),
        "reasoning_points_cn": list(draft.reasoning_points_cn),
        "phash": photograph["phash"],
        "cropped_phash": None,
        "width": photograph["width"],
        "height": photograph["height"],
        "image": photograph["image"],
    }


def _listed_job(project: Project) -> Job:
    settings = project.settings.unicbench
    samples = listed_samples(settings)
    chunks = chunk_count(len(samples), settings.chunk)

    def work(index: int) -> ChunkOutput:
        return listed_chunk(project, [samples[i] for i in split(len(samples), chunks, index)])

    return Job(chunks, work)


def listed_chunk(project: Project, samples: Sequence[Sample]) -> ChunkOutput:
    """Take one chunk of a list in, its pictures as they are: neither cropped nor gated."""
    chosen = project.settings.raw_images
    intake = IntakeSettings(chosen.max_pixels, chosen.min_side, chosen.max_crop)
    collector = Collector(UnicBench.name, schemas.UNICBENCH)
    for sample, row in zip(
        samples, project.engine.map(partial(take, intake), samples), strict=True
    ):
        if isinstance(row, Refused):
            about = {"task": sample.task, "subtask": sample.subtask, **sample.prompts}
            collector.reject(row.unit, row.reason, row.detail, about)
        else:
            collector.accept(row)
    return collector.output()


def take(intake: IntakeSettings, sample: Sample) -> Mapping[str, Any] | Refused:
    """Turn one listed sample into a row, or say why not."""
    try:
        data = sample.source.read()
    except OSError as error:
        return Refused(sample.key, Reason.UNREADABLE, named(error))
    pixels = whole(data, intake.max_pixels)
    if isinstance(pixels, Rejected):
        return Refused(sample.key, pixels.reason, pixels.detail)
    height, width = pixels.shape[:2]
    return {
        "key": sample.key,
        "image_id": image_id(data),
        "task": sample.task,
        "subtask": sample.subtask,
        "en": sample.prompts["en"],
        "cn": sample.prompts["cn"],
        "reasoning_points": list(sample.points_in("en")),
        "reasoning_points_cn": list(sample.points_in("cn")),
        "phash": hash_text(duplicates.phash(pixels)),
        "cropped_phash": _cropped_phash(data, intake, pixels),
        "width": width,
        "height": height,
        "image": codec.encode_lake(pixels),
    }


def _cropped_phash(data: bytes, intake: IntakeSettings, pixels: Pixels) -> str | None:
    """Return the hash that this picture would have as a photograph of a shard."""
    prepared = prepare(data, intake)
    if not isinstance(prepared, Prepared) or prepared.pixels.shape == pixels.shape:
        return None
    return hash_text(duplicates.phash(prepared.pixels))
