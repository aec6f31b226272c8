"""Registering: what is set aside, what counts as known, and what a missing root means."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
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


def contents(registry: Registry) -> tuple[set[str], set[str]]:
    """Return the contents of all shards, and those of the benchmark."""
    benchmark = registry.benchmark()
    shards = [registry.shard(name).entries for name in registry.shards()]
    held_out = benchmark.entries if benchmark else ()
    return {e.version for shard in shards for e in shard}, {e.version for e in held_out}


def renamed(versions: Iterable[str]) -> list[SourceEntry]:
    return [SourceEntry(f"copy-{i}.jpg", 1, v) for i, v in enumerate(sorted(versions))]


def test_a_held_out_photograph_never_gets_into_a_shard_under_another_name(
    registry: Registry,
) -> None:
    register(registry, sources(*"abcdefghijkl"))
    _, held_out = contents(registry)
    assert len(held_out) == 2
    copies = renamed(held_out)
    assert registry.sorted("/elsewhere", copies) == ([], copies)
    fresh = SourceEntry("fresh.jpg", 1, "sha256:fresh")
    assert registry.register("/elsewhere", [*copies, fresh], 9, 2, lambda e: True) == ["s00001"]
    assert registry.shard("s00001").entries == (fresh,)


def test_of_two_copies_at_one_registration_none_is_in_both(registry: Registry) -> None:
    register(registry, sources(*"aabbccddeeffgghh"), holdout=4)
    in_shards, held_out = contents(registry)
    assert held_out
    assert not in_shards & held_out


def test_what_is_in_a_shard_is_never_held_out_under_another_name(registry: Registry) -> None:
    register(registry, sources("a", "b"))
    in_shard, _ = contents(registry)
    register(registry, [*renamed(in_shard), *sources(*"cdef")], holdout=4)
    in_shards, held_out = contents(registry)
    assert len(held_out) == 1
    assert not in_shards & held_out


def test_a_shard_without_its_fingerprint_beside_it_is_read(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "lake"))
    register(Registry(store), sources("a", "b"))
    expected = Registry(store).shard("s00000").fingerprint
    assert Registry(store).fingerprint("s00000") == expected
    shutil.rmtree(tmp_path / "lake" / "registry" / "fingerprints")
    assert Registry(store).fingerprint("s00000") == expected


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
