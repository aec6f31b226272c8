"""Replies that were paid for once: kept on disk by a hash of everything that makes a reply.

A reply is a small JSON file that appears at once or not at all, so any number of processes can
share a folder. Failures are never kept. A file that cannot be read counts as a miss. When the
folder outgrows its bound, the replies that were written first go first.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

from unicedit_assets.domain.identity import canonical
from unicedit_assets.storage.files import write_bytes
from unicedit_assets.vlm.roles import Answer

# After a clearing there is room again for a while.
_KEPT_SHARE = 0.8


class ReplyFolder:
    """Key -> reply, in a folder of at most ``max_bytes``."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._bytes: int | None = None

    def get(self, key: str) -> Answer | None:
        """Return a kept reply, or None."""
        try:
            kept = json.loads(self._place(key).read_bytes())
            return Answer(
                text=str(kept["text"]),
                tokens_in=int(kept["tokens_in"]),
                tokens_out=int(kept["tokens_out"]),
                probabilities={str(k): float(v) for k, v in kept["probabilities"].items()},
                tries=0,
                cached=True,
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def put(self, key: str, answer: Answer) -> None:
        """Keep a reply; a full or read-only disk costs the cache, not the run.

        Raises:
            ValueError: the answer is a failure.
        """
        if answer.failure:
            raise ValueError("failures are not kept")
        data = canonical(
            {
                "text": answer.text,
                "tokens_in": answer.tokens_in,
                "tokens_out": answer.tokens_out,
                "probabilities": dict(answer.probabilities),
            }
        )
        try:
            write_bytes(self._place(key), data)
            self._bound(len(data))
        except OSError:
            return

    def _place(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"

    def _bound(self, added: int) -> None:
        with self._lock:
            if self._bytes is None:
                self._bytes = sum(size for _, size, _ in self._files())
            else:
                self._bytes += added
            if self._bytes > self._max_bytes:
                self._bytes = self._clear()

    def _files(self) -> list[tuple[int, int, str]]:
        found = []
        for path in self._folder.glob("??/*"):
            try:
                status = path.stat()
            except OSError:
                continue  # another process cleared it
            found.append((status.st_mtime_ns, status.st_size, str(path)))
        return found

    def _clear(self) -> int:
        files = sorted(self._files())
        left = sum(size for _, size, _ in files)
        for _, size, path in files:
            if left <= self._max_bytes * _KEPT_SHARE:
                break
            Path(path).unlink(missing_ok=True)
            left -= size
        return left
