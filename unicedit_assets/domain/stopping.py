"""Telling calls that wait that nobody waits for them any more.

Whoever starts threads for a backend binds an event to them; a backend that waits (for a busy server
to come back, say) waits for that event too, and begins nothing anew once it is set.
"""

from __future__ import annotations

import threading

_bound = threading.local()


def bind(stop: threading.Event) -> None:
    """Let this thread's calls end early when ``stop`` is set."""
    _bound.stop = stop


def stopping() -> threading.Event:
    """Return the event of this thread; one that nobody sets where none was bound."""
    stop: threading.Event | None = getattr(_bound, "stop", None)
    return stop or threading.Event()
