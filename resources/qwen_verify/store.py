"""Examples rendered once and read from mapped files: training must not wait for drawing.

A folder of chunks, each a ``.npy`` of pictures and a ``.jsonl`` of texts, written whole or not at
all; a call that was cut off goes on at the first missing chunk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unicedit_assets.qwen_verify.question import TEXTS, Example

CHUNK = 512

Draw = Callable[[int], Example]


class ExampleFolder(Sequence[Example]):
    """Rendered examples of one size by index; deterministic, so a later run may go on."""

    def __init__(self, folder: Path) -> None:
        self._chunks = sorted(folder.glob("pictures-*.npy"))
        if not self._chunks:
            raise FileNotFoundError(f"{folder} holds no rendered examples: render some first")
        self._pictures = [np.load(path, mmap_mode="r", allow_pickle=False) for path in self._chunks]
        self._rows: list[dict[str, str]] = []
        for path in self._chunks:
            self._rows += _read_rows(_texts_of(path))
        ends = np.cumsum([len(chunk) for chunk in self._pictures])
        self._ends = ends
        if len(self._rows) != ends[-1]:
            raise ValueError(f"{folder}: {len(self._rows)} rows for {ends[-1]} pairs of pictures")

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        if not 0 <= index < len(self._rows):
            raise IndexError(index)
        chunk = int(np.searchsorted(self._ends, index, side="right"))
        start = int(self._ends[chunk - 1]) if chunk else 0
        source, edited = self._pictures[chunk][index - start]
        return Example(source=source, edited=edited, **self._rows[index])


def render(
    folder: Path,
    draw: Draw,
    count: int,
    tick: Callable[[int], Any] = lambda done: None,
) -> None:
    """Render examples 0 .. count - 1 into a folder, what is there already excepted.

    Args:
        draw: index -> example.
        tick: told how many examples are there after each chunk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = 0
    tick(done)
    for start in range(0, count, CHUNK):
        if not _pictures_of(folder, start).exists():
            _render_chunk(folder, draw, count, start)
        done = min(count, start + CHUNK)
        tick(done)


def _render_chunk(folder: Path, draw: Draw, count: int, start: int) -> None:
    examples = [draw(index) for index in range(start, min(start + CHUNK, count))]
    pictures = np.stack([np.stack([one.source, one.edited]) for one in examples])
    rows = ({name: getattr(one, name) for name in TEXTS} for one in examples)
    path = _pictures_of(folder, start)
    _write(_texts_of(path), lambda out: out.write(_lines(rows)))
    # Last: whoever sees the pictures finds the texts.
    _write(path, lambda out: np.save(out, pictures, allow_pickle=False))


def _write(path: Path, fill: Callable[[Any], Any]) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with part.open("wb") as out:
        fill(out)
    part.replace(path)


def _lines(rows: Iterable[dict[str, str]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _read_rows(path: Path) -> list[dict[str, str]]:
    # Not splitlines: a text may hold other ends of lines, such as U+2028.
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def _pictures_of(folder: Path, start: int) -> Path:
    return folder / f"pictures-{start:08d}.npy"


def _texts_of(pictures: Path) -> Path:
    return pictures.with_name(pictures.name.replace("pictures-", "rows-")).with_suffix(".jsonl")
