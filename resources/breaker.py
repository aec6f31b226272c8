"""When failures speak of a server and no longer of the rows: what keeps failing ends the run.

One rule for editors and vision-language models behind an endpoint: a server in trouble must condemn
no row, and rows that a working server dislikes must not end a run.
"""

from __future__ import annotations

import threading

# A final answer of these says by itself that the server is not there for anybody.
BUSY = frozenset({429, 502, 503, 504})


class Breaker:
    """Counts answers that are none, in a row, of all threads together; a success starts anew.

    Args:
        failures: so many in a row are too many.
        refusals: so many in a row are; where both kinds come, each adds its share.
        forgiving: once there was a success, refusals do not count: the server works.
    """

    def __init__(self, failures: int, refusals: int, forgiving: bool = False) -> None:
        self._failures, self._refusals, self._forgiving = failures, refusals, forgiving
        self._lock = threading.Lock()
        self._used = 0
        self._proven = False

    def __reduce__(self) -> tuple[type[Breaker], tuple[int, int, bool]]:
        """Travel as a new count: another process meets the server by itself."""
        return Breaker, (self._failures, self._refusals, self._forgiving)

    def succeeded(self) -> None:
        """Note that an answer came."""
        with self._lock:
            self._used, self._proven = 0, True

    def failed(self, refused: bool = False) -> bool:
        """Note that none came; tell whether that is too many in a row."""
        with self._lock:
            if refused and self._forgiving and self._proven:
                return False
            # Shares of a common whole, so that they add up without rounding.
            self._used += self._failures if refused else self._refusals
            return self._used >= self._failures * self._refusals
