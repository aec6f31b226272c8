"""Running a function over rows: the role, and worker processes that outlive one partition.

Results come in the order of the inputs, so that the output does not depend on the workers.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache, partial
from typing import Protocol, TypeVar, runtime_checkable

from unicedit_assets.pipeline import waiting

Item = TypeVar("Item")
Result = TypeVar("Result")

# Items in flight a worker: enough that none waits for this process.
_AHEAD = 3


class WorkerDiedError(Exception):
    """A worker process ended before its work; the message says what to do."""


class Engine(Protocol):
    """Maps a picklable function over items, results in order."""

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Iterator[Result]: ...


@runtime_checkable
class ModelEngine(Protocol):
    """An engine with a place of its own for backends that hold a model or a connection.

    A backend with a method ``load`` holds a model, and travels to that place: it must be picklable
    while it has not loaded it, and equal ones must pickle to equal bytes.
    """

    def holding(self, backend: object, threads: int) -> Engine:
        """Return what calls this backend, ``threads`` calls at once in each process."""
        ...


def _end_with_parent(parent: int) -> None:
    """A killed parent cannot stop its workers, so each worker watches for it."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _start_worker(parent: int) -> None:
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    prepare_worker()


def prepare_worker() -> None:
    """Let this process be one worker of many: one thread, since the workers are parallel."""
    import cv2

    cv2.setNumThreads(1)


@cache
def _pool(workers: int) -> ProcessPoolExecutor:
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(os.getpid(),),
    )
    atexit.register(pool.shutdown, wait=False, cancel_futures=True)
    return pool


class LocalEngine:
    """Worker processes on this machine; one worker means this process itself."""

    def __init__(self, workers: int):
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        self._workers = workers

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield ``function(item)`` in the order of the items.

        Only a few items are taken ahead of the results, so memory follows the workers, not the
        number of items.

        Raises:
            WorkerDiedError: a worker died (out of memory, a crash in native code).
        """
        if self._workers == 1:
            yield from map(function, items)
            return
        try:
            yield from self._spread(function, items)
        except BrokenProcessPool as error:
            # The pool is of no more use, but the next run in this process deserves a new one.
            _pool.cache_clear()
            raise WorkerDiedError(
                "A worker process died, most likely for want of memory: run again with fewer "
                "`workers`; finished chunks are kept."
            ) from error

    def _spread(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Iterator[Result]:
        yield from _in_order(_pool(self._workers), function, items, self._workers * _AHEAD)


class ThreadEngine:
    """Threads of this process, for backends that hold a model, a device or a connection."""

    def __init__(self, threads: int):
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        self._threads = threads

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield ``function(item)`` in the order of the items, ``threads`` of them at once."""
        pool, tasks = ThreadPoolExecutor(self._threads), waiting.Tasks()
        try:
            yield from _in_order(pool, partial(tasks.run, function), items, self._threads * _AHEAD)
        except GeneratorExit:
            pool.shutdown(cancel_futures=True)
            raise
        except BaseException:  # an interrupt must not wait for what a thread waits for
            tasks.give_up(pool)
            raise
        finally:
            pool.shutdown()


def _in_order(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """Yield results in the order of the items, at most ``ahead`` of them taken at once.

    Where it ends early, what no worker has begun is not begun any more.
    """
    under_way = deque[Future[Result]]()
    try:
        for item in items:
            under_way.append(pool.submit(function, item))
            if len(under_way) >= ahead:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()
