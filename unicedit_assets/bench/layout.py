"""Upstream's layout of edited pictures, and which of the expected ones are there.

``{model}/{subtask with _ for spaces}/{language}/{key}.png`` below the folder of outputs; a ``.jpg``
or ``.webp`` where there is no ``.png`` is taken too and noted, since its losses count against the
model.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.frames import Rule, frame_for
from unicedit_assets.bench.samples import Sample
from unicedit_assets.bench.sources import FilePicture, size_in

ENDINGS = (".png", ".webp", ".jpg", ".jpeg")
BASE, REWRITTEN = "base", "rewritten"

_MODEL = re.compile(r"[^/\\\0]{1,200}")


class State(StrEnum):
    """What there is of an expected output."""

    PRESENT = "present"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    WRONG_SIZE = "wrong_size"


@dataclass(frozen=True)
class Expected:
    """One expected output: a sample in a language.

    Attributes:
        path: the file, where there is one.
        detail: what is wrong, or worth a note.
    """

    sample: Sample
    language: str
    path: Path | None
    state: State = State.PRESENT
    detail: str = ""

    def found(self, state: State, detail: str) -> Expected:
        """Return the same with what turned out when it was looked at."""
        return replace(self, state=state, detail=detail)

    def row(self, model: str, variant: str) -> dict[str, Any]:
        """Return it as a row of ``COVERAGE``."""
        return {
            "key": self.sample.key,
            "task": self.sample.task,
            "subtask": self.sample.subtask,
            "language": self.language,
            "model": model,
            "variant": variant,
            "state": self.state.value,
            "detail": self.detail,
            "path": str(self.path) if self.path else "",
        }


def folder_of(subtask: str) -> str:
    """Return a subtask's folder."""
    return subtask.replace(" ", "_")


def place_of(images: Path, model: str, sample: Sample, language: str) -> Path:
    """Return where a model's output for a sample belongs, as PNG."""
    return images / model / folder_of(sample.subtask) / language / f"{sample.key}.png"


def model_folder(images: Path, model: str) -> Path:
    """Return a model's folder below the outputs.

    Raises:
        BenchError: the name is no folder's name.
    """
    if not _MODEL.fullmatch(model) or model in (".", ".."):
        raise BenchError(f"a model's name is the name of its folder, not {model!r}")
    return images / model


def expected(
    images: Path, model: str, samples: Sequence[Sample], languages: Sequence[str], rule: Rule
) -> list[Expected]:
    """Return what is expected, sample by sample, as far as names and headers tell.

    Whether a picture can be read whole turns out when it is decoded; see ``Expected.found``.

    Raises:
        BenchError: there is no such model folder, or sources cannot be found.
    """
    folder = model_folder(images, model)
    if not folder.is_dir():
        raise BenchError(
            f"{folder} does not exist: outputs are expected at "
            f"{folder}/{folder_of(samples[0].subtask)}/{languages[0]}/KEY.png"
        )
    _require_sources(samples)
    return [_look(images, model, s, language, rule) for s in samples for language in languages]


def _require_sources(samples: Sequence[Sample]) -> None:
    gone = [
        sample.source.where
        for sample in samples
        if isinstance(sample.source, FilePicture) and not sample.source.path.is_file()
    ]
    if gone:
        raise BenchError(
            f"{len(gone)} of {len(samples)} source pictures are not there, such as {gone[0]}: name "
            "their folder with --sources"
        )


def _look(images: Path, model: str, sample: Sample, language: str, rule: Rule) -> Expected:
    place = place_of(images, model, sample, language)
    path = next((p for e in ENDINGS if (p := place.with_suffix(e)).is_file()), None)
    if path is None:
        return Expected(sample, language, None, State.MISSING, f"no {place}")
    asked = Expected(sample, language, path, detail=_note(path))
    root = images.resolve()
    if not path.resolve().is_relative_to(root):
        return asked.found(State.UNREADABLE, f"it leads out of {root}")
    try:
        size = size_in(path)
    except OSError as error:
        return asked.found(State.UNREADABLE, str(error))
    source = source_size(sample)
    if source and not frame_for(source, size, rule):
        return asked.found(State.WRONG_SIZE, size_trouble(source, size, rule))
    return asked


def _note(path: Path) -> str:
    return "" if path.suffix == ".png" else f"a {path.suffix} file; its losses count"


def source_size(sample: Sample) -> tuple[int, int] | None:
    """Return a source's size where it can be told without reading much; None otherwise."""
    if not isinstance(sample.source, FilePicture):
        return sample.resolution
    try:
        return size_in(sample.source.path)
    except OSError as error:
        raise BenchError(f"the source {sample.source.where} cannot be read: {error}") from error


def size_trouble(source: tuple[int, int], edited: tuple[int, int], rule: Rule) -> str:
    """Return in words that a rule does not explain a size."""
    return (
        f"{edited[0]}x{edited[1]} from a source of {source[0]}x{source[1]}, which the resize rule "
        f"{rule.value!r} does not give"
    )


def states(outputs: Sequence[Expected]) -> Mapping[State, int]:
    """Return state -> number, every state named; they add up to what is expected."""
    counts = Counter(each.state for each in outputs)
    return {state: counts[state] for state in State}


def troubles(outputs: Sequence[Expected]) -> Iterator[str]:
    """Yield one sentence for each kind of trouble there is, with an example."""
    for state in (State.MISSING, State.UNREADABLE, State.WRONG_SIZE):
        found = [each for each in outputs if each.state is state]
        if found:
            words = state.value.replace("_", " ")
            yield f"{len(found)} {words}, such as {found[0].sample.key}: {found[0].detail}"
    noted = [each for each in outputs if each.state is State.PRESENT and each.detail]
    if noted:
        yield f"{len(noted)} with a note, such as {noted[0].sample.key}: {noted[0].detail}"
