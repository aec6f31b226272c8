"""The engine over a Ray cluster: the stages' functions on actors, by Ray Data.

Same promises as the local engine: results in the order of the items, few items taken ahead, an
exception of the function goes to the caller. An actor that dies is replaced and its rows are tried
again; a row that keeps ending its actor is found and named.
"""

from __future__ import annotations

import atexit
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count, islice
from typing import Any, TypeVar

from resources.ray_cluster import connect
from resources.ray_stream import Answers, Stream, Work
from unicedit_assets.pipeline.engine import Engine, ThreadEngine, WorkerDiedError
from unicedit_assets.settings.gpu import RaySettings

Item = TypeVar("Item")
Result = TypeVar("Result")

# Bundles in flight an actor: one at work, one that waits there, one on its way.
_AHEAD = 3


class RayEngine:
    """Actors on a Ray cluster; the cluster is joined or started at the first item."""

    def __init__(self, settings: RaySettings, workers: int, threads: int = 0):
        """Choose the actors.

        Args:
            settings: where the cluster is, and how many actors of what size.
            workers: CPUs of a cluster that is made for this process.
            threads: threads of each actor, when it holds a model; 0: it does not.
        """
        self._settings, self._workers, self._threads = settings, workers, threads

    def holding(self, backend: object, threads: int) -> Engine:
        """Return what calls a backend that holds something: a model or a connection.

        A model (it has ``load``) goes to the actors that own GPUs. A connection stays in this
        process: its server does the work, and ``threads`` bound what it is asked at once.
        """
        if callable(getattr(backend, "load", None)):
            return RayEngine(self._settings, self._workers, threads)
        return ThreadEngine(threads)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield ``function(item)`` in the order of the items.

        Raises:
            SettingsError: Ray is missing, the cluster cannot be reached or has other versions.
            WorkerDiedError: a row ended its actor again and again.
        """
        rows = iter(items)
        first = list(islice(rows, 1))
        if not first:
            return
        model = self._threads > 0
        pool = _pool(self._settings, self._workers, model)
        work = Work.of(function, max(1, self._threads))
        size = max(1, self._threads) if model else self._settings.bundle
        waiting = deque[int]()
        try:
            for start, bundle in _bundles(first, rows, size):
                waiting.append(pool.send(work, start, bundle))
                if len(waiting) >= pool.actors * _AHEAD:
                    yield from _results(pool.receive(waiting.popleft()))
            while waiting:
                yield from _results(pool.receive(waiting.popleft()))
        finally:
            pool.forget(waiting)


def _bundles(
    first: list[Item], rows: Iterator[Item], size: int
) -> Iterator[tuple[int, list[Item]]]:
    """Yield (position of its first item, up to ``size`` items)."""
    start, bundle = 0, [*first, *islice(rows, size - 1)]
    while bundle:
        yield start, bundle
        start, bundle = start + len(bundle), list(islice(rows, size))


def _results(answers: Answers) -> Iterator[Any]:
    for done, value in answers:
        if not done:
            raise value
        yield value


@dataclass(frozen=True)
class _Sent:
    """A bundle that is not answered yet; ``start`` is the position of its first item."""

    work: Work
    start: int
    items: Sequence[Any]


@dataclass
class _Pool:
    """The actors of one kind, through the deaths of their streams; numbers its own tickets."""

    open: Callable[[], Stream]
    retries: int
    _stream: Stream | None = None
    _tickets: Iterator[int] = field(default_factory=count)
    _sent: dict[int, _Sent] = field(default_factory=dict)
    _by_number: dict[int, int] = field(default_factory=dict)
    _ready: dict[int, Answers] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def actors(self) -> int:
        return self._opened().actors

    def send(self, work: Work, start: int, items: Sequence[Any]) -> int:
        """Send a bundle on its way; return the ticket to receive its answers by."""
        with self._lock:
            ticket = next(self._tickets)
            self._by_number[self._opened().push(work, items)] = ticket
            self._sent[ticket] = _Sent(work, start, items)
            return ticket

    def receive(self, ticket: int) -> Answers:
        """Return the answers of a bundle, waiting for them.

        Raises:
            WorkerDiedError: one of the rows on their way ended its actor again and again.
        """
        with self._lock:
            while ticket not in self._ready:
                try:
                    number, answers = self._opened().pull()
                except Exception as error:  # whatever ended the stream, its rows are still here
                    self._one_by_one(error)
                    continue
                arrived = self._by_number.pop(number)
                if self._sent.pop(arrived, None):
                    self._ready[arrived] = answers
            return self._ready.pop(ticket)

    def forget(self, tickets: Iterable[int]) -> None:
        """Drop what nobody will receive."""
        with self._lock:
            for ticket in tickets:
                self._sent.pop(ticket, None)
                self._ready.pop(ticket, None)

    def close(self) -> None:
        """End the actors."""
        if self._stream:
            self._stream.close()
        self._stream = None
        self._by_number.clear()

    def _opened(self) -> Stream:
        if self._stream is None:
            self._stream = self.open()
        return self._stream

    def _one_by_one(self, why: Exception) -> None:
        """Answer every open row alone on new actors, so that a deadly one is known by name."""
        self.close()
        for ticket, sent in sorted(self._sent.items()):
            answers: Answers = []
            for place, item in enumerate(sent.items):
                try:
                    self._opened().push(sent.work, [item])
                    answers += self._opened().pull()[1]
                except Exception as error:
                    self.close()
                    self._sent.clear()
                    raise WorkerDiedError(
                        f"Item {sent.start + place} ended its Ray actor {1 + self.retries} times, "
                        f"the last ones with nothing else at work: {error or why}. It may want "
                        "more memory than an actor has; finished chunks are kept."
                    ) from error
                if not answers[-1][0]:
                    break
            self._ready[ticket] = answers
            del self._sent[ticket]


@cache
def _pool(settings: RaySettings, workers: int, model: bool) -> _Pool:
    """Return the actors of this process: of one kind with models, of another without."""
    connect(settings, workers)
    # Registered after Ray's own end, so it comes before.
    atexit.register(shut_down)
    pool = _Pool(
        lambda: Stream(connect(settings, workers), settings, model), retries=settings.retries
    )
    _pools.append(pool)
    return pool


_pools: list[_Pool] = []


def shut_down() -> None:
    """End all actors of this process; the next call of an engine starts new ones."""
    for pool in _pools:
        pool.close()
    _pools.clear()
    _pool.cache_clear()
