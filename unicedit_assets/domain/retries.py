"""When to ask a server again, and how long to wait: a policy without clock or network of its own.

Busy servers say so by a status (429, 503 ...) and often when to come back (``Retry-After``,
RFC 9110 section 10.2.3). Without that, waits double and carry full jitter, so that many clients
that failed together do not return together. No wait reaches beyond the deadline.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

RETRIED: Final = frozenset({408, 409, 425, 429})


def is_retried(status: int | None) -> bool:
    """Tell whether an answer may be another one next time; None: there was no answer at all."""
    return status is None or status in RETRIED or status >= 500


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return how many seconds a server asks to wait, or None when it does not say so.

    Args:
        headers: of the answer, names in any case; ``retry-after-ms`` counts too.
        now: seconds since the epoch; a date is turned into seconds from then.
    """
    lowered = {name.lower(): value.strip() for name, value in headers.items()}
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(lowered.get(name, "")) / unit
        except ValueError:
            continue
        return seconds if 0 <= seconds < float("inf") else None
    try:
        at = parsedate_to_datetime(lowered.get("retry-after", ""))
    except (TypeError, ValueError):
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.fromtimestamp(now, UTC)).total_seconds())


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long.

    Attributes:
        attempts: the most times a request is sent, the first one included.
        base: the most seconds to wait after the first failure; doubled after each.
        longest: the most seconds of one wait that the server did not ask for.
        deadline: seconds from the first sending on; after them nothing is sent again.
    """

    attempts: int = 6
    base: float = 1.0
    longest: float = 60.0
    deadline: float = 600.0

    def delay(
        self,
        status: int | None,
        headers: Mapping[str, str],
        attempt: int,
        elapsed: float,
        now: float,
        rng: random.Random,
    ) -> float | None:
        """Return how many seconds to wait before the next sending, or None to give up.

        Args:
            status: HTTP status of the answer; None when there was none (refused, reset, timed out).
            headers: of the answer.
            attempt: how many times the request was sent so far, at least 1.
            elapsed: seconds since the first sending.
            now: seconds since the epoch.
            rng: source of the jitter.
        """
        if not is_retried(status) or attempt >= self.attempts:
            return None
        asked = retry_after(headers, now)
        ceiling = min(self.longest, self.base * 2.0 ** (attempt - 1))
        # Nobody comes back earlier than asked; a tenth of jitter parts those who were asked alike.
        wait = rng.uniform(0, ceiling) if asked is None else asked + rng.uniform(0, asked / 10)
        return wait if elapsed + wait < self.deadline else None
