"""Long waits in other threads, and ending them when the work that they are for was given up.

A thread cannot be interrupted: whoever gives work up (an interrupt, a failure) ends the waits of
this process, and then waits for its threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_lock = threading.Lock()
_waits: set[threading.Event] = set()

_PAUSE_SECONDS = 0.05


@contextmanager
def wait() -> Iterator[threading.Event]:
    """Yield an event that is set when the wait should end before its time."""
    ended = threading.Event()
    with _lock:
        _waits.add(ended)
    try:
        yield ended
    finally:
        with _lock:
            _waits.discard(ended)


class Tasks:
    """Calls of a pool's threads that can be given up without what they wait for.

    Counted here, since an interrupted ``submit`` can leave a thread that its pool does not know.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._given_up = False

    def run(self, function: Callable[[Item], Result], item: Item) -> Result:
        """Return ``function(item)``; called by a thread of the pool.

        Raises:
            CancelledError: the work was given up before.
        """
        with self._changed:
            if self._given_up:
                raise CancelledError
            self._running += 1
        try:
            return function(item)
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def give_up(self, pool: ThreadPoolExecutor) -> None:
        """Drop what has not begun, and end every wait until what has begun is over."""
        with self._changed:
            self._given_up = True
        pool.shutdown(wait=False, cancel_futures=True)
        with self._changed:
            # Again and again: one thread's wait can begin when another's ends.
            while self._running:
                _end_waits()
                self._changed.wait(_PAUSE_SECONDS)
        pool.shutdown()


def _end_waits() -> None:
    with _lock:
        for ended in _waits:
            ended.set()
