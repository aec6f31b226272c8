"""Keeping a model busy: everything that is not the model happens beside it.

While the model works on one batch, other threads decode the next sources, and check and encode what
came out (Pillow and OpenCV release the interpreter lock); the stage's own thread writes finished
chunks. Chunks are begun ahead of the one that is asked for, so the model does not wait between two
of them. Memory holds the chunk that is asked for and those ahead of it, ``CHUNKS_AHEAD`` or more.

A batch holds samples of one size and never reaches over a chunk's end, so what is batched together
depends on the chunk alone: a run that resumes batches as the killed one did.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

from unicedit_assets.domain import codec
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.roles import (
    BatchEditor,
    Edited,
    Editor,
    EditSample,
    Pixels,
)
from unicedit_assets.pipeline import waiting
from unicedit_assets.pipeline.editing import (
    EditAnswer,
    EditRequest,
    make_batch,
    make_edit,
    outcomes,
    settled,
)
from unicedit_assets.pipeline.engine import Engine, ThreadEngine

CHUNKS_AHEAD = 2
# Batches that wait for each of the model's threads, where chunks are small.
_BATCHES_AHEAD = 4
_MOST_HANDS = 8


class BusyMeter:
    """Measures which share of its time a model was running, from its first sample to its last.

    Args:
        slots: how many calls can run at once; all of them count as the model's time.
    """

    def __init__(self, slots: int = 1) -> None:
        self._slots = slots
        self._lock = threading.Lock()
        self._busy = 0.0
        self._first, self._last = float("inf"), 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time inside the block as the model's."""
        start = time.perf_counter()
        try:
            yield
        finally:
            end = time.perf_counter()
            with self._lock:
                self._busy += end - start
                self._first, self._last = min(self._first, start), max(self._last, end)

    @property
    def seconds(self) -> float:
        """Seconds that the model was running, all slots together."""
        return self._busy

    @property
    def share(self) -> float | None:
        """The busy share, 0-1; None before the first call."""
        wall = (self._last - self._first) * self._slots
        return self._busy / wall if wall > 0 else None


def batches(sizes: Sequence[tuple[int, int]], most: int) -> list[list[int]]:
    """Group positions by size, at most ``most`` in a batch, ordered by their first position."""
    open_batches: dict[tuple[int, int], list[int]] = {}
    found: list[list[int]] = []
    for position, size in enumerate(sizes):
        batch = open_batches.get(size)
        if batch is None or len(batch) >= most:
            batch = open_batches[size] = []
            found.append(batch)
        batch.append(position)
    return found


def batching(editor: Editor, chunk: int) -> dict[str, Json]:
    """Return what decides who shares a batch, as configuration; nothing where each is alone."""
    return {"chunk": chunk} if int(getattr(editor, "batch", 1)) > 1 else {}


@dataclass
class _Begun:
    """A chunk on its way: the answers to come, and the model's calls for it."""

    answers: list[Future[EditAnswer]]
    calls: list[Future[None]]


class EditFlow:
    """Makes the edits of chunks by an editor that is called in this process.

    Args:
        editor: has ``concurrency``; with ``edit_batch`` it is given batches.
        load: returns the requests of a chunk; called by the thread that asks for answers.
        order: returns the chunks that will be asked for, ascending; called once, at the first.
    """

    def __init__(
        self,
        editor: Editor,
        load: Callable[[int], Sequence[EditRequest]],
        order: Callable[[], Sequence[int]],
    ) -> None:
        slots = int(getattr(editor, "concurrency", 1))
        self._batching = cast(BatchEditor, editor) if hasattr(editor, "edit_batch") else None
        self._batch = self._batching.batch if self._batching else 1
        self._editor, self._load, self._order_of = editor, load, order
        self._order: Sequence[int] | None = None
        self._begun: dict[int, _Begun] = {}
        self._rows_ahead = slots * self._batch * _BATCHES_AHEAD
        hands = max(2, min(_MOST_HANDS, len(os.sched_getaffinity(0))))
        self._model = ThreadPoolExecutor(slots, thread_name_prefix="editor")
        # Apart from each other, so that what the model waits for never queues behind what it made.
        self._readers = ThreadPoolExecutor(max(1, hands // 2), thread_name_prefix="reader")
        self._hands = ThreadPoolExecutor(hands, thread_name_prefix="hand")
        self._tasks = waiting.Tasks()
        self.meter = BusyMeter(slots)

    def answers(self, index: int) -> list[EditAnswer]:
        """Return the answers of a chunk in the order of its requests; the next ones are begun.

        Raises:
            BackendDownError: the editor is of no more use to this run.
        """
        self._read_ahead(index)
        return [answer.result() for answer in self._begun.pop(index).answers]

    def figures(self) -> Mapping[str, float]:
        """Return what was measured, by name; empty when the model was not called."""
        share = self.meter.share
        if share is None:
            return {}
        return {"model_busy_share": share, "model_seconds": self.meter.seconds}

    def close(self) -> None:
        """Stop; a call of the model that runs is waited for, everything else is dropped.

        A call that waits to try again, or for a GPU, gives up instead (see ``waiting``).
        """
        self._tasks.give_up(self._model)
        self._readers.shutdown(cancel_futures=True)
        self._hands.shutdown(cancel_futures=True)

    def _read_ahead(self, index: int) -> None:
        if self._order is None:
            self._order = self._order_of()
        # Chunks that somebody else finished meanwhile are not asked for.
        for passed in [number for number in self._begun if number < index]:
            for call in self._begun.pop(passed).calls:
                call.cancel()
        rows = 0
        upcoming = [number for number in self._order if number > index]
        for place, number in enumerate([index, *upcoming]):
            if place > CHUNKS_AHEAD and rows >= self._rows_ahead:
                return
            if number not in self._begun:
                self._begun[number] = self._begin(self._load(number))
            rows += len(self._begun[number].answers) if place else 0

    def _begin(self, requests: Sequence[EditRequest]) -> _Begun:
        """Set a chunk on its way: decoding at once, the model as soon as its turn comes."""
        users: dict[int, list[int]] = {}
        for position, request in enumerate(requests):
            users.setdefault(id(request.image), []).append(position)
        sources: dict[int, Callable[[], Pixels]] = {}
        for positions in users.values():
            image = requests[positions[0]].image
            decoded = self._readers.submit(_copies, image, len(positions))
            for place, position in enumerate(positions):
                sources[position] = _taker(decoded, place)
        begun = _Begun([Future() for _ in requests], [])
        sizes = [codec.size_of(request.image) for request in requests]
        for batch in batches(sizes, self._batch):
            job = [(requests[i], sources[i], begun.answers[i]) for i in batch]
            begun.calls.append(self._model.submit(self._tasks.run, self._call, job))
        return begun

    def _call(
        self, job: Sequence[tuple[EditRequest, Callable[[], Pixels], Future[EditAnswer]]]
    ) -> None:
        """Edit one batch in a thread of the model; the answers follow in other threads."""
        try:
            samples = [EditSample(take(), request.prompt, request.seed) for request, take, _ in job]
            shapes = [sample.image.shape for sample in samples]
            if self._batching:
                self._batching.load()
            start = time.perf_counter()
            with self.meter.running():
                made = outcomes(self._editor, samples)
            share = (time.perf_counter() - start) / len(job)
            for (_, _, answer), shape, outcome in zip(job, shapes, made, strict=True):
                self._hands.submit(_settle, answer, shape, outcome, share)
        except BaseException as error:  # whoever waits for an answer must hear of it
            for _, _, answer in job:
                if not answer.done():
                    answer.set_exception(error)


def _copies(image: bytes, number: int) -> list[Pixels]:
    """Decode a source that several rows share: each gets pixels of its own to work in."""
    pixels = codec.decode(image)
    return [pixels, *(pixels.copy() for _ in range(number - 1))]


def _taker(decoded: Future[list[Pixels]], place: int) -> Callable[[], Pixels]:
    return lambda: decoded.result()[place]


def _settle(
    answer: Future[EditAnswer],
    shape: tuple[int, ...],
    outcome: Edited | Exception,
    seconds: float,
) -> None:
    """Check and encode one edit, and hand the answer to whoever waits for it."""
    try:
        answer.set_result(settled(shape, outcome, seconds))
    except BaseException as error:
        answer.set_exception(error)


class MappedEdits:
    """Makes the edits of chunks by an engine, one chunk after the other."""

    def __init__(
        self, engine: Engine, editor: Editor, load: Callable[[int], Sequence[EditRequest]]
    ) -> None:
        self._engine, self._editor, self._load = engine, editor, load

    def answers(self, index: int) -> list[EditAnswer]:
        """Return the answers of a chunk in the order of its requests."""
        requests, most = self._load(index), int(getattr(self._editor, "batch", 1))
        if most == 1:
            return list(self._engine.map(partial(make_edit, self._editor), requests))
        # The same rows together as in ``EditFlow``, so that they come out as there.
        groups = batches([codec.size_of(request.image) for request in requests], most)
        jobs = [[requests[i] for i in group] for group in groups]
        found: dict[int, EditAnswer] = {}
        made = self._engine.map(partial(make_batch, self._editor), jobs)
        for group, answers in zip(groups, made, strict=True):
            found |= dict(zip(group, answers, strict=True))
        return [found[position] for position in range(len(requests))]

    def figures(self) -> Mapping[str, float]:
        """Return nothing: nothing is measured here."""
        return {}

    def close(self) -> None:
        """Stop; there is nothing to stop."""


def edits_by(
    engine: Engine,
    editor: Editor,
    load: Callable[[int], Sequence[EditRequest]],
    order: Callable[[], Sequence[int]],
) -> EditFlow | MappedEdits:
    """Return what makes the edits of chunks: a flow around this process's model, or the engine."""
    if isinstance(engine, ThreadEngine):
        return EditFlow(editor, load, order)
    return MappedEdits(engine, editor, load)
