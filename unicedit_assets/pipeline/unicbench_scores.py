"""unicbench_scores: the benchmark's edits x model x language -> IF, NC, VQ, RA and overall.

A sample whose edit failed is unscored like one that the judge could not score: it is a row of its
own and never a zero, and the coverage counts it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from unicedit_assets.domain import codec, schemas
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Judge, Scores
from unicedit_assets.domain.taxonomy import needs_reasoning
from unicedit_assets.domain.texts import storable
from unicedit_assets.domain.unicbench import HIGHEST, METRICS, overall
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.rows import Collector, json_text, named
from unicedit_assets.pipeline.stage import Job, Ref, chunk_count
from unicedit_assets.pipeline.unicbench import benchmark_ref
from unicedit_assets.pipeline.unicbench_edits import UnicBenchEdits
from unicedit_assets.storage.terms import ChunkOutput, split

_POINTS = {"en": "reasoning_points", "cn": "reasoning_points_cn"}
_TEXTS = ("key", "image_id", "task", "subtask", "en", "cn", *_POINTS.values())


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
    code_version = "3"

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        return (benchmark_ref(), Ref(UnicBenchEdits.name, partition))

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        return {"judge": dict(project.backends.judge.identity)}

    def job(self, project: Project, partition: str) -> Job:
        work = ScoringJob(project, partition)
        return Job(work.chunks, work.chunk)


class ScoringJob:
    """Scoring one model in one language."""

    def __init__(self, project: Project, partition: str):
        ledger = project.ledger
        samples = project.require(benchmark_ref())
        edits = project.require(Ref(UnicBenchEdits.name, partition))
        self._project = project
        self._run = tuple(partition.split("/"))
        self._rows = ledger.read(samples, schemas.ROWS, _TEXTS).to_pylist()
        self._sources = Pictures(ledger, samples, "key", "image")
        self._edits = Pictures(ledger, edits, "key", "edit_image")
        failed = ledger.read(edits, schemas.REJECTS, ["unit_id", "reason", "detail"]).to_pylist()
        self._failed = {row["unit_id"]: f"{row['reason']}: {row['detail']}" for row in failed}
        self.chunks = chunk_count(len(self._rows), project.settings.unicbench_scores.chunk)

    def chunk(self, index: int) -> ChunkOutput:
        """Score one chunk of samples."""
        samples = [self._rows[i] for i in split(len(self._rows), self.chunks, index)]
        model, language = self._run
        judge = self._project.backends.judge
        requests = [
            ScoreRequest(
                self._sources[sample["key"]],
                self._edits[sample["key"]],
                sample[language],
                tuple(sample[_POINTS[language]]) if needs_reasoning(sample["subtask"]) else (),
            )
            for sample in samples
            if sample["key"] in self._edits
        ]
        answers = self._project.engine_for(judge).map(partial(score_sample, judge), requests)
        collector = Collector(UnicBenchScores.name, schemas.UNICBENCH_SCORES)
        run = (model, language, json_text(judge.identity))
        for sample in samples:
            if sample["key"] in self._edits:
                collect_scores(collector, run, sample, next(answers))
            else:
                lost = ScoreAnswer(error=self._failed.get(sample["key"], "there is no edit"))
                collect_scores(collector, run, sample, lost)
        return collector.output()


def collect_scores(
    collector: Collector,
    run: tuple[str, str, str],
    sample: Mapping[str, Any],
    answer: ScoreAnswer,
) -> None:
    """Sort one sample into scored or unscored; ``run`` is model, language and judge."""
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
            "seconds": answer.seconds,
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
