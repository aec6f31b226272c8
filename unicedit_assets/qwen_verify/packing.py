"""Examples of a training set on the local disk: written once in their order, read in any order.

Training draws rows at random; the lake's files are made to be read from front to back. Pictures
stay encoded: one file of bytes, and an index of texts and offsets that is written last.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from unicedit_assets.domain import codec
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.qwen_verify.question import TEXTS, Example

_PICTURES, _INDEX = "pictures.bin", "index.jsonl"


class PackedExamples(Sequence[Example]):
    """Examples of a folder that ``pack`` wrote; pictures are decoded when they are asked for."""

    def __init__(self, folder: Path) -> None:
        with (folder / _INDEX).open(encoding="utf-8") as lines:
            self._rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
        self._path = folder / _PICTURES

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        row = self._rows[index]
        with self._path.open("rb") as file:
            source, edited = (_picture(file, *place) for place in row["pictures"])
        return Example(source=source, edited=edited, **{name: row[name] for name in TEXTS})

    def texts(self) -> list[dict[str, str]]:
        """Return the texts of all examples, without their pictures."""
        return [{name: row[name] for name in TEXTS} for row in self._rows]


def _picture(file: IO[bytes], start: int, length: int) -> Pixels:
    file.seek(start)
    return codec.decode(file.read(length))


def pack(folder: Path, rows: Iterable[Mapping[str, Any]]) -> PackedExamples:
    """Write rows of a training set into a folder, unless they are there, and open it.

    Args:
        folder: of these rows alone.
        rows: as ``verify_sft_set`` and ``verify_preference_set`` hold them; read only when needed.
    """
    if not (folder / _INDEX).exists():
        folder.mkdir(parents=True, exist_ok=True)
        # Two writers at once each have files of their own; they hold the same.
        pictures, index = (folder / f"{name}.{os.getpid()}.part" for name in (_PICTURES, _INDEX))
        with pictures.open("wb") as data, index.open("w", encoding="utf-8") as lines:
            for row in rows:
                lines.write(json.dumps(_entry(row, data), ensure_ascii=False) + "\n")
        pictures.replace(folder / _PICTURES)
        index.replace(folder / _INDEX)
    return PackedExamples(folder)


def _entry(row: Mapping[str, Any], data: IO[bytes]) -> dict[str, Any]:
    places = []
    for picture in row["images"]:
        places.append([data.tell(), len(picture["bytes"])])
        data.write(picture["bytes"])
    return {
        "key": row["key"],
        "kind": row["kind"],
        "subtask": row["subtask"],
        "en": row["prompt_en"],
        "cn": row["prompt_cn"],
        "target": row["target"],
        "rejected": row.get("rejected", ""),
        "pictures": places,
    }
