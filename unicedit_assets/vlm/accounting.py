"""What vision-language models were asked in this process, and what it cost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

from unicedit_assets.vlm.roles import Answer


class Usage:
    """Sums over all answers, by model and figure; safe to use from many threads."""

    def __init__(self) -> None:
        self._sums: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def add(self, name: str, answer: Answer) -> None:
        """Count one answer of one model; a kept reply costs nothing but a hit."""
        figures: dict[str, float] = {"questions": 1}
        if answer.cached:
            figures["cached"] = 1
        else:
            figures |= {
                "tries": answer.tries,
                "tokens_in": answer.tokens_in,
                "tokens_out": answer.tokens_out,
                "seconds": answer.seconds,
            }
        if answer.failure:
            figures[f"failed_{answer.failure.kind.value}"] = 1
        with self._lock:
            for figure, number in figures.items():
                self._sums[name, figure] += number  # type: ignore[assignment]

    def snapshot(self) -> Mapping[tuple[str, str], float]:
        """Return (model, figure) -> sum so far."""
        with self._lock:
            return dict(self._sums)

    def since(self, before: Mapping[tuple[str, str], float]) -> dict[str, float]:
        """Return what was added since a snapshot, by ``vlm/MODEL/FIGURE``; nothing that is zero."""
        now = self.snapshot()
        return {
            f"vlm/{name}/{figure}": number - before.get((name, figure), 0)
            for (name, figure), number in sorted(now.items())
            if number != before.get((name, figure), 0)
        }


# One for the process: a run materialises one partition in it.
USAGE = Usage()
