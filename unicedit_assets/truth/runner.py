"""Run the draws through the verifier in a process pool."""

from __future__ import annotations

import math
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2

from unicedit_assets.domain import language
from unicedit_assets.domain.roles import Verifier
from unicedit_assets.evidence.verifier import EvidenceVerifier
from unicedit_assets.truth.outcomes import Outcome
from unicedit_assets.truth.sampling import (
    EDITS_A_PICTURE,
    NO_FAULT,
    Bench,
    Sample,
    draw_samples,
    photographs,
)

_MOST_ROUNDS = 12


@dataclass(frozen=True)
class Plan:
    """What to draw.

    Attributes:
        photos: the photographs to draw from.
        seed: decides every draw.
        edits: how many triplets to judge.
        version: the verifier's version.
        workers: processes.
    """

    photos: tuple[Path, ...]
    seed: int
    edits: int
    version: str
    workers: int


def plan_for(folder: Path, seed: int, edits: int, version: str, workers: int) -> Plan:
    """List the photographs of a folder and fix what to draw.

    Raises:
        FileNotFoundError: the folder holds no photographs.
        ValueError: not a positive number of edits or workers.
    """
    if edits < 1 or workers < 1:
        raise ValueError(f"edits and workers must be positive, not {edits} and {workers}")
    return Plan(photographs(folder), seed, edits, version, workers)


def judged(verifier: Verifier, sample: Sample, group: int) -> Outcome:
    """Verify one triplet; only its pixels and texts reach the verifier."""
    started = time.perf_counter()
    verdict = verifier.verify(sample.source, sample.edited, sample.en, sample.cn)
    named = language.parse(verdict.rewritten_en)
    return Outcome(
        group,
        sample.subtask,
        sample.operation,
        sample.en,
        sample.fault,
        verdict.reason.value if verdict.reason else NO_FAULT,
        named.operation if named else "",
        verdict.confidence,
        time.perf_counter() - started,
        sample.detail,
    )


def run_group(plan: Plan, group: int) -> tuple[Outcome, ...]:
    """Draw and judge the triplets of one picture."""
    cv2.setNumThreads(1)
    verifier = EvidenceVerifier(plan.version)
    samples = draw_samples(plan.photos, plan.seed, group, EDITS_A_PICTURE, Bench.standard())
    return tuple(judged(verifier, sample, group) for sample in samples)


def run(plan: Plan, progress: Callable[[int], None]) -> Sequence[Outcome]:
    """Judge ``plan.edits`` triplets; the same plan gives the same outcomes for any worker count.

    Args:
        plan: what to draw.
        progress: told the number of triplets judged so far.

    Raises:
        RuntimeError: the photographs do not give as many triplets as asked for.
    """
    outcomes: list[Outcome] = []
    first = 0
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(plan.workers, mp_context=context) as pool:
        for _ in range(_MOST_ROUNDS):
            count = math.ceil((plan.edits - len(outcomes)) / EDITS_A_PICTURE)
            for found in pool.map(partial(run_group, plan), range(first, first + count)):
                outcomes.extend(found)
                progress(min(len(outcomes), plan.edits))
            first += count
            if len(outcomes) >= plan.edits:
                return outcomes[: plan.edits]
    raise RuntimeError(f"only {len(outcomes)} triplets could be drawn, not {plan.edits}")
