"""The benchmark's samples: the official list, Parquet, or rows of a hub data set, checked whole.

A list that breaks a rule is refused with the keys that break it: a sample that is judged by fewer
metrics than its task asks for, or whose text is missing in a language, would change every mean.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.sources import FilePicture, NoPicture, Picture, parquet_rows
from unicedit_assets.domain.identity import digest
from unicedit_assets.domain.taxonomy import is_subtask, needs_reasoning, task_of
from unicedit_assets.domain.texts import is_text
from unicedit_assets.domain.unicbench import LANGUAGES, METRICS

ASKED = METRICS[:-1]
"""The four metrics that a judge is asked for; the last of ``METRICS`` is made from them."""

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_POINTS: Mapping[str, str] = {"en": "reasoning_points", "cn": "reasoning_points_cn"}
_SHOWN = 5
_MAX_LINE = 1 << 20


@dataclass(frozen=True)
class Sample:
    """One sample.

    Attributes:
        key: unique, and a file name.
        prompts: language -> instruction; a language without one is absent.
        points: language -> reasoning points; empty but for Reasoning Editing. The official list has
            English points only, which then serve Chinese too (``borrowed_points`` tells).
        source: the picture to edit.
        resolution: width and height as the list states them, if it does.
    """

    key: str
    task: str
    subtask: str
    prompts: Mapping[str, str]
    points: Mapping[str, tuple[str, ...]]
    source: Picture
    resolution: tuple[int, int] | None = None

    @property
    def metrics(self) -> tuple[str, ...]:
        """What a judge is asked for: reasoning accuracy for Reasoning Editing alone."""
        return ASKED if needs_reasoning(self.subtask) else ASKED[:-1]

    def points_in(self, language: str) -> tuple[str, ...]:
        """Return the reasoning points in a language, or those in English where it has none."""
        if not needs_reasoning(self.subtask):
            return ()
        return self.points.get(language) or self.points["en"]

    def borrowed_points(self, language: str) -> bool:
        """Tell whether this language is judged by English points."""
        return needs_reasoning(self.subtask) and not self.points.get(language)


@dataclass(frozen=True)
class SampleList:
    """A benchmark.

    Attributes:
        name: where it was read from.
    """

    name: str
    samples: tuple[Sample, ...]

    @cached_property
    def sha256(self) -> str:
        """A hash of everything but the pictures, whose hashes are with every record."""
        return digest(
            "unicbench",
            [
                [s.key, s.subtask, dict(s.prompts), {k: list(v) for k, v in s.points.items()}]
                for s in self.samples
            ],
        )

    def selected(
        self, subtasks: Sequence[str] = (), limit: int | None = None
    ) -> tuple[Sample, ...]:
        """Return the samples of some subtasks, at most ``limit`` of each subtask, in order.

        Raises:
            BenchError: not a subtask, or nothing is left.
        """
        wanted = {name.replace("_", " ") for name in subtasks}
        unknown = sorted(name for name in wanted if not is_subtask(name))
        if unknown:
            raise BenchError(f"not a subtask: {unknown[0]!r}; spelling counts")
        taken: Counter[str] = Counter()
        chosen = []
        for sample in self.samples:
            taken[sample.subtask] += 1
            within = limit is None or taken[sample.subtask] <= limit
            if within and (not wanted or sample.subtask in wanted):
                chosen.append(sample)
        if not chosen:
            raise BenchError(f"{self.name} has no samples of {', '.join(sorted(wanted))}")
        return tuple(chosen)


class Row(NamedTuple):
    """One sample as it was read: where, its fields, and its picture."""

    place: str
    fields: Mapping[str, Any]
    picture: Picture


def load_samples(data: Path, sources: Path | None = None) -> SampleList:
    """Read a benchmark from a JSONL list, a Parquet file or a folder of Parquet files.

    Args:
        data: a list in the form of upstream's ``test_data.jsonl``, or Parquet with the same fields
            and the pictures in a column ``image``, ``src_image`` or ``source_image``.
        sources: folder that the list's ``image_path`` starts from; default: the list's own.

    Raises:
        BenchError: it cannot be read, or breaks a rule.
    """
    if data.is_dir() or data.suffix == ".parquet":
        rows: Iterable[Row] = map(Row._make, parquet_rows(data))
    elif data.is_file():
        rows = _jsonl_rows(data, (sources or data.parent).resolve())
    else:
        raise BenchError(f"{data} does not exist: name the benchmark's list with --data")
    return checked(str(data), rows)


def checked(name: str, rows: Iterable[Row]) -> SampleList:
    """Check rows into a benchmark.

    Raises:
        BenchError: a rule is broken; names the keys.
    """
    samples, pointless = [], []
    for row in rows:
        sample = _sample(row)
        samples.append(sample)
        if needs_reasoning(sample.subtask) and not sample.points.get("en"):
            pointless.append(sample.key)
    if pointless:
        raise BenchError(
            f"{name}: reasoning points are missing, which Reasoning Editing is judged by: "
            f"{_some(pointless)}"
        )
    twice = [key for key, number in Counter(s.key for s in samples).items() if number > 1]
    if twice:
        raise BenchError(f"{name}: a key is there more than once: {_some(twice)}")
    if not samples:
        raise BenchError(f"{name} holds no samples")
    return SampleList(name, tuple(samples))


def require_languages(samples: Sequence[Sample], languages: Sequence[str]) -> None:
    """See that every sample has an instruction in every language.

    Raises:
        BenchError: names the language and the keys.
    """
    for language in languages:
        if language not in LANGUAGES:
            raise BenchError(f"not a language: {language!r}; there are: {', '.join(LANGUAGES)}")
        without = [sample.key for sample in samples if language not in sample.prompts]
        if without:
            raise BenchError(f"no instruction in {language!r}: {_some(without)}")


def _some(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(keys[:_SHOWN]) + more


def _sample(row: Row) -> Sample:
    place, fields, picture = row
    key = fields.get("key")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        _refuse(place, f"key {key!r} is not a file name of letters, digits, '.', '_' and '-'")
    place = f"{place} ({key})"
    subtask, task = fields.get("subtask"), fields.get("task")
    if not isinstance(subtask, str) or not is_subtask(subtask):
        _refuse(place, f"not one of the 22 subtasks, spelling counts: {subtask!r}")
    if task != task_of(subtask):
        _refuse(place, f"{subtask!r} belongs to {task_of(subtask)!r}, not to {task!r}")
    prompts = {name: text for name in LANGUAGES if (text := _text(place, fields, name)).strip()}
    if not prompts:
        _refuse(place, "there is no instruction in any language")
    points = {language: _points(place, fields, name) for language, name in _POINTS.items()}
    known = {language: found for language, found in points.items() if found}
    return Sample(key, task, subtask, prompts, known, picture, _resolution(place, fields))


def _text(place: str, fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not is_text(value):
        _refuse(place, f"{name} is not a text")
    return str(value)


def _points(place: str, fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = fields.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(is_text(each) and each.strip() for each in value):
        _refuse(place, f"{name} is not a list of texts")
    return tuple(value)


def _resolution(place: str, fields: Mapping[str, Any]) -> tuple[int, int] | None:
    value = fields.get("resolution")
    if value is None:
        return None
    sides = value if isinstance(value, list) else []
    if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
        _refuse(place, f"resolution is not width and height: {value!r}")
    return sides[0], sides[1]


def _refuse(place: str, why: str) -> NoReturn:
    raise BenchError(f"{place}: {why}")


def _jsonl_rows(path: Path, root: Path) -> Iterator[Row]:
    with path.open("rb") as stream:
        for number, line in enumerate(iter(lambda: stream.readline(_MAX_LINE), b""), 1):
            place = f"{path.name}, line {number}"
            if line.strip():
                fields = _fields(place, line)
                yield Row(place, fields, _picture(place, fields, root))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is there twice")
    return found


def _fields(place: str, line: bytes) -> Mapping[str, Any]:
    try:
        fields = json.loads(line.decode("utf-8-sig"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise BenchError(f"{place} is not JSON: {error}") from error
    if not isinstance(fields, dict):
        _refuse(place, "not a JSON object")
    return fields


def _picture(place: str, fields: Mapping[str, Any], root: Path) -> Picture:
    """Return the source's file, below the root; a list without pictures may still be looked at."""
    value = fields.get("image_path")
    if value is None:
        return NoPicture(place)
    if not is_text(value) or not value or "\0" in value:
        _refuse(place, f"image_path is not a path: {value!r}")
    path = (root / value).resolve()
    if not path.is_relative_to(root):
        _refuse(place, f"image_path leads out of {root}: {value!r}")
    beside = root / path.name  # `--sources` may name the pictures' own folder
    if not path.exists() and beside.exists() and beside.resolve().is_relative_to(root):
        path = beside.resolve()
    return FilePicture(path)
