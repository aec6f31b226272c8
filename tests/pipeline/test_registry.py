"""Registering: what is set aside, what counts as known, and what a missing root means."""

from __future__ import annotations

from pathlib import Path

import pytest

from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.sources import SourceEntry
from unicedit_assets.pipeline.registry import Registry
from unicedit_assets.pipeline.sources import SourceRootError, read_source
from unicedit_assets.storage.blobs import open_store


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(open_store(str(tmp_path / "lake")))


def sources(*versions: str) -> list[SourceEntry]:
    return [SourceEntry(f"{v}-{i}.jpg", 1, f"sha256:{v}") for i, v in enumerate(versions)]


def register(registry: Registry, entries: list[SourceEntry], holdout: int = 2) -> list[str]:
    return registry.register("/photographs", entries, 100, holdout, lambda entry: True)


def test_no_content_is_held_out_twice(registry: Registry) -> None:
    register(registry, sources(*"aabbccddeeffgghh"), holdout=4)
    benchmark = registry.benchmark()
    assert benchmark is not None
    versions = [entry.version for entry in benchmark.entries]
    assert versions
    assert len(set(versions)) == len(versions)


def test_too_few_photographs_do_not_freeze_an_empty_benchmark(registry: Registry) -> None:
    register(registry, sources("a", "b"))
    assert registry.benchmark() is None
    shard = registry.shard("s00000").entries
    register(registry, sources(*"abcdefghijkl"))
    benchmark = registry.benchmark()
    assert benchmark is not None
    assert len(benchmark.entries) == 2
    # What is in a shard already stays there and is never held out as well.
    assert not {entry.key for entry in benchmark.entries} & {entry.key for entry in shard}


def test_a_broken_source_is_known_by_its_place_and_its_problem(registry: Registry) -> None:
    broken = SourceEntry("x.png", 0, "", Reason.NOT_A_FILE, "a folder")
    other = SourceEntry("x.png", 0, "", Reason.UNREADABLE, "denied")
    assert registry.register("/a", [broken], 10, 0, lambda entry: True) == ["s00000"]
    assert registry.register("/a", [broken], 10, 0, lambda entry: True) == []
    assert registry.register("/b", [broken], 10, 0, lambda entry: True) == ["s00001"]
    assert registry.register("/a", [other], 10, 0, lambda entry: True) == ["s00002"]


def test_a_root_that_is_away_fails_the_run_instead_of_the_rows(tmp_path: Path) -> None:
    entry = SourceEntry("a.jpg", 1, "sha256:00")
    with pytest.raises(SourceRootError, match="cannot be read now"):
        read_source(entry, str(tmp_path / "gone"))
