"""A small benchmark on disk: a list in upstream's form, procedural sources, outputs of a model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from photographs import photograph
from PIL import Image

from unicedit_assets.bench.layout import place_of
from unicedit_assets.bench.samples import Sample, SampleList, load_samples
from unicedit_assets.domain import codec
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.domain.taxonomy import SUBTASKS, needs_reasoning, task_of

MODEL = "painter"


def row(number: int, subtask: str, size: tuple[int, int]) -> dict[str, Any]:
    """Return one line of the list."""
    key = f"{number:032x}"
    fields: dict[str, Any] = {
        "key": key,
        "task": task_of(subtask),
        "subtask": subtask,
        "cn": f"把第{number}个物体涂成红色。",
        "en": f"Paint thing number {number} red.",
        "image_path": f"images/{key}.png",
        "resolution": list(size),
    }
    if needs_reasoning(subtask):
        fields["reasoning_points"] = [f"Thing {number} is red.", "All else is as before."]
    return fields


def rows(count: int, size: tuple[int, int], subtasks: Sequence[str] = SUBTASKS) -> list[Any]:
    """Return lines that go round the subtasks."""
    return [row(number, subtasks[number % len(subtasks)], size) for number in range(count)]


def write_list(path: Path, lines: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    return path


def save(path: Path, pixels: Pixels) -> None:
    """Write a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(codec.encode_release(pixels))


@dataclass(frozen=True)
class World:
    """Where everything is."""

    root: Path
    list: Path
    samples: SampleList

    @property
    def images(self) -> Path:
        return self.root / "outputs"

    def output(self, sample: Sample, language: str = "en", model: str = MODEL) -> Path:
        return place_of(self.images, model, sample, language)


def edited(source: Pixels) -> Pixels:
    """Return a picture with something done to it."""
    out = source.copy()
    cv2.circle(out, (out.shape[1] // 2, out.shape[0] // 2), out.shape[0] // 6, (200, 30, 30), -1)
    return out


def make_world(
    root: Path,
    count: int,
    size: tuple[int, int] = (64, 48),
    languages: Sequence[str] = ("en",),
    subtasks: Sequence[str] = SUBTASKS,
) -> World:
    """Write a benchmark and outputs of one model, all there."""
    lines = rows(count, size, subtasks)
    for number, picture in zip(range(count), pictures(size), strict=False):
        save(root / lines[number]["image_path"], picture)
    world = World(root, write_list(root / "list.jsonl", lines), load_samples(root / "list.jsonl"))
    for sample in world.samples.samples:
        done = edited(np.asarray(Image.open(root / "images" / f"{sample.key}.png")))
        for language in languages:
            save(world.output(sample, language), done)
    return world


def pictures(size: tuple[int, int]) -> Iterator[Pixels]:
    """Yield pictures that all differ: a few photographs, each stamped with its number."""
    base = [photograph(seed, size) for seed in range(4)]
    number = 0
    while True:
        picture = base[number % len(base)].copy()
        picture[:4, :4] = (number % 256, number // 256 % 256, number * 7 % 256)
        yield picture
        number += 1
