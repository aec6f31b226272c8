"""Bit rot is found, set aside and made again; nothing lies while that goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from backends import CALLS, Moody, scripted_backends, write_photographs
from lakes import made, open_scripted, prepared, release_files, reopened, run_all

from unicedit_assets.pipeline.pending import State, standings
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.repair import examine_all, partitions, quarantine
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.storage.blobs import LocalStore
from unicedit_assets.storage.manifests import CorruptRecord
from unicedit_assets.storage.parts import CorruptPart

EDITS, RAW = Ref("edits", "s00000/classical"), Ref("raw_images", "s00000")
SCORES, RELEASE = Ref("unicbench_scores", "identity/en"), Ref("unicedit_10m", "test")


def flip(data: bytes) -> bytes:
    return data[:100] + bytes([data[100] ^ 1]) + data[101:]


DAMAGES: dict[str, Callable[[Project, str], None]] = {
    "a flipped bit": lambda p, key: p.ledger.store.put(key, flip(p.ledger.store.read(key))),
    "cut short": lambda p, key: p.ledger.store.put(key, p.ledger.store.read(key)[:-200]),
    "gone": lambda p, key: p.ledger.store.move(key, "elsewhere"),
}


def part_of(project: Project, ref: Ref) -> str:
    """Return the key of one part of a partition's rows."""
    return project.require(ref).tables["rows"][0].key


def damaged(project: Project) -> list[Ref]:
    found = examine_all(project, partitions(project))
    return [each.ref for each in found if each.damage.blobs]


def repaired(project: Project) -> Project:
    """Set aside what is damaged and open the project as the next run would."""
    quarantine(project, list(examine_all(project, partitions(project))))
    return reopened(project)


def test_a_sound_lake_has_no_damage(home: Path) -> None:
    project = open_scripted(home)
    assert damaged(project) == []
    assert len(partitions(project)) == 29


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("ref", [RAW, EDITS, SCORES], ids=lambda ref: ref.stage)
def test_a_damaged_part_is_made_again_and_all_else_stays_current(
    home: Path, damage: str, ref: Ref
) -> None:
    project = open_scripted(home)
    before, files = project.require(ref), release_files(project)
    key = part_of(project, ref)
    rotten = flip(project.ledger.store.read(key))
    DAMAGES[damage](project, key)
    assert damaged(project) == [ref]
    fresh = repaired(project)
    assert {f.ref for f in standings(fresh) if f.state is not State.CURRENT} == {ref}
    CALLS.clear()
    done = run_all(fresh)
    assert [each for each, how in done.items() if how.fresh] == [ref]
    assert done[ref].resumed == len(before.tables["rows"]) - 1
    assert done[ref].manifest.fingerprint == before.fingerprint
    assert done[ref].manifest.says_the_same_as(before)
    assert (damaged(fresh), release_files(fresh)) == ([], files)
    quarantined = list(project.ledger.store.keys("quarantine"))
    assert any(key.endswith("/manifest.json") for key in quarantined)
    if damage == "a flipped bit":
        (kept,) = [name for name in quarantined if name.endswith(key)]
        assert project.ledger.store.read(kept) == rotten


def test_a_deterministic_part_comes_back_byte_by_byte(home: Path) -> None:
    project = open_scripted(home)
    key = part_of(project, RAW)
    before = project.ledger.store.read(key)
    DAMAGES["cut short"](project, key)
    repaired(project).run(RAW)
    assert project.ledger.store.read(key) == before


def test_a_damaged_manifest_is_published_again_from_its_chunks(home: Path) -> None:
    project = open_scripted(home)
    manifest = project.require(EDITS)
    key = f"{manifest.folder}/manifest.json"
    project.ledger.store.put(key, b"{rotten")
    assert damaged(project) == [EDITS]
    fresh = repaired(project)
    CALLS.clear()
    assert fresh.run(EDITS).manifest == manifest
    assert CALLS.total() == 0


def test_a_damaged_file_of_a_release_is_made_again(home: Path) -> None:
    project = open_scripted(home)
    before = release_files(project)
    folder = f"releases/test/{project.spec(RELEASE).fingerprint}"
    name = next(name for name in before if name.startswith("data/"))
    DAMAGES["a flipped bit"](project, f"{folder}/{name}")
    assert damaged(project) == [RELEASE]
    fresh = repaired(project)
    assert made(run_all(fresh)) == {"unicedit_10m"}
    assert release_files(fresh) == before


def test_what_cannot_be_made_again_makes_stale_what_was_made_from_it(tmp_path: Path) -> None:
    backends = scripted_backends(classical=Moody())
    project = open_scripted(tmp_path, {"holdout": 0}, backends=backends)
    run_all(prepared(project, write_photographs(tmp_path / "photographs", range(2))))
    project = reopened(project)
    before = project.require(EDITS)
    DAMAGES["gone"](project, part_of(project, EDITS))
    fresh = repaired(project)
    remade = fresh.run(EDITS).manifest
    assert remade.fingerprint != before.fingerprint
    states = {f.ref.stage: f.state for f in standings(reopened(fresh))}
    assert states["edits"] is State.CURRENT
    assert states["verified_edits"] is states["unicedit_10m"] is State.STALE
    assert states["raw_images"] is states["unicbench_scores"] is State.CURRENT
    again = reopened(fresh)
    assert made(run_all(again)) == {"verified_edits", "unicedit_10m"}
    assert damaged(again) == []


def test_a_reader_that_holds_the_old_manifest_is_told_and_never_lied_to(home: Path) -> None:
    project = open_scripted(home)
    held = project.require(RAW)
    DAMAGES["a flipped bit"](project, part_of(project, RAW))
    with pytest.raises(CorruptPart):
        project.ledger.verify(held)
    fresh = repaired(project)
    with pytest.raises(CorruptPart, match="missing"):
        project.ledger.read(held)
    fresh.run(RAW)
    project.ledger.verify(held)


def test_what_is_made_in_other_chunks_stays_what_it_was(home: Path) -> None:
    project = open_scripted(home)
    before = project.require(EDITS)
    DAMAGES["a flipped bit"](project, part_of(project, EDITS))
    fresh = reopened(repaired(project), {"edits": {"chunk": 1}})
    done = run_all(fresh)
    assert [each for each, how in done.items() if how.fresh] == [EDITS]
    assert done[EDITS].manifest.fingerprint == before.fingerprint
    assert len(done[EDITS].manifest.tables["rows"]) > len(before.tables["rows"])
    assert damaged(fresh) == []


def test_a_rotten_check_stops_nobody_after_a_repair(home: Path) -> None:
    project = open_scripted(home)
    manifest = project.require(RAW)
    project.ledger.record_check(manifest, "ids", passed=True, blocking=True)
    project.ledger.store.put(f"{manifest.folder}/checks/ids.json", b"{rotten")
    with pytest.raises(CorruptRecord):
        standings(reopened(project))
    assert damaged(project) == [RAW]
    fresh = repaired(project)
    assert {found.state for found in standings(fresh)} == {State.CURRENT}
    assert made(run_all(fresh)) == set()


def test_what_was_made_again_while_others_moved_is_not_set_aside(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = open_scripted(home)
    for ref in (RAW, EDITS):
        DAMAGES["a flipped bit"](project, part_of(project, ref))
    found = [each for each in examine_all(project, partitions(project)) if each.damage.blobs]
    assert [each.ref for each in found] == [RAW, EDITS]
    store, move = type(project.ledger.store), type(project.ledger.store).move

    def moved_by_two(self: LocalStore, key: str, to: str) -> None:
        """Let another repair and a run do everything once the first thing moves."""
        monkeypatch.setattr(store, "move", move)
        move(self, key, to)
        fresh = repaired(project)
        fresh.run(RAW)
        fresh.run(EDITS)

    monkeypatch.setattr(store, "move", moved_by_two)
    quarantine(project, found)
    assert reopened(project).find(EDITS) is not None


def test_a_second_repair_of_the_same_finds_nothing_to_move(home: Path) -> None:
    project = open_scripted(home)
    DAMAGES["gone"](project, part_of(project, RAW))
    found = list(examine_all(project, partitions(project)))
    quarantine(project, found)
    reopened(project).run(RAW)
    place = quarantine(project, found)
    assert list(project.ledger.store.keys(place)) == []
    assert damaged(reopened(project)) == []


def test_a_lake_on_s3_is_repaired_as_well(tmp_path: Path, bucket: str) -> None:
    source = write_photographs(tmp_path / "photographs", range(2))
    project = open_scripted(tmp_path / "home", {"lake": f"{bucket}/lake", "holdout": 0})
    stages = ["raw_images", "instructions", "edits"]
    run_all(prepared(project, source), stages)
    key = part_of(project, RAW)
    before = project.ledger.store.read(key)
    DAMAGES["a flipped bit"](project, key)
    assert damaged(project) == [RAW]
    fresh = repaired(project)
    assert made(run_all(fresh, stages)) == {"raw_images"}
    assert project.ledger.store.read(key) == before
