"""synthetic_pairs: a seed -> two pictures and the exact truth about them, to train verifiers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.domain import codec, schemas
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.taxonomy import SUBTASKS, task_of
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.rows import Collector, json_text
from unicedit_assets.pipeline.stage import Job, Ref, chunk_count
from unicedit_assets.settings import Settings
from unicedit_assets.storage.terms import ChunkOutput, split
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


class SyntheticPairs:
    """The stage."""

    name = "synthetic_pairs"
    code_version = "1"

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        return ()

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        return {
            **project.settings.synthetic_pairs.identity_fields(),
            **generator_identity(),
            "codec": dict(codec.lake_identity()),
        }

    def job(self, project: Project, partition: str) -> Job:
        settings = project.settings.synthetic_pairs
        chunks = chunk_count(settings.rows, settings.chunk)
        first = int(partition.removeprefix("y")) * settings.rows

        def work(index: int) -> ChunkOutput:
            numbers = [first + i for i in split(settings.rows, chunks, index)]
            collector = Collector(self.name, schemas.SYNTHETIC_PAIRS)
            for row in project.engine.map(partial(row_of, project.settings), numbers):
                collector.accept(row)
            return collector.output()

        return Job(chunks, work)


def split_of(number: int, held_out: float) -> str:
    """Return the split of a pair by its number; every stretch of 1000 holds the same shares."""
    # A step that shares no factor with 1000 spreads the splits over each chunk.
    place = number * 617 % _SPLIT_EVERY
    share = round(held_out * _SPLIT_EVERY)
    index = place // share if share else len(SPLITS)
    return SPLITS[index + 1] if index < len(SPLITS) - 1 else SPLITS[0]


def spec_of(settings: Settings, split_name: str) -> PairSpec:
    """Return what the project's settings ask of a pair of a split."""
    own = settings.synthetic_pairs
    return PairSpec(
        size=(own.side, own.side),
        split=split_name,
        vague=own.vague,
        style=own.style,
        subtasks=own.subtasks or SUBTASKS,
        kinds=tuple(map(Kind, own.kinds)) or tuple(DISTRIBUTION),
    )


def row_of(settings: Settings, number: int) -> dict[str, Any]:
    """Make the pair of a number and return it as a row."""
    own = settings.synthetic_pairs
    spec = spec_of(settings, split_of(number, own.held_out))
    seed = own.seed * _SEEDS + number
    return as_row(make_pair(seed, spec), seed, spec)


def remade(project: Project, row: Mapping[Any, Any]) -> str:
    """Return the key of the pair that a row's seed gives now."""
    return make_pair(int(row["seed"]), spec_of(project.settings, row["split"])).key


def as_row(pair: SyntheticPair, seed: int, spec: PairSpec) -> dict[str, Any]:
    """Return a pair as a row of ``schemas.SYNTHETIC_PAIRS``."""
    height, width = pair.source.shape[:2]
    plain = (
        *("key", "scene_id", "subtask", "strength", "altered", "source_caption", "edit_caption"),
        *("is_changed", "template", "vague"),
    )
    lists = ("differences", "reasoning_points", "reasoning_points_cn", "classes")
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
