"""instructions: 3-7 instructions a photograph, English and Chinese, steered by subtask quotas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from unicedit_assets.domain import codec, schemas, texts
from unicedit_assets.domain.identity import Json, instruction_id, seed_from
from unicedit_assets.domain.quotas import choose
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Draft, Instructor, Refusal, Survey
from unicedit_assets.domain.taxonomy import is_subtask, task_of
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.rows import Collector, json_text
from unicedit_assets.pipeline.stage import Job, Ref, chunk_count
from unicedit_assets.storage.ledger import ChunkOutput, split


class Photograph(NamedTuple):
    """One photograph on its way to an instructor."""

    image_id: str
    image: bytes


class Request(NamedTuple):
    """What an instructor is asked to write for one photograph."""

    photograph: Photograph
    survey: Survey
    subtasks: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class Answer:
    """What came of one request; ``error`` is set when the instructor itself failed."""

    drafts: tuple[Draft | Refusal, ...] = ()
    error: str = ""


def look(instructor: Instructor, photograph: Photograph) -> Survey | str:
    """Survey one photograph; a text says why the instructor failed."""
    try:
        return instructor.survey(codec.decode(photograph.image))
    except Exception as error:  # one photograph must not take the shard with it
        return f"{type(error).__name__}: {error}"


def ask(instructor: Instructor, request: Request) -> Answer:
    """Let the instructor write what was asked for."""
    image = codec.decode(request.photograph.image)
    try:
        return Answer(
            tuple(instructor.write(image, request.survey, request.subtasks, request.seed))
        )
    except Exception as error:  # as above
        return Answer(error=f"{type(error).__name__}: {error}")


def objection(draft: Draft, seen: set[tuple[str, str]]) -> tuple[Reason, str] | None:
    """Return why a draft cannot go on, or None.

    Args:
        draft: what the instructor wrote.
        seen: (English, Chinese) of the drafts already accepted for this photograph.
    """
    if not is_subtask(draft.subtask):
        return Reason.OFF_TAXONOMY, f"not one of the 22 subtasks: {draft.subtask!r}"
    if not draft.en.strip() or not draft.cn.strip():
        return Reason.UNPARSEABLE, "an empty text"
    if not texts.is_english(draft.en):
        return Reason.WRONG_LANGUAGE, f"not English: {draft.en!r}"
    if not texts.is_chinese(draft.cn):
        return Reason.WRONG_LANGUAGE, f"not Chinese: {draft.cn!r}"
    if (draft.en, draft.cn) in seen:
        return Reason.DUPLICATE, "the same instruction on the same photograph"
    return None


def quota_weights(project: Project) -> Mapping[str, float]:
    """Return the quotas: as configured, or the same for each subtask that the editors can do."""
    return project.settings.instructions.quotas or dict.fromkeys(project.backends.subtasks, 1.0)


class Instructions:
    """The stage."""

    name = "instructions"
    code_version = "1"

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        return (Ref("raw_images", partition),)

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        return {
            **project.settings.instructions.identity_fields(),
            "quotas": dict(quota_weights(project)),
            "instructor": dict(project.backends.instructor.identity),
        }

    def job(self, project: Project, partition: str) -> Job:
        manifest = project.require(Ref("raw_images", partition))
        images = project.ledger.read(manifest, schemas.ROWS, ["image_id"])["image_id"].to_pylist()
        pictures = Pictures(project.ledger, manifest, "image_id", "image")
        chunks = chunk_count(len(images), project.settings.instructions.chunk)
        spec = project.spec(Ref(self.name, partition))

        def work(index: int) -> ChunkOutput:
            counts: Counter[str] = Counter()
            for earlier in range(index):
                table = project.ledger.read_chunk(spec, earlier, chunks, ["subtask"])
                counts.update(table["subtask"].to_pylist())
            part = split(len(images), chunks, index)
            photographs = [Photograph(images[i], pictures[images[i]]) for i in part]
            return write_chunk(project, photographs, counts)

        return Job(chunks, work)


@dataclass(frozen=True)
class Plan:
    """How instructions are asked for.

    Attributes:
        weights: subtask -> share of the quota, relative.
        per_image: how many are asked of a photograph.
        seed: mixed with each image's id.
    """

    weights: Mapping[str, float]
    per_image: int
    seed: int


def plan_requests(
    plan: Plan,
    photographs: Sequence[Photograph],
    surveys: Sequence[Survey | str],
    counts: Counter[str],
) -> list[Request]:
    """Choose what to ask of each photograph, counting as we go; adds to ``counts``."""
    requests = []
    for photograph, survey in zip(photographs, surveys, strict=True):
        if isinstance(survey, str):
            continue
        chosen = tuple(
            choose(survey.subtasks, counts, plan.weights, plan.per_image, photograph.image_id)
        )
        counts.update(chosen)
        seed = seed_from("instructions", plan.seed, photograph.image_id)
        requests.append(Request(photograph, survey, chosen, seed))
    return requests


def write_chunk(
    project: Project, photographs: Sequence[Photograph], counts: Counter[str]
) -> ChunkOutput:
    """Survey, choose by quota, write and check the instructions of one chunk of photographs."""
    instructor = project.backends.instructor
    surveys = list(project.engine.map(partial(look, instructor), photographs))
    collector = Collector(Instructions.name, schemas.INSTRUCTIONS)
    for photograph, survey in zip(photographs, surveys, strict=True):
        if isinstance(survey, str):
            about = {"image_id": photograph.image_id}
            collector.reject(photograph.image_id, Reason.INSTRUCTOR_FAILED, survey, about)
    settings = project.settings.instructions
    plan = Plan(quota_weights(project), settings.per_image, settings.seed)
    requests = plan_requests(plan, photographs, surveys, counts)
    for request, answer in zip(
        requests, project.engine.map(partial(ask, instructor), requests), strict=True
    ):
        collect_answer(collector, instructor, request, answer)
    return collector.output()


def collect_answer(
    collector: Collector, instructor: Instructor, request: Request, answer: Answer
) -> None:
    """Sort one photograph's drafts into accepted, rejected and failed; none is lost."""
    image_id = request.photograph.image_id
    if answer.error:
        for subtask in request.subtasks:
            about = {"image_id": image_id, "subtask": subtask}
            collector.reject(image_id, Reason.INSTRUCTOR_FAILED, answer.error, about)
        return
    seen: set[tuple[str, str]] = set()
    for draft in answer.drafts:
        about = {"image_id": image_id, "subtask": draft.subtask}
        if isinstance(draft, Refusal):
            collector.reject(image_id, draft.reason, draft.detail, about)
            continue
        key = instruction_id(image_id, draft.subtask, draft.en, draft.cn)
        against = objection(draft, seen)
        if against:
            collector.reject(key, *against, {**about, "en": draft.en, "cn": draft.cn})
            continue
        seen.add((draft.en, draft.cn))
        collector.accept(
            {
                **about,
                "instruction_id": key,
                "task": task_of(draft.subtask),
                "en": draft.en,
                "cn": draft.cn,
                "reasoning_points": list(draft.reasoning_points),
                "reasoning_points_cn": list(draft.reasoning_points_cn),
                "instructor": json_text(instructor.identity),
                "prompt_sha256": str(instructor.identity.get("wordings", "")),
                "seed": request.seed,
            }
        )
