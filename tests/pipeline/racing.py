"""Processes that make the same partition, or register the same photographs, at once."""

from __future__ import annotations

from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from backends import scripted_backends
from lakes import open_scripted

from unicedit_assets.pipeline.intake import register_source
from unicedit_assets.pipeline.stage import Ref


def make(
    home: Path, lake: str, refs: list[tuple[str, str]], start: Barrier, told: Queue[Any]
) -> None:
    """Make partitions one after another, each at the same moment as the other process."""
    project = open_scripted(home, {"lake": lake}, backends=scripted_backends())
    for stage, partition in refs:
        start.wait()
        done = project.run(Ref(stage, partition))
        told.put((stage, done.fresh, done.manifest.to_bytes()))


def register(home: Path, lake: str, source: str, start: Barrier, told: Queue[Any]) -> None:
    """Register a source."""
    project = open_scripted(home, {"lake": lake, "shard_size": 1})
    start.wait()
    told.put(register_source(project, source).shards)
