"""instructions: 3-7 instructions a photograph, English and Chinese, steered by subtask quotas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from unicedit_assets.domain import codec, schemas, texts
from unicedit_assets.domain.drafts import objections
from unicedit_assets.domain.identity import Json, instruction_id, seed_from
from unicedit_assets.domain.quotas import choose
from unicedit_assets.domain.reasons import STAGE_REASONS, Reason
from unicedit_assets.domain.roles import Draft, Instructor, Refusal, Survey
from unicedit_assets.domain.taxonomy import task_of
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.rows import Collector, json_text, named
from unicedit_assets.pipeline.stage import Job, Ref, chunk_count
from unicedit_assets.storage.terms import ChunkOutput, PartitionSpec, split

# The paper asks for 3-7 instructions a photograph.
LEAST = 3


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


class Kept(NamedTuple):
    """A draft that goes on."""

    image_id: str
    instruction_id: str
    draft: Draft
    seed: int


class Dropped(NamedTuple):
    """A unit that does not go on; ``about`` are the columns it shares with those that do."""

    unit_id: str
    reason: Reason
    detail: str
    about: Mapping[str, str]


def look(instructor: Instructor, photograph: Photograph) -> Survey | str:
    """Survey one photograph; a text says why the instructor failed."""
    image = codec.decode(photograph.image)
    try:
        survey = instructor.survey(image)
    except Exception as error:  # one photograph must not take the shard with it
        return named(error)
    return survey if isinstance(survey, Survey) else f"not a survey: {type(survey).__name__}"


def ask(instructor: Instructor, request: Request) -> Answer:
    """Let the instructor write what was asked for."""
    image = codec.decode(request.photograph.image)
    try:
        return Answer(
            tuple(instructor.write(image, request.survey, request.subtasks, request.seed))
        )
    except Exception as error:  # as above
        return Answer(error=named(error))


def quota_weights(project: Project) -> Mapping[str, float]:
    """Return the quotas: as configured, or the same for each subtask that the editors can do."""
    return project.settings.instructions.quotas or dict.fromkeys(project.backends.subtasks, 1.0)


class Instructions:
    """The stage."""

    name = "instructions"
    code_version = "2"

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
                counts.update(asked_in(project, spec, earlier, chunks))
            part = split(len(images), chunks, index)
            photographs = [Photograph(images[i], pictures[images[i]]) for i in part]
            return write_chunk(project, photographs, counts)

        return Job(chunks, work)


def asked_in(project: Project, spec: PartitionSpec, chunk: int, chunks: int) -> list[str]:
    """Return the subtasks asked for in a finished chunk, those that were not accepted included.

    The choice of subtasks depends on what was asked for before, whatever came of it; so it does not
    depend on where chunks begin.
    """
    tables = [
        project.ledger.read_chunk(spec, chunk, chunks, ["subtask"], table)["subtask"]
        for table in (schemas.ROWS, schemas.REJECTS)
    ]
    return [subtask for table in tables for subtask in table.to_pylist() if subtask is not None]


@dataclass(frozen=True)
class Plan:
    """How instructions are asked for.

    Attributes:
        weights: subtask -> share of the quota, relative.
        per_image: how many are asked of a photograph.
        seed: mixed with each image's id.
        least: a photograph with fewer acceptable instructions gets none.
    """

    weights: Mapping[str, float]
    per_image: int
    seed: int
    least: int = 1


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
    collector = Collector(Instructions.name, schemas.INSTRUCTIONS)
    settings = project.settings.instructions
    plan = Plan(
        quota_weights(project), settings.per_image, settings.seed, min(LEAST, settings.per_image)
    )
    maker = project.backends.instructor.identity
    for outcome in outcomes(project, plan, photographs, counts):
        if isinstance(outcome, Dropped):
            collector.reject(*outcome)
        else:
            collector.accept(instruction_row(outcome, maker))
    return collector.output()


def outcomes(
    project: Project, plan: Plan, photographs: Sequence[Photograph], counts: Counter[str]
) -> Iterator[Kept | Dropped]:
    """Yield what became of each photograph and of each instruction asked for; none is lost."""
    instructor = project.backends.instructor
    engine = project.engine_for(instructor)
    surveys = list(engine.map(partial(look, instructor), photographs))
    for photograph, survey in zip(photographs, surveys, strict=True):
        if isinstance(survey, str):
            yield _of_image(photograph.image_id, Reason.INSTRUCTOR_FAILED, survey)
    requests = []
    for request in plan_requests(plan, photographs, surveys, counts):
        if request.subtasks:
            requests.append(request)
        else:
            detail = "no subtask that has a quota makes sense here"
            yield _of_image(request.photograph.image_id, Reason.INFEASIBLE, detail)
    answers = engine.map(partial(ask, instructor), requests)
    for request, answer in zip(requests, answers, strict=True):
        yield from enough(sorted_answer(request, answer), plan.least)


def _of_image(image_id: str, reason: Reason, detail: str, subtask: str = "") -> Dropped:
    about = {"image_id": image_id, "subtask": subtask} if subtask else {"image_id": image_id}
    return Dropped(image_id, reason, detail, about)


def enough(found: Iterable[Kept | Dropped], least: int) -> list[Kept | Dropped]:
    """Drop the remaining instructions of a photograph when they are fewer than ``least``."""
    listed = list(found)
    kept = [each for each in listed if isinstance(each, Kept)]
    if len(kept) >= least:
        return listed
    detail = f"only {len(kept)} of {len(listed)} instructions are left, at least {least} are needed"
    return [
        Dropped(each.instruction_id, Reason.INFEASIBLE, detail, _about(each.image_id, each.draft))
        if isinstance(each, Kept)
        else each
        for each in listed
    ]


def _about(image_id: str, draft: Draft) -> dict[str, str]:
    return {"image_id": image_id, "subtask": draft.subtask, "en": draft.en, "cn": draft.cn}


def sorted_answer(request: Request, answer: Answer) -> Iterator[Kept | Dropped]:
    """Yield each instruction asked for as kept or dropped, and drop what was not asked for."""
    image_id = request.photograph.image_id
    if answer.error:
        for subtask in request.subtasks:
            yield _of_image(image_id, Reason.INSTRUCTOR_FAILED, answer.error, subtask)
        return
    seen: set[tuple[str, str]] = set()
    for asked, draft in paired(request.subtasks, answer.drafts):
        if isinstance(draft, Refusal):
            yield _of_image(image_id, *_refused(draft), asked or "")
        elif not _is_readable(draft):
            yield _of_image(image_id, Reason.UNPARSEABLE, "not a draft", asked or "")
        else:
            key = instruction_id(image_id, draft.subtask, draft.en, draft.cn)
            against = next(objections(draft, asked, seen), None)
            if against:
                about = {**_about(image_id, draft), "subtask": asked or ""}
                yield Dropped(key, *against, about)
            else:
                seen.add((draft.en, draft.cn))
                yield Kept(image_id, key, draft, request.seed)


def paired(
    asked: Sequence[str], answers: Sequence[Draft | Refusal]
) -> list[tuple[str | None, Draft | Refusal]]:
    """Pair each answer with the subtask that it answers.

    By name first; an answer by another name stands for a subtask that got none, or for nothing
    (None). A subtask without any answer gets a refusal.
    """
    waiting, pairs, odd = list(asked), [], []
    for answer in answers:
        subtask = getattr(answer, "subtask", None)
        if subtask in waiting:
            waiting.remove(subtask)
            pairs.append((subtask, answer))
        else:
            odd.append(answer)
    pairs += [(waiting.pop(0) if waiting else None, answer) for answer in odd]
    missing = "the instructor left this subtask out"
    pairs += [(each, Refusal(each, Reason.UNPARSEABLE, missing)) for each in waiting]
    return pairs


def _refused(refusal: Refusal) -> tuple[Reason, str]:
    if refusal.reason in STAGE_REASONS[Instructions.name]:
        return refusal.reason, str(refusal.detail)
    return Reason.INSTRUCTOR_FAILED, f"it cannot refuse for {refusal.reason!r}"


def _is_readable(draft: object) -> bool:
    return isinstance(draft, Draft) and all(
        map(
            texts.is_text,
            (
                draft.subtask,
                draft.en,
                draft.cn,
                *draft.reasoning_points,
                *draft.reasoning_points_cn,
            ),
        )
    )


def instruction_row(kept: Kept, maker: Mapping[str, Json]) -> dict[str, Any]:
    """Return an accepted instruction as a row; ``maker`` is the instructor's identity."""
    draft = kept.draft
    return {
        "instruction_id": kept.instruction_id,
        "image_id": kept.image_id,
        "task": task_of(draft.subtask),
        "subtask": draft.subtask,
        "en": draft.en,
        "cn": draft.cn,
        "reasoning_points": list(draft.reasoning_points),
        "reasoning_points_cn": list(draft.reasoning_points_cn),
        "instructor": json_text(maker),
        "prompt_sha256": str(maker.get("prompt_sha256", "")),
        "seed": kept.seed,
    }
