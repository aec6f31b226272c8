"""An event loop of its own thread, so that many threads' questions share one client or engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

# Seconds in which closed connections say goodbye.
_GOODBYE = 0.05


class BackgroundLoop:
    """Runs coroutines for blocking callers; the thread ends with ``finish`` or with the process."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._turn, name=name, daemon=True)
        self._ended = threading.Event()
        self._thread.start()

    def _turn(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine returns; interrupting the wait cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def finish(self, last: Callable[[], Awaitable[Any]], wait: bool = True) -> None:
        """Run one last thing and end the thread; ``wait=False`` only starts that."""
        if self._ended.is_set():
            return
        self._ended.set()
        asyncio.run_coroutine_threadsafe(self._end(last), self._loop)
        if wait:
            self._thread.join()

    async def _end(self, last: Callable[[], Awaitable[Any]]) -> None:
        try:
            await last()
            await asyncio.sleep(_GOODBYE)
        finally:
            self._loop.stop()
