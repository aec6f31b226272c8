"""Threads that ask: bounded in number, results as they come, and nobody waits for them at the end.

The threads are daemons: whoever stops a run must not wait for a server that takes its time. What
they were asking is lost, and asked again when the run is taken up.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

# Tasks that wait for a thread, for each thread: enough that none idles, few enough to hold no
# pictures that nobody looks at.
_AHEAD = 2


class _Came(NamedTuple, Generic[Task, Result]):
    group: Hashable
    task: Task
    result: Result | None
    error: BaseException | None


class Crew(Generic[Task, Result]):
    """Calls a function on tasks of several groups, each with threads of its own.

    Args:
        function: called from many threads.
        group_of: the group that a task belongs to.
        sizes: group -> threads.
    """

    def __init__(
        self,
        function: Callable[[Task], Result],
        group_of: Callable[[Task], Hashable],
        sizes: Mapping[Hashable, int],
    ) -> None:
        self._function, self._group_of, self._sizes = function, group_of, sizes
        self._waiting: dict[Hashable, queue.SimpleQueue[Task | None]] = {
            group: queue.SimpleQueue() for group in sizes
        }
        self._came: queue.SimpleQueue[_Came[Task, Result]] = queue.SimpleQueue()
        self._under_way = dict.fromkeys(sizes, 0)
        self._stopped = threading.Event()

    def map(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Result]]:
        """Yield each task with its result, as they come.

        Raises:
            Exception: the first that the function raised; results that were there are yielded
                before it, and what no thread has begun is not begun.
        """
        for group, size in self._sizes.items():
            for _ in range(size):
                threading.Thread(target=self._work, args=(group,), daemon=True).start()
        try:
            for task in tasks:
                group = self._group_of(task)
                while self._under_way[group] >= self._sizes[group] * (1 + _AHEAD):
                    yield self._next()
                self._under_way[group] += 1
                self._waiting[group].put(task)
            while any(self._under_way.values()):
                yield self._next()
        finally:
            self._stop()

    def ready(self) -> Iterator[tuple[Task, Result]]:
        """Yield what came and nobody has seen, without waiting; for when ``map`` was left early."""
        while True:
            try:
                came = self._came.get_nowait()
            except queue.Empty:
                return
            if came.error is None:
                yield came.task, came.result  # type: ignore[misc]

    def _next(self) -> tuple[Task, Result]:
        came = self._came.get()
        self._under_way[came.group] -= 1
        if came.error is not None:
            raise came.error
        return came.task, came.result  # type: ignore[return-value]

    def _work(self, group: Hashable) -> None:
        while (task := self._waiting[group].get()) is not None and not self._stopped.is_set():
            try:
                came = _Came(group, task, self._function(task), None)
            except BaseException as error:
                came = _Came(group, task, None, error)
            self._came.put(came)
            del task, came

    def _stop(self) -> None:
        self._stopped.set()
        for group, size in self._sizes.items():
            for _ in range(size):
                self._waiting[group].put(None)
