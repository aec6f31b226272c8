"""Telling whoever watches how far a partition is, without the stages knowing who that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from unicedit_assets.pipeline.stage import Ref

Watcher = Callable[[Ref, int, int], None]

_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Let ``watcher(ref, finished, chunks)`` hear of every chunk finished inside the block."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def tell(ref: Ref, finished: int, chunks: int) -> None:
    """Tell the watcher, if there is one."""
    watcher = _watcher.get()
    if watcher:
        watcher(ref, finished, chunks)
