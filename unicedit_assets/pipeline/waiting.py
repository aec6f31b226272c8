"""Long waits in other threads, and ending them when the work that they are for was given up.

A thread cannot be interrupted: whoever gives work up (an interrupt, a failure) ends the waits of
this process, and then waits for its threads.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

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


def give_up(pool: ThreadPoolExecutor) -> None:
    """End a pool's threads without what waits for them, and every wait until they have ended."""
    pool.shutdown(wait=False, cancel_futures=True)
    over = threading.Event()

    def end_waits() -> None:
        # Again and again: one thread's wait can begin when another's ends.
        while not over.is_set():
            with _lock:
                for ended in _waits:
                    ended.set()
            over.wait(_PAUSE_SECONDS)

    ending = threading.Thread(target=end_waits, name="end-waits", daemon=True)
    ending.start()
    try:
        pool.shutdown()
    finally:
        over.set()
        ending.join()
