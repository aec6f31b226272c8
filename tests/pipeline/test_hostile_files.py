"""The hostile zoo through the stage: every file is accounted for, with its expected verdict."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from lakes import open_scripted, run_all
from photographs import hostile_zoo

from unicedit_assets.domain.reasons import Outcome, outcome_of
from unicedit_assets.pipeline.intake import Registered, register_source
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref


def verdicts_of(project: Project) -> dict[str, str | None]:
    """Return source name -> its reason, None where it was accepted, over all shards."""
    found: dict[str, str | None] = {}
    for ref in project.refs("raw_images"):
        manifest = project.require(ref)
        names = project.ledger.read(manifest, "rows", ["source"])["source"].to_pylist()
        found |= dict.fromkeys(names)
        rejects = project.ledger.read(manifest, "rejects", ["unit_id", "reason"]).to_pylist()
        found |= {row["unit_id"]: row["reason"] for row in rejects}
    return found


def registered(home: Path, zoo: Path, holdout: int, shard_size: int) -> tuple[Project, Registered]:
    changes = {"holdout": holdout, "shard_size": shard_size, "raw_images": {"chunk": 7}}
    project = open_scripted(home, changes)
    report = register_source(project, str(zoo))
    run_all(project, ["raw_images"])
    return project, report


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str | None]]:
    folder = tmp_path_factory.mktemp("hostile") / "zoo"
    verdicts = hostile_zoo(folder)
    return folder, {name: reason and reason.value for name, reason in verdicts.items()}


def test_every_hostile_file_gets_its_verdict(
    tmp_path: Path, zoo: tuple[Path, dict[str, str | None]]
) -> None:
    folder, expected = zoo
    project, report = registered(tmp_path, folder, holdout=0, shard_size=1000)
    assert verdicts_of(project) == expected
    counts = project.require(Ref("raw_images", "s00000")).counts
    assert report.found == counts.inputs == len(expected)
    assert sorted(report.ignored) == ["folder.png/readme", "notes.txt"]
    reasons = Counter(reason for reason in expected.values() if reason)
    assert counts.reasons == reasons
    failed = sum(n for r, n in reasons.items() if outcome_of(r) is Outcome.FAILED)
    assert (counts.failed, counts.rejected) == (failed, reasons.total() - failed)


@pytest.mark.slow
def test_every_hostile_file_is_accounted_for_when_some_are_held_out(
    tmp_path: Path, zoo: tuple[Path, dict[str, str | None]]
) -> None:
    """sources = accepted + rejected + failed + ignored + held out, over several shards."""
    folder, expected = zoo
    project, report = registered(tmp_path, folder, holdout=6, shard_size=20)
    counts = [project.require(ref).counts for ref in project.refs("raw_images")]
    assert len(counts) > 1
    assert report.held_out == 6
    inside = sum(each.accepted + each.rejected + each.failed for each in counts)
    assert inside + report.held_out == report.found == len(expected)
    benchmark = project.registry.benchmark()
    assert benchmark is not None
    held_out = {entry.name for entry in benchmark.entries}
    assert held_out | set(verdicts_of(project)) == set(expected)
    assert not held_out & set(verdicts_of(project))
    run_all(project, ["unicbench"])
    samples = project.require(Ref("unicbench", "main"))
    told = project.ledger.read(samples, "rows", ["image_id"])["image_id"].to_pylist()
    told += project.ledger.read(samples, "rejects", ["unit_id"])["unit_id"].to_pylist()
    assert len(set(told)) >= 6


def test_a_file_that_changes_after_registration_is_a_reject(tmp_path: Path, source: Path) -> None:
    project = open_scripted(tmp_path / "home", {"shard_size": 9, "holdout": 0})
    register_source(project, str(source))
    names = sorted(path.name for path in source.iterdir())
    (source / names[0]).write_bytes((source / names[1]).read_bytes())
    (source / names[2]).unlink()
    run_all(project, ["raw_images"])
    found = verdicts_of(project)
    assert [found[name] for name in names] == ["changed", None, "unreadable", None]
