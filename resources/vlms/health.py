"""When failures speak of the server and no longer of the questions: two counts in a row.

The same rule as of the remote editors: what keeps failing condemns no row but ends the run.
"""

from __future__ import annotations

import threading

# A final answer of these says by itself that the server is not there for anybody.
BUSY = frozenset({429, 502, 503, 504})


class Health:
    """Counts failures in a row, of all threads together; a success starts anew.

    Args:
        concurrency: questions in flight at once. They all may fail of one hiccup, so more than that
            must fail; and a picture that a server cannot read costs a refusal of each question on
            it, so refusals may be more.
    """

    def __init__(self, concurrency: int) -> None:
        self._most_failed = max(8, 2 * concurrency)
        self._most_refused = max(32, 8 * concurrency)
        self._lock = threading.Lock()
        self._failed = 0
        self._refused = 0

    def succeeded(self) -> None:
        """Note that a question was answered."""
        with self._lock:
            self._failed = self._refused = 0

    def failed(self) -> bool:
        """Note a question that failed in spite of all tries; tell whether too many did."""
        with self._lock:
            self._failed += 1
            return self._failed >= self._most_failed

    def refused(self) -> bool:
        """Note a question that the server calls wrong; tell whether it calls all of them so."""
        with self._lock:
            self._refused += 1
            return self._refused >= self._most_refused
