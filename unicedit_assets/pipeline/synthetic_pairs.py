"""synthetic_pairs: a seed -> two pictures and the exact truth about them, to train verifiers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.domain import codec, schemas
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.taxonomy import SUBTASKS, task_of
from unicedit_assets.pipeline.backdrops import Backdrop, Backdrops
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.rows import Collector, json_text
from unicedit_assets.pipeline.stage import Job, Ref, chunk_count
from unicedit_assets.pipeline.unicbench import benchmark_ref
from unicedit_assets.settings import Settings
from unicedit_assets.storage.terms import ChunkOutput, split
from unicedit_assets.synthetic.cutouts import CutoutError, Cutouts, load_cutouts
from unicedit_assets.synthetic.generator import (
    DISTRIBUTION,
    SPLITS,
    PairSpec,
    generator_identity,
    make_pair,
)
from unicedit_assets.synthetic.pair import Kind, SyntheticPair, Wording

# Two seeds of the settings share no pair among so many.
_SEEDS = 1 << 32
_SPLIT_EVERY = 1000


class Task(NamedTuple):
    """One pair to draw: its number, what may stand behind it, the cut-outs by their fingerprint."""

    number: int
    backdrop: Backdrop | None = None
    cutouts: str = ""


class SyntheticPairs:
    """The stage; the project's photographs are inputs only where they are backdrops."""

    name = "synthetic_pairs"
    code_version = "2"

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        if not project.settings.synthetic_pairs.backgrounds:
            return ()
        return (*project.refs("raw_images"), benchmark_ref())

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        settings = project.settings.synthetic_pairs
        grouped = {"duplicate_distance": project.settings.unicedit_10m.duplicate_distance}
        return {
            **settings.identity_fields(),
            "cutouts": _fingerprint(settings.cutouts),
            **(grouped if settings.backgrounds else {}),
            **generator_identity(),
            "codec": dict(codec.lake_identity()),
        }

    def job(self, project: Project, partition: str) -> Job:
        settings = project.settings.synthetic_pairs
        chunks = chunk_count(settings.rows, settings.chunk)
        first = int(partition.removeprefix("y")) * settings.rows
        draw = _Drawing(project, partition)

        def work(index: int) -> ChunkOutput:
            numbers = [first + i for i in split(settings.rows, chunks, index)]
            collector = Collector(self.name, schemas.SYNTHETIC_PAIRS)
            for row in project.engine.map(partial(row_of, project.settings), draw.tasks(numbers)):
                collector.accept(row)
            return collector.output()

        return Job(chunks, work)


class _Drawing:
    """What the pairs of one shard are drawn from."""

    def __init__(self, project: Project, partition: str) -> None:
        own = project.settings.synthetic_pairs
        self._held_out = own.held_out
        self._backdrops = Backdrops(project, partition) if own.backgrounds else None
        spec = project.spec(Ref(SyntheticPairs.name, partition))
        self._cutouts = str(spec.config["cutouts"])

    def tasks(self, numbers: Iterable[int]) -> Iterator[Task]:
        """Yield the pairs of some numbers with what may stand behind them."""
        for number in numbers:
            split_name = split_of(number, self._held_out)
            behind = self._backdrops.of(number, split_name) if self._backdrops else None
            yield Task(number, behind, self._cutouts)


def split_of(number: int, held_out: float) -> str:
    """Return the split of a pair by its number; every stretch of 1000 holds the same shares."""
    # A step that shares no factor with 1000 spreads the splits over each chunk.
    place = number * 617 % _SPLIT_EVERY
    share = round(held_out * _SPLIT_EVERY)
    index = place // share if share else len(SPLITS)
    return SPLITS[index + 1] if index < len(SPLITS) - 1 else SPLITS[0]


def _fingerprint(folder: str) -> str:
    return load_cutouts(Path(folder)).fingerprint if folder else ""


@lru_cache(maxsize=1)
def _cutouts(folder: str, fingerprint: str) -> Cutouts:
    """Read the cut-outs in a worker, once."""
    found = load_cutouts(Path(folder))
    if found.fingerprint != fingerprint:
        raise CutoutError(f"{folder} is not the same everywhere, or changed meanwhile: run again")
    return found


def spec_of(
    settings: Settings,
    split_name: str,
    backdrop: Backdrop | None = None,
    cutouts: Cutouts | None = None,
) -> PairSpec:
    """Return what the project's settings ask of a pair of a split."""
    own = settings.synthetic_pairs
    return PairSpec(
        size=(own.side, own.side),
        split=split_name,
        vague=own.vague,
        style=own.style,
        backgrounds=(backdrop.pixels,) if backdrop else (),
        cutouts=cutouts,
        subtasks=own.subtasks or SUBTASKS,
        kinds=tuple(map(Kind, own.kinds)) or tuple(DISTRIBUTION),
    )


def row_of(settings: Settings, task: Task) -> dict[str, Any]:
    """Make the pair of a number and return it as a row."""
    seed, spec = _asked(settings, task)
    image_id = task.backdrop.image_id if task.backdrop else None
    return as_row(make_pair(seed, spec), seed, spec, image_id)


def _asked(settings: Settings, task: Task) -> tuple[int, PairSpec]:
    own = settings.synthetic_pairs
    cutouts = _cutouts(own.cutouts, task.cutouts) if task.cutouts else None
    split_name = split_of(task.number, own.held_out)
    return own.seed * _SEEDS + task.number, spec_of(settings, split_name, task.backdrop, cutouts)


def remade(project: Project, partition: str, rows: Sequence[Mapping[Any, Any]]) -> dict[str, str]:
    """Return the key of each row -> that of the pair that its seed gives now."""
    first = project.settings.synthetic_pairs.seed * _SEEDS
    tasks = _Drawing(project, partition).tasks(int(row["seed"]) - first for row in rows)
    again = (make_pair(*_asked(project.settings, task)) for task in tasks)
    return {row["key"]: pair.key for row, pair in zip(rows, again, strict=True)}


def as_row(
    pair: SyntheticPair, seed: int, spec: PairSpec, image_id: str | None = None
) -> dict[str, Any]:
    """Return a pair as a row of ``schemas.SYNTHETIC_PAIRS``.

    Args:
        image_id: of the only photograph that could stand behind it.
    """
    height, width = pair.source.shape[:2]
    plain = (
        *("key", "scene_id", "subtask", "strength", "altered", "source_caption", "edit_caption"),
        *("is_changed", "template", "vague"),
    )
    lists = ("differences", "reasoning_points", "reasoning_points_cn", "classes", "cutouts")
    return {
        **{name: getattr(pair, name) for name in plain},
        **{name: list(getattr(pair, name)) for name in lists},
        **_worded("said", pair.said),
        **_worded("true", pair.true),
        **_worded("rejected", pair.rejected),
        "seed": seed,
        "split": spec.split,
        "style": spec.style,
        "task": task_of(pair.subtask),
        "kind": pair.kind.value,
        "photograph": None if pair.photograph is None else image_id,
        "width": width,
        "height": height,
        "source_image": codec.encode_lake(pair.source),
        "edit_image": codec.encode_lake(pair.edited),
        "mask_image": _grey_png(pair.mask),
    }


def _worded(name: str, wording: Wording | None) -> dict[str, str | None]:
    return {
        f"{name}_en": wording.en if wording else None,
        f"{name}_cn": wording.cn if wording else None,
        f"{name}_slots": json_text(dict(wording.slots)) if wording else None,
    }


def _grey_png(mask: NDArray[np.bool_]) -> bytes:
    ok, data = cv2.imencode(".png", mask.astype(np.uint8) * 255)
    if not ok:
        raise ValueError("OpenCV could not encode the mask as PNG")
    return bytes(data)
