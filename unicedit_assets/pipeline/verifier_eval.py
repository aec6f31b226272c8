"""qwen_verify_eval: one verifier's answers to the frozen test pairs.

The answers are kept, not the figures: those follow from answers and truth
(``verifier_figures``), so that two verifiers can be compared pair by pair, and a better measure
needs no new answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, NamedTuple

from unicedit_assets.domain import codec, schemas
from unicedit_assets.domain.identity import Json, digest
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import FilteredVerifier, Judge, Verifier
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import BASELINES, MAIN, Project
from unicedit_assets.pipeline.registry import RegistryError
from unicedit_assets.pipeline.rows import Collector, named
from unicedit_assets.pipeline.stage import Job, Ref, chunk_count
from unicedit_assets.pipeline.verified_edits import Triplet, judge_triplet
from unicedit_assets.pipeline.verifier_sets import PREFERENCE
from unicedit_assets.pipeline.verifier_tests import VerifierTests
from unicedit_assets.qwen_verify.baselines import MEASURES, Fit, Threshold, fit
from unicedit_assets.qwen_verify.evaluation import Prediction, of_verdict
from unicedit_assets.qwen_verify.splitting import Split
from unicedit_assets.storage.terms import ChunkOutput, split

_SEEN = ["key", "subtask", "en", "cn"]


class Answered(NamedTuple):
    """A prediction, or why there is none."""

    said: Prediction | None
    error: str = ""


class QwenVerifyEval:
    """The stage; a partition a verifier: a version, or one of ``BASELINES``."""

    name = "qwen_verify_eval"
    code_version = "2"

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        tests = Ref(VerifierTests.name, MAIN)
        return (tests, Ref(PREFERENCE, MAIN)) if partition in BASELINES else (tests,)

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        settings = project.settings.verifier_tests
        judge = dict(project.backends.judge.identity) if settings.judged else None
        if partition in BASELINES:
            known: dict[str, Json] = {"name": "threshold", "version": 1, "measure": partition}
            return {"verifier": {**known, "fitted_on": settings.fitted_on}, "judge": judge}
        return {"verifier": dict(_verifier(project, partition).identity), "judge": judge}

    def job(self, project: Project, partition: str) -> Job:
        tests = project.require(Ref(VerifierTests.name, MAIN))
        rows = project.ledger.read(tests, schemas.ROWS, _SEEN).to_pylist()
        sources, edited = (
            Pictures(project.ledger, tests, "key", name)
            for name in ("source_image", "edited_image")
        )
        chunks = chunk_count(len(rows), project.settings.verifier_tests.chunk)
        answer, extra = _answering(project, partition)

        def work(index: int) -> ChunkOutput:
            part = [rows[place] for place in split(len(rows), chunks, index)]
            triplets = [
                Triplet(sources[row["key"]], edited[row["key"]], row["en"], row["cn"])
                for row in part
            ]
            collector = Collector(self.name, schemas.VERIFIER_ANSWERS)
            answers = answer([row["key"] for row in part], triplets)
            for row, answered in zip(part, answers, strict=True):
                _collect(collector, row, answered)
            output = collector.output()
            # Once, in the first chunk: numbers of several chunks would be added up.
            return ChunkOutput(output.tables, output.counts, extra if index == 0 else {})

        return Job(chunks, work)


Answering = Callable[[Sequence[str], Sequence[Triplet]], Iterator[Answered]]


def _verifier(project: Project, version: str) -> Verifier:
    """Return who is measured: a registered version by its model alone.

    In the pipeline equal pixels are never shown to a model; most No Edit pairs would measure that.
    """
    known = project.backends.verifiers
    if version not in known:
        names = ", ".join([*BASELINES, *known])
        raise RegistryError(f"no verifier {version!r} to evaluate; there are: {names}")
    found = known[version]
    return found.asking_always() if isinstance(found, FilteredVerifier) else found


def _answering(project: Project, partition: str) -> tuple[Answering, dict[str, Json]]:
    """Return what answers a chunk, and what is to be kept about it."""
    if partition in BASELINES:
        fitted = fit_baseline(project, partition)
        task: Any = partial(_by_threshold, Threshold(partition, fitted))
        extra: dict[str, Json] = {"fit": fitted.to_json()}
        engine = project.engine
    else:
        verifier = _verifier(project, partition)
        task, extra, engine = partial(_by_verifier, verifier), {}, project.engine_for(verifier)
    judge = project.backends.judge if project.settings.verifier_tests.judged else None

    def answers(keys: Sequence[str], triplets: Sequence[Triplet]) -> Iterator[Answered]:
        found: Iterator[Answered] = engine.map(task, zip(keys, triplets, strict=True))
        if judge is None:
            return found
        graded = zip(list(found), triplets, strict=True)
        return project.engine_for(judge).map(partial(_graded, judge), graded)

    return answers, extra


def _by_threshold(baseline: Threshold, asked: tuple[str, Triplet]) -> Answered:
    key, triplet = asked
    started = time.perf_counter()
    try:
        source, edited = codec.decode(triplet.source), codec.decode(triplet.edited)
        said = baseline.predict(key, source, edited, triplet.en, triplet.cn)
    except Exception as error:  # one pair must not take the others with it
        return Answered(None, named(error))
    return Answered(_timed(said, time.perf_counter() - started))


def _timed(said: Prediction, seconds: float) -> Prediction:
    return Prediction(**{**asdict(said), "seconds": seconds})


def _by_verifier(verifier: Verifier, asked: tuple[str, Triplet]) -> Answered:
    key, triplet = asked
    answer = judge_triplet(verifier, triplet)
    if answer.verdict is None:
        return Answered(None, answer.error)
    return Answered(of_verdict(key, answer.verdict, answer.seconds))


def _graded(judge: Judge, asked: tuple[Answered, Triplet]) -> Answered:
    """Let the judge grade how well the rewritten text says what changed."""
    answered, triplet = asked
    if answered.said is None or not answered.said.en:
        return answered
    try:
        source, edited = codec.decode(triplet.source), codec.decode(triplet.edited)
        scores = judge.score(source, edited, answered.said.en, ())
    except Exception as error:  # ungraded is not badly graded
        named(error)
        return answered
    said = {**asdict(answered.said), "judged": scores.instruction_following}
    return Answered(Prediction(**said))


def _collect(collector: Collector, row: Mapping[str, Any], answered: Answered) -> None:
    if answered.said is None:
        collector.reject(row["key"], Reason.VERIFIER_FAILED, answered.error, row)
    else:
        collector.accept(asdict(answered.said))


def fit_baseline(project: Project, measure: str) -> Fit:
    """Fit a threshold on training pairs, drawn by key, as many as the settings say.

    Raises:
        RegistryError: the training split has no pairs with and without a change.
    """
    manifest = project.require(Ref(PREFERENCE, MAIN))
    most = project.settings.verifier_tests.fitted_on
    keys: list[tuple[str, str]] = []
    for part in range(len(manifest.tables[schemas.ROWS])):
        table = project.ledger.read_part(manifest, part, ["key", "split"])
        keys += [
            (digest("fit", row["key"]), row["key"])
            for row in table.to_pylist()
            if row["split"] == Split.TRAIN
        ]
    wanted = {key for _, key in sorted(keys)[:most]}
    columns = ["key", "split", "kind", "images.list.element.bytes"]
    values: list[float] = []
    changed: list[bool] = []
    for batch in project.ledger.iter_batches(manifest, schemas.ROWS, columns):
        for row in batch.to_pylist():
            if row["key"] in wanted:
                one, two = (codec.decode(picture["bytes"]) for picture in row["images"])
                values.append(MEASURES[measure](one, two))
                changed.append(row["kind"] != "no_edit")
    try:
        return fit(values, changed)
    except ValueError as error:
        raise RegistryError(f"the baseline {measure!r} cannot be fitted: {error}") from error
