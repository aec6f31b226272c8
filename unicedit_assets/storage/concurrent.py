"""Many small reads at once: what a store answers slowly, it answers to many at the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

READERS: Final = 32
"""Requests in flight at most; an S3 client keeps as many connections."""


def in_parallel(
    function: Callable[[Item], Result], items: Iterable[Item], readers: int = READERS
) -> Iterator[Result]:
    """Yield ``function(item)`` in the order of the items, a bounded number at a time.

    For waiting, not for computing: threads share one interpreter. Results that nobody has taken
    yet are few, so that many blobs never are in memory together. The first exception in order goes
    to the caller, and nothing more is begun.
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(readers, thread_name_prefix="reader")
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= 2 * readers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
