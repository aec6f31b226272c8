"""Draw triplets with known truth: photographs, crops, instructions, faults, all from one seed."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from unicedit_assets.classical.editor import ClassicalEditor
from unicedit_assets.classical.faults import FaultyEditor
from unicedit_assets.classical.instructor import ClassicalInstructor
from unicedit_assets.domain.identity import Json, seed_from
from unicedit_assets.domain.images import IntakeSettings, Prepared, prepare
from unicedit_assets.domain.roles import Draft, EditorError, Pixels, Survey

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp"})
EDITS_A_PICTURE = 8
FAULT_RATE = 0.5
NO_FAULT = "none"
_TRIES = 20


@dataclass(frozen=True)
class Sample:
    """One triplet and what was really done to it.

    Attributes:
        fault: ``none`` or the planted kind.
        operation: the operation that the text asks for and, without a fault, was carried out.
        detail: what was planted, for people who look at misses.
    """

    source: Pixels
    edited: Pixels
    subtask: str
    en: str
    cn: str
    fault: str
    operation: str
    detail: Mapping[str, Json]


def photographs(folder: Path) -> tuple[Path, ...]:
    """List a folder's photographs, in an order that only depends on their relative paths.

    Raises:
        FileNotFoundError: there are none.
    """
    found = [p for p in folder.rglob("*") if p.suffix.lower() in EXTENSIONS and p.is_file()]
    if not found:
        raise FileNotFoundError(f"no photographs in {folder}")
    return tuple(sorted(found, key=lambda p: p.relative_to(folder).as_posix()))


def _cropped(path: Path, draw: np.random.Generator) -> bytes:
    with Image.open(path) as image:
        rgb = image.convert("RGB")
    side = float(draw.uniform(0.75, 1.0))
    width, height = int(rgb.width * side), int(rgb.height * side)
    left = int(draw.integers(0, rgb.width - width + 1))
    top = int(draw.integers(0, rgb.height - height + 1))
    buffer = io.BytesIO()
    rgb.crop((left, top, left + width, top + height)).save(buffer, "BMP")
    return buffer.getvalue()


def draw_picture(photos: Sequence[Path], draw: np.random.Generator) -> Pixels:
    """Return a random crop of a random photograph, prepared as the pipeline prepares it.

    Raises:
        ValueError: none of many draws could be prepared.
    """
    for _ in range(_TRIES):
        prepared = prepare(
            _cropped(photos[int(draw.integers(len(photos)))], draw), IntakeSettings()
        )
        if isinstance(prepared, Prepared):
            return prepared.pixels
    raise ValueError(f"none of {_TRIES} draws gave a usable photograph")


@dataclass(frozen=True)
class Bench:
    """The players that make triplets."""

    instructor: ClassicalInstructor
    editor: FaultyEditor

    @classmethod
    def standard(cls) -> Bench:
        """Return the classical instructor and editor with all faults in equal shares."""
        instructor = ClassicalInstructor()
        return cls(instructor, FaultyEditor(ClassicalEditor(), instructor, FAULT_RATE))


def draw_samples(
    photos: Sequence[Path], seed: int, group: int, count: int, bench: Bench
) -> Iterator[Sample]:
    """Draw up to ``count`` triplets of one picture; the group's number enters every draw."""
    draw = np.random.default_rng(seed_from("truth", seed, group))
    yield from _samples(draw_picture(photos, draw), draw, count, bench)


def samples_of(image: Pixels, seed: int, name: str, count: int, bench: Bench) -> Iterator[Sample]:
    """Draw up to ``count`` triplets of a given picture; its name enters every draw."""
    return _samples(image, np.random.default_rng(seed_from("truth", seed, name)), count, bench)


def _samples(
    image: Pixels, draw: np.random.Generator, count: int, bench: Bench
) -> Iterator[Sample]:
    survey = bench.instructor.survey(image)
    subtasks = draw.permutation(sorted(survey.subtasks))[:count]
    for subtask in subtasks:
        sample = _sample(image, survey, str(subtask), int(draw.integers(1 << 60)), bench)
        if sample is not None:
            yield sample


def _sample(image: Pixels, survey: Survey, subtask: str, seed: int, bench: Bench) -> Sample | None:
    """Return one triplet, or None where the instructor or the editor had to pass."""
    draft = bench.instructor.write(image, survey, [subtask], seed)[0]
    if not isinstance(draft, Draft):
        return None
    try:
        edited = bench.editor.edit(image, draft.en if seed % 2 else draft.cn, seed)
    except EditorError:
        return None
    truth = edited.truth
    if truth is None:
        return None
    intent = truth.detail.get("intent")
    asked = intent["operation"] if isinstance(intent, Mapping) else truth.operation
    return Sample(
        image,
        edited.pixels,
        subtask,
        draft.en,
        draft.cn,
        truth.fault,
        str(asked),
        dict(truth.detail),
    )
