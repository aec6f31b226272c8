"""unicbench_scores: a small frozen benchmark x model x language -> IF, NC, VQ, RA and overall.

The benchmark is frozen from photographs that were set aside at the first registration; no release
contains them or their near-duplicates.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from unicedit_assets.domain import codec, schemas
from unicedit_assets.domain.identity import Json, edit_id, seed_from
from unicedit_assets.domain.images import decoders
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Editor, Judge, Scores
from unicedit_assets.domain.taxonomy import needs_reasoning, task_of
from unicedit_assets.domain.texts import storable
from unicedit_assets.domain.unicbench import HIGHEST, METRICS, overall
from unicedit_assets.pipeline.editing import EditAnswer, EditRequest
from unicedit_assets.pipeline.engine import ThreadEngine
from unicedit_assets.pipeline.flow import batching, edits_by
from unicedit_assets.pipeline.instructions import (
    Dropped,
    Kept,
    Photograph,
    Plan,
    asked_in,
    outcomes,
)
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.raw_images import Refused, take_all
from unicedit_assets.pipeline.registry import SourceList
from unicedit_assets.pipeline.rows import Collector, json_text, named
from unicedit_assets.pipeline.stage import Job, Ref, chunk_count
from unicedit_assets.storage.terms import ChunkOutput, split

BENCHMARK = "main"
_POINTS = {"en": "reasoning_points", "cn": "reasoning_points_cn"}


class UnicBenchSamples:
    """The frozen benchmark; made once, before the first scores or release need it."""

    name = "unicbench_samples"
    code_version = "2"

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        return ()

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        sources = project.registry.benchmark()
        return {
            "sources": sources.fingerprint if sources else "none",
            "intake": project.settings.raw_images.identity_fields(),
            "gates": [dict(gate.identity) for gate in project.backends.gates],
            "libraries": dict(decoders()),
            "codec": dict(codec.lake_identity()),
            "instructor": dict(project.backends.instructor.identity),
            "subtasks": list(project.backends.subtasks),
            "per_image": project.settings.unicbench_scores.per_image,
            "seed": project.settings.unicbench_scores.seed,
        }

    def job(self, project: Project, partition: str) -> Job:
        sources = project.registry.benchmark() or SourceList("", ())
        entries = sources.entries
        chunks = chunk_count(len(entries), project.settings.unicbench_scores.chunk)
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
    collector = Collector("instructions", schemas.UNICBENCH_SAMPLES)
    rows: dict[str, Mapping[str, Any]] = {}
    for photograph in taken:
        if isinstance(photograph, Refused):
            collector.reject(photograph.unit, Reason.INFEASIBLE, photograph.detail)
        elif photograph["image_id"] in rows:
            collector.reject(photograph["source"], Reason.DUPLICATE, "the same photograph again")
        else:
            rows[photograph["image_id"]] = photograph
    settings = project.settings.unicbench_scores
    plan = Plan(dict.fromkeys(project.backends.subtasks, 1.0), settings.per_image, settings.seed)
    photographs = [Photograph(key, row["image"]) for key, row in rows.items()]
    for outcome in outcomes(project, plan, photographs, counts):
        if isinstance(outcome, Dropped):
            collector.reject(*outcome)
        else:
            collector.accept(sample_row(rows[outcome.image_id], outcome))
    return collector.output()


def sample_row(photograph: Mapping[str, Any], kept: Kept) -> dict[str, Any]:
    """Return one benchmark sample as a row."""
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
        "width": photograph["width"],
        "height": photograph["height"],
        "image": photograph["image"],
    }


class ScoreRequest(NamedTuple):
    """All that a judge may see of a sample: two encoded pictures and the texts."""

    source: bytes
    edited: bytes
    prompt: str
    points: tuple[str, ...]


@dataclass(frozen=True)
class ScoreAnswer:
    """A sample's scores, or why it could not be scored."""

    scores: Scores | None = None
    seconds: float = 0.0
    error: str = ""


def score_sample(judge: Judge, request: ScoreRequest) -> ScoreAnswer:
    """Judge one edited sample; a crash stays with this sample."""
    started = time.perf_counter()
    try:
        source, edited = codec.decode(request.source), codec.decode(request.edited)
        scores = judge.score(source, edited, request.prompt, request.points)
    except Exception as error:  # one sample must not take the table with it
        return ScoreAnswer(error=named(error))
    if not isinstance(scores, Scores):
        return ScoreAnswer(error=f"not scores: {type(scores).__name__}")
    return ScoreAnswer(scores, time.perf_counter() - started)


class UnicBenchScores:
    """The stage."""

    name = "unicbench_scores"
    code_version = "2"

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        return (Ref(UnicBenchSamples.name, BENCHMARK),)

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        model, language = partition.split("/")
        editor = project.backends.models[model]
        return {
            **batching(editor, project.settings.unicbench_scores.chunk),
            "language": language,
            "model": dict(editor.identity),
            "judge": dict(project.backends.judge.identity),
            "codec": dict(codec.lake_identity()),
        }

    def job(self, project: Project, partition: str) -> Job:
        samples = project.require(Ref(UnicBenchSamples.name, BENCHMARK))
        rows = project.ledger.read(samples, schemas.ROWS, None).to_pylist()
        chunks = chunk_count(len(rows), project.settings.unicbench_scores.chunk)
        model, language = partition.split("/")
        editor, judge = project.backends.models[model], project.backends.judge
        both = (project.engine_for(editor), project.engine_for(judge))
        if all(isinstance(each, ThreadEngine) for each in both):
            # Edits are made ahead of the judge, so both are at work at once.
            project.backends.check_together(editor, judge)
        spec = project.spec(Ref(self.name, partition))

        def part(index: int) -> list[dict[str, Any]]:
            return [rows[i] for i in split(len(rows), chunks, index)]

        making = edits_by(
            project.engine_for(editor),
            editor,
            lambda index: requests_for(editor, language, part(index)),
            lambda: project.ledger.unfinished(spec, chunks),
        )

        def work(index: int) -> ChunkOutput:
            return score_chunk(project, model, language, part(index), making.answers(index))

        return Job(chunks, work, making.close, making.figures)


def requests_for(editor: Editor, language: str, samples: list[dict[str, Any]]) -> list[EditRequest]:
    """Return what an editor is asked for; both languages get the same seed."""
    return [
        EditRequest(
            sample["image"],
            sample[language],
            seed_from("unicbench", edit_id(sample["key"], editor.identity, 0)),
        )
        for sample in samples
    ]


def score_chunk(
    project: Project,
    model: str,
    language: str,
    samples: list[dict[str, Any]],
    made: list[EditAnswer],
) -> ChunkOutput:
    """Score one chunk of samples; what could not be scored is a row of its own, never a zero."""
    judge = project.backends.judge
    requests = [
        ScoreRequest(
            sample["image"],
            edit.image,
            sample[language],
            tuple(sample[_POINTS[language]]) if needs_reasoning(sample["subtask"]) else (),
        )
        for sample, edit in zip(samples, made, strict=True)
        if not edit.reason
    ]
    answers = project.engine_for(judge).map(partial(score_sample, judge), requests)
    collector = Collector(UnicBenchScores.name, schemas.UNICBENCH_SCORES)
    run = (model, language, json_text(judge.identity))
    for sample, edit in zip(samples, made, strict=True):
        if edit.reason:
            answer = ScoreAnswer(error=f"{edit.reason.value}: {edit.detail}")
        else:
            answer = next(answers)
        collect_scores(collector, run, sample, edit, answer)
    return collector.output()


def collect_scores(
    collector: Collector,
    run: tuple[str, str, str],
    sample: Mapping[str, Any],
    edit: EditAnswer,
    answer: ScoreAnswer,
) -> None:
    """Sort one sample into scored or unscored."""
    model, language, judge = run
    error = answer.error
    try:
        total = overall(answer.scores, sample["subtask"]) if answer.scores else None
        told = json_text(answer.scores.replies) if answer.scores else ""
    except (TypeError, ValueError) as flaw:  # NaN, beyond 0-10, replies that are not JSON
        total, error = None, named(flaw)
    if answer.scores is None or total is None:
        scores, replies = _left(answer.scores)
        detail = error or _missing(scores, replies, sample["subtask"])
        extra: dict[str, Json] = {"model": model, "scores": scores, "replies": replies}
        collector.reject(sample["key"], Reason.UNSCORED, detail, sample, extra)
        return
    reasons = needs_reasoning(sample["subtask"])
    collector.accept(
        {
            **{name: sample[name] for name in ("key", "image_id", "task", "subtask")},
            "model": model,
            "language": language,
            "prompt": sample[language],
            "instruction_following": answer.scores.instruction_following,
            "non_edit_consistency": answer.scores.non_edit_consistency,
            "visual_quality": answer.scores.visual_quality,
            "reasoning_accuracy": answer.scores.reasoning_accuracy if reasons else None,
            "overall": total,
            "replies": told,
            "judge": judge,
            "seconds": edit.seconds + answer.seconds,
            "edit_image": edit.image,
        }
    )


def _left(scores: Scores | None) -> tuple[dict[str, Json], dict[str, Json]]:
    """Return the valid scores and the replies of a sample that lacks a score; it was paid for."""
    if scores is None:
        return {}, {}
    valid = {
        metric: float(value)
        for metric in METRICS
        if isinstance(value := getattr(scores, metric, None), int | float)
        and 0.0 <= value <= HIGHEST
    }
    replies = scores.replies if isinstance(scores.replies, Mapping) else {}
    texts = {str(name): storable(text) for name, text in replies.items() if isinstance(text, str)}
    return dict(valid), dict(texts)


def _missing(scores: Mapping[str, Json], replies: Mapping[str, Json], subtask: str) -> str:
    """Return which metrics a sample lacks, and what the judge said of each."""
    wanted = [metric for metric in METRICS if metric != "overall"]
    if not needs_reasoning(subtask):
        wanted.remove("reasoning_accuracy")
    return "; ".join(
        f"{metric}: {replies.get(metric, 'the judge left it out')}"
        for metric in wanted
        if metric not in scores
    )
