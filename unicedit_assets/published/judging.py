"""Judge single triplets with a verifier, here or in worker processes, without losing one.

A picture that cannot be read or decoded, a verifier that raises, a worker that dies: each is an
answer with a reason, and the rest goes on.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2

from unicedit_assets.domain.reasons import Outcome, Reason, outcome_of
from unicedit_assets.domain.roles import Pixels, Verdict, Verifier
from unicedit_assets.domain.verdicts import flaws, misworded
from unicedit_assets.published.pictures import PictureError, decode_picture
from unicedit_assets.published.triplets import Triplet

MakeVerifier: TypeAlias = Callable[[], Verifier]
_MAX_FILE = 256 << 20


@dataclass(frozen=True)
class Task:
    """A triplet to judge; ``occurrence`` counts rows with the same key, from 1."""

    triplet: Triplet
    occurrence: int


@dataclass(frozen=True)
class Answer:
    """What a worker sends back: a verdict, or the reason why there is none."""

    outcome: Outcome
    reason: Reason | None
    detail: str
    verdict: Verdict | None


class _Refusal(Exception):
    def __init__(self, outcome: Outcome, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.answer = Answer(outcome, reason, detail, None)


def _failed(reason: Reason, detail: str) -> _Refusal:
    return _Refusal(Outcome.FAILED, reason, detail)


def _read(name: str, picture: Path | bytes, max_pixels: int) -> Pixels:
    try:
        data = picture if isinstance(picture, bytes) else _file(name, picture)
        return decode_picture(data, max_pixels)
    except OSError as error:
        raise _failed(Reason.UNREADABLE, f"{name}: {error.strerror}") from error
    except PictureError as error:
        raise _failed(Reason.UNDECODABLE, f"{name}: {error}") from error


def _file(name: str, path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise _failed(Reason.NOT_A_FILE, f"{name} is not a regular file")
    if path.stat().st_size > _MAX_FILE:
        raise _failed(Reason.UNREADABLE, f"{name} is larger than {_MAX_FILE} bytes")
    return path.read_bytes()


def _asked(verifier: Verifier, source: Pixels, edited: Pixels, triplet: Triplet) -> Answer:
    """Ask the verifier; an answer that the pipeline would not take is not taken here either."""
    try:
        verdict = verifier.verify(source, edited, triplet.prompt_en, triplet.prompt_cn)
        flaw = next(flaws(verdict), "")
    except Exception as error:  # a backend may raise anything; the row must not be lost
        detail = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return Answer(Outcome.FAILED, Reason.VERIFIER_FAILED, detail, None)
    if flaw:
        detail = f"not a verdict: {flaw}"[:300]
        return Answer(Outcome.FAILED, Reason.VERIFIER_FAILED, detail, None)
    if verdict.reason is not None:
        return Answer(outcome_of(verdict.reason), verdict.reason, "", verdict)
    if trouble := misworded(verdict):
        return Answer(outcome_of(Reason.UNPARSEABLE), Reason.UNPARSEABLE, trouble, verdict)
    return Answer(Outcome.ACCEPTED, None, "", verdict)


def judge(triplet: Triplet, verifier: Verifier, max_pixels: int) -> Answer:
    """Judge one triplet; whatever goes wrong becomes an answer."""
    try:
        source = _read("src", triplet.source, max_pixels)
        edited = _read("edit", triplet.edited, max_pixels)
        if source.shape != edited.shape:
            sizes = [f"{pixels.shape[1]}x{pixels.shape[0]}" for pixels in (source, edited)]
            detail = f"source {sizes[0]}, edit {sizes[1]}"
            raise _Refusal(Outcome.REJECTED, Reason.WRONG_SIZE, detail)
    except _Refusal as refusal:
        return refusal.answer
    return _asked(verifier, source, edited, triplet)


class _Worker:
    """The verifier of this process, made once."""

    verifier: Verifier | None = None


def _start(make_verifier: MakeVerifier) -> None:
    # One thread a worker: the workers are the parallelism.
    cv2.setNumThreads(1)
    _Worker.verifier = make_verifier()


def _work(triplet: Triplet, max_pixels: int) -> Answer:
    if _Worker.verifier is None:
        raise RuntimeError("the worker was not started")
    return judge(triplet, _Worker.verifier, max_pixels)


class Processes:
    """Judges in processes, a few rows ahead, in order; survives workers that die."""

    def __init__(self, make_verifier: MakeVerifier, workers: int, max_pixels: int) -> None:
        self._make, self._workers, self._max_pixels = make_verifier, workers, max_pixels

    def _pool(self, workers: int) -> ProcessPoolExecutor:
        # Not fork: the parent has threads (Arrow's), and forking then can deadlock.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(workers, context, _start, (self._make,))

    def _alone(self, task: Task) -> Answer:
        with self._pool(1) as pool:
            try:
                return pool.submit(_work, task.triplet, self._max_pixels).result()
            except BrokenProcessPool:
                return Answer(Outcome.FAILED, Reason.VERIFIER_FAILED, "the worker died", None)

    def answers(self, tasks: Iterator[Task]) -> Iterator[tuple[Task, Answer]]:
        """Yield each task with its answer, in order."""
        ahead: deque[tuple[Task, Future[Answer]]] = deque()
        pool = self._pool(self._workers)
        try:
            for task in tasks:
                ahead.append((task, self._submit(pool, task)))
                if len(ahead) < 2 * self._workers:
                    continue
                first, answer = self._first(ahead)
                if answer is None:
                    pool.shutdown()
                    pool = self._pool(self._workers)
                    yield from ((each, self._alone(each)) for each in [first, *_drain(ahead)])
                else:
                    yield first, answer
            while ahead:
                first, answer = self._first(ahead)
                yield first, answer or self._alone(first)
        finally:
            pool.shutdown(cancel_futures=True)

    def _submit(self, pool: ProcessPoolExecutor, task: Task) -> Future[Answer]:
        try:
            return pool.submit(_work, task.triplet, self._max_pixels)
        except BrokenProcessPool as error:
            broken: Future[Answer] = Future()
            broken.set_exception(error)
            return broken

    def _first(self, ahead: deque[tuple[Task, Future[Answer]]]) -> tuple[Task, Answer | None]:
        task, future = ahead.popleft()
        try:
            return task, future.result()
        except BrokenProcessPool:
            return task, None


def _drain(ahead: deque[tuple[Task, Future[Answer]]]) -> list[Task]:
    tasks = [task for task, _ in ahead]
    ahead.clear()
    return tasks


def judge_here(
    verifier: Verifier, max_pixels: int, tasks: Iterator[Task]
) -> Iterator[tuple[Task, Answer]]:
    """Judge in this process, one after the other."""
    for task in tasks:
        yield task, judge(task.triplet, verifier, max_pixels)
