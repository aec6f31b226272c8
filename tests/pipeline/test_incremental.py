"""What a change makes stale, and that nothing else is computed again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from backends import CALLS, scripted_backends, write_photographs
from lakes import RELEASE, made, open_scripted, refs_of, reopened, run_all

from unicedit_assets.pipeline.intake import register_source
from unicedit_assets.pipeline.pending import PIPELINE, State, standings
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.registry import Registry, RegistryError
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.storage.ledger import Ledger

AFTER_EDITS = {"verified_edits", "unicedit_10m"}
SHARDED = {"raw_images", "instructions", "edits", *AFTER_EDITS}
BENCH = {"unicbench", "unicbench_edits", "unicbench_scores"}


def not_current(project: Project) -> set[str]:
    """Return the stages with a partition that is not up to date."""
    return {found.ref.stage for found in standings(project) if found.state is not State.CURRENT}


def test_nothing_changed_and_nothing_runs(built: Path) -> None:
    project = open_scripted(built)
    CALLS.clear()
    assert made(run_all(project)) == set()
    assert CALLS.total() == 0
    assert not_current(project) == set()


@pytest.mark.parametrize(
    ("changes", "stale"),
    [
        ({"raw_images": {"max_crop": 0.1}}, {*SHARDED, *BENCH}),
        ({"raw_images": {"licence": "CC0"}}, {*SHARDED, *BENCH}),
        ({"instructions": {"quotas": {"Lens Zooming": 1.0}}}, SHARDED - {"raw_images"}),
        ({"instructions": {"per_image": 4}}, SHARDED - {"raw_images"}),
        ({"edits": {"language": "cn"}}, {"edits", *AFTER_EDITS}),
        ({"edits": {"seed": 1}}, {"edits", *AFTER_EDITS}),
        ({"verified_edits": {"verifier": "scripted-2"}}, AFTER_EDITS),
        ({"unicedit_10m": {"rows_per_file": 5}}, {"unicedit_10m"}),
        ({"unicbench": {"seed": 8}}, {"unicedit_10m", *BENCH}),
    ],
)
def test_a_changed_setting_makes_stale_what_follows_and_nothing_else(
    built: Path, changes: dict[str, Any], stale: set[str]
) -> None:
    assert not_current(reopened(open_scripted(built), changes)) == stale


def test_a_changed_prompt_makes_everything_from_instructions_on_stale(built: Path) -> None:
    project = open_scripted(built, backends=scripted_backends(wordings="w2"))
    # The benchmark's instructions come from the same prompt.
    assert not_current(project) == {*SHARDED - {"raw_images"}, *BENCH}


@pytest.mark.parametrize(
    "changes",
    [
        {"workers": 3, "shard_size": 7, "holdout": 3, "source": "/somewhere"},
        {stage: {"chunk": 5} for stage in PIPELINE},
        {"checks": {"max_reject_rate": 0.1, "max_failure_rate": 0.01, "quota_factor": 9.0}},
    ],
)
def test_runtime_settings_make_nothing_stale(built: Path, changes: dict[str, Any]) -> None:
    assert not_current(reopened(open_scripted(built), changes)) == set()


def test_a_promoted_verifier_judges_again_what_was_edited_before(home: Path) -> None:
    before = open_scripted(home)
    edits = {ref: before.find(ref) for ref in refs_of(before, ["edits"])}
    before.registry.promote_verifier("scripted-2", before.backends.verifiers)

    project = open_scripted(home)
    stale = {f.ref.stage: f for f in standings(project) if f.state is State.STALE}
    assert set(stale) == AFTER_EDITS
    assert stale["verified_edits"].ready
    assert not stale["unicedit_10m"].ready
    CALLS.clear()
    assert made(run_all(project)) == AFTER_EDITS
    assert set(CALLS) == {"verify"}
    assert {ref: project.find(ref) for ref in edits} == edits
    verified = project.require(Ref("verified_edits", "s00000/classical"))
    versions = project.ledger.read(verified, "rows", ["verifier_version"])
    assert set(versions["verifier_version"].to_pylist()) == {"scripted-2"}


def test_going_back_to_an_earlier_setting_computes_nothing(home: Path) -> None:
    project = open_scripted(home)
    project.registry.promote_verifier("scripted-2", project.backends.verifiers)
    run_all(open_scripted(home), ["verified_edits"])
    project.registry.promote_verifier("scripted-1", project.backends.verifiers)
    CALLS.clear()
    assert made(run_all(open_scripted(home))) == set()
    assert CALLS.total() == 0


def test_a_promotion_in_the_middle_of_a_run_does_not_mix_verifiers(home: Path) -> None:
    project = reopened(open_scripted(home), {"edits": {"seed": 5}, "verified_edits": {"chunk": 1}})
    run_all(project, ["edits"])
    ref = Ref("verified_edits", "s00000/classical")

    def promote(finished: int, chunks: int) -> None:
        open_scripted(home).registry.promote_verifier("scripted-2", project.backends.verifiers)

    manifest = project.run(ref, promote).manifest
    assert manifest.config == {"verifier": {"name": "scripted", "version": "scripted-1"}}
    versions = project.ledger.read(manifest, "rows", ["verifier_version"])
    assert set(versions["verifier_version"].to_pylist()) == {"scripted-1"}


def test_a_verifier_that_is_not_installed_is_told_in_one_sentence(home: Path) -> None:
    project = open_scripted(home)
    with pytest.raises(RegistryError, match="no verifier 'nobody'; there are: scripted-1"):
        project.registry.promote_verifier("nobody", project.backends.verifiers)
    project.registry.promote_verifier("gone", ["gone"])
    with pytest.raises(RegistryError, match="verifier 'gone' is not here; there are: scripted-1"):
        open_scripted(home).spec(Ref("verified_edits", "s00000/classical"))


def test_new_photographs_make_new_shards_and_only_these_run(home: Path) -> None:
    project = open_scripted(home)
    before = project.registry.shards()
    source = write_photographs(home / "photographs", [77, 78])
    report = register_source(project, str(source))
    assert (report.new, report.shards) == (2, ("s00002",))
    CALLS.clear()
    done = run_all(open_scripted(home))
    assert {ref.partition.split("/")[0] for ref in done if done[ref].fresh} == {"s00002", RELEASE}
    assert CALLS["survey"] == 2
    assert CALLS["score"] == 0
    assert [shard for shard in project.registry.shards() if shard not in before] == ["s00002"]
    assert register_source(project, str(source)).shards == ()


def test_moved_photographs_are_known_by_name_and_content(home: Path) -> None:
    (home / "photographs").rename(home / "elsewhere")
    report = register_source(open_scripted(home), str(home / "elsewhere"))
    assert (report.found, report.new, report.shards) == (5, 0, ())


def test_a_release_waits_for_every_shard(home: Path) -> None:
    project = open_scripted(home)
    register_source(project, str(write_photographs(home / "photographs", [77])))
    (found,) = standings(open_scripted(home), ["unicedit_10m"])
    assert (found.state, found.ready) == (State.STALE, False)


class CountingStore:
    """A store that remembers what was read."""

    def __init__(self, store: Any):
        self._store = store
        self.read_keys: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, key: str) -> bytes:
        self.read_keys.append(key)
        data: bytes = self._store.read(key)
        return data


def test_the_standing_of_all_partitions_is_told_without_reading_manifests_or_shards(
    home: Path,
) -> None:
    project = open_scripted(home)
    store: Any = CountingStore(project.ledger.store)
    counted = replace(project, ledger=Ledger(store), registry=Registry(store), _specs={})
    assert standings(counted) == standings(project)
    read = {key.rpartition("/")[2] for key in store.read_keys if "/checks/" not in key}
    assert read <= {"benchmark.json", "promoted-verifier.json"}
