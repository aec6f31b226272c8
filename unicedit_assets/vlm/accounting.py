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
        self.take({(name, figure): number for figure, number in figures.items()})

    def snapshot(self) -> Mapping[tuple[str, str], float]:
        """Return (model, figure) -> sum so far."""
        with self._lock:
            return dict(self._sums)

    def added(self, before: Mapping[tuple[str, str], float]) -> dict[tuple[str, str], float]:
        """Return (model, figure) -> what was added since a snapshot; nothing that is zero."""
        gains = {key: number - before.get(key, 0) for key, number in self.snapshot().items()}
        return {key: gain for key, gain in gains.items() if gain}

    def take(self, added: Mapping[tuple[str, str], float]) -> None:
        """Count what was asked in another process for this one."""
        with self._lock:
            for key, number in added.items():
                self._sums[key] += number  # type: ignore[assignment]

    def since(self, before: Mapping[tuple[str, str], float]) -> dict[str, float]:
        """Return what was added since a snapshot, by ``vlm/MODEL/FIGURE``; nothing that is zero."""
        return {
            f"vlm/{name}/{figure}": number
            for (name, figure), number in sorted(self.added(before).items())
        }


# One for the process: a run materialises one partition in it.
USAGE = Usage()
