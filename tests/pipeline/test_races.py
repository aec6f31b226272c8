"""Two processes at once: one winner, the same contents, both succeed."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from backends import write_photographs
from lakes import RELEASE, open_scripted, prepared, release_files
from racing import make, register

from unicedit_assets.storage.manifests import Manifest

WRITERS = 2


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.slow)])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "local":
        return str(tmp_path / "lake")
    url: str = request.getfixturevalue("bucket")
    return f"{url}/lake"


def at_once(target: Callable[..., None], *arguments: Any, answers: int) -> list[Any]:
    """Run a function in two processes that wait for each other; return what they told."""
    context = multiprocessing.get_context("spawn")
    start, told = context.Barrier(WRITERS, timeout=120), context.Queue()
    writers = [
        context.Process(target=target, args=(*arguments, start, told)) for _ in range(WRITERS)
    ]
    for process in writers:
        process.start()
    found = [told.get(timeout=120) for _ in range(answers * WRITERS)]
    for process in writers:
        process.join(timeout=60)
        assert process.exitcode == 0
    return found


def test_two_runs_on_one_partition_agree(tmp_path: Path, lake: str) -> None:
    source = write_photographs(tmp_path / "photographs", [1])
    project = prepared(open_scripted(tmp_path, {"lake": lake}), source)
    refs = [
        ("raw_images", "s00000"),
        ("instructions", "s00000"),
        ("edits", "s00000/classical"),
        ("verified_edits", "s00000/classical"),
        ("unicedit_10m", RELEASE),
        ("unicbench_edits", "identity/en"),
        ("unicbench_scores", "identity/en"),
    ]
    told = at_once(make, tmp_path, lake, refs, answers=len(refs))
    for stage, _ in refs:
        mine = [(fresh, manifest) for name, fresh, manifest in told if name == stage]
        assert sum(fresh for fresh, _ in mine) == 1, stage
        assert len({manifest for _, manifest in mine}) == 1, stage
        project.ledger.verify(Manifest.from_bytes(mine[0][1], stage))
    assert "data/train-00000-of-00001.parquet" in release_files(project)


def test_two_registrations_put_no_photograph_in_two_shards(
    tmp_path: Path, source: Path, lake: str
) -> None:
    told = at_once(register, tmp_path, lake, str(source), answers=1)
    registry = open_scripted(tmp_path, {"lake": lake}).registry
    shards = registry.shards()
    names = [entry.name for shard in shards for entry in registry.shard(shard).entries]
    benchmark = registry.benchmark()
    assert benchmark is not None
    held_out = [entry.name for entry in benchmark.entries]
    assert sorted(names + held_out) == sorted(path.name for path in source.iterdir())
    assert sorted(shard for shards in told for shard in shards) == shards
    assert shards == ["s00000", "s00001", "s00002"]
