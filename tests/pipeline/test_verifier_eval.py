"""Evaluations and promotions over a small lake: truth stays hidden, the worse stays out."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from lakes import reopened
from measured import PREFERENCE, TESTS, evaluate, measured_home, open_measured
from planting import plant

from unicedit_assets.domain import schemas
from unicedit_assets.pipeline import verifier_tests
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.promoting import PromotionRefused, decide, promote
from unicedit_assets.pipeline.registry import RegistryError
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.verifier_eval import fit_baseline
from unicedit_assets.pipeline.verifier_figures import all_evaluated, evaluated, truths
from unicedit_assets.qwen_verify.versions import Versions


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Project:
    built = measured_home(tmp_path_factory.getbasetemp())
    return open_measured(Path(shutil.copytree(built, tmp_path / "home")))


def test_test_pairs_are_the_test_split_and_held_out_photographs(project: Project) -> None:
    rows = project.ledger.read(project.require(TESTS), schemas.ROWS).to_pylist()
    trained = project.ledger.read(
        project.require(PREFERENCE), schemas.ROWS, ["key", "split"]
    ).to_pylist()
    of_set = {row["key"] for row in rows if row["test"] != "photographs"}
    assert of_set == {row["key"] for row in trained if row["split"] == "test"} != set()
    assert {row["test"] for row in rows} == {"scenes", "photographs"}
    assert len({row["key"] for row in rows}) == len(rows)
    assert set(truths(project)) == {row["key"] for row in rows}


def test_what_a_verifier_believed_is_no_truth(project: Project) -> None:
    plant(
        project,
        PREFERENCE,
        lambda rows: [row.update(origin="pipeline") for row in rows],
    )
    assert verifier_tests._chosen(project, 99) == []


def test_every_pair_is_answered_and_figures_follow(project: Project) -> None:
    evaluate(project, "scripted-1", "gullible-1", "broken-1")
    pairs = project.require(TESTS).counts.accepted
    found = {each.name: each for each in all_evaluated(project)}
    assert set(found) == {"scripted-1", "gullible-1", "broken-1"}
    assert {each.figures["all"].pairs for each in found.values()} == {pairs}
    assert len({each.tests for each in found.values()}) == 1
    gullible = found["gullible-1"].figures["scenes"]
    assert gullible.kinds["normal"].right.share == 1.0
    assert gullible.detection.recall.hits == 0
    broken = found["broken-1"].figures["all"]
    assert broken.unreadable == pairs
    assert broken.kinds["normal"].score.value == 0.0
    manifest = project.require(Ref("qwen_verify_eval", "broken-1"))
    assert manifest.counts.failed == manifest.counts.reasons["verifier_failed"] == pairs


def test_a_baseline_is_fitted_on_training_pairs_alone_and_says_so(project: Project) -> None:
    evaluate(project, "pixels", "ssim")
    for name in ("pixels", "ssim"):
        found = evaluated(project, name)
        assert found is not None
        assert isinstance(found.fit, Mapping)
        assert found.fit == fit_baseline(project, name).to_json()
        rows = project.ledger.read(project.require(PREFERENCE), schemas.ROWS, ["split"])[
            "split"
        ].to_pylist()
        assert found.fit["pairs"] == rows.count("train")
        assert found.figures["scenes"].detection.changed.share == 1.0

    def never(rows: list[dict]) -> None:
        rows[:] = [row for row in rows if row["kind"] != "no_edit"]

    plant(project, PREFERENCE, never)
    with pytest.raises(RegistryError, match="baseline 'pixels' cannot be fitted"):
        fit_baseline(project, "pixels")


def test_a_grade_of_the_judge_is_kept_where_it_was_asked_for(project: Project) -> None:
    evaluate(project, "gullible-1")
    plain = evaluated(project, "gullible-1")
    judged = reopened(project, {"verifier_tests": {"judged": True}})
    evaluate(judged, "gullible-1")
    graded = evaluated(judged, "gullible-1")
    assert plain is not None
    assert graded is not None
    assert plain.figures["scenes"].kinds["normal"].judged is None
    assert graded.figures["scenes"].kinds["normal"].judged is not None
    assert plain.fingerprint != graded.fingerprint


def register(project: Project, name: str, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(b"w")
    (folder / "config.json").write_text("{}")
    Versions(project.ledger.store).add(name, folder, "sft", {})


def test_versions_measured_on_too_few_scenes_are_not_compared(
    project: Project, tmp_path: Path
) -> None:
    register(project, "gullible-1", tmp_path / "w")
    evaluate(project, "scripted-1", "gullible-1")
    with pytest.raises(
        PromotionRefused, match="test pairs of at least 10 scenes or photographs are needed"
    ):
        promote(project, "gullible-1")


@pytest.mark.usefixtures("few_are_enough")
def test_an_unmeasured_registered_version_is_refused_and_another_is_told_about(
    project: Project, tmp_path: Path
) -> None:
    assert "nothing was compared with scripted-1" in decide(project, "scripted-2").remark
    register(project, "scripted-2", tmp_path / "w")
    with pytest.raises(PromotionRefused, match="run `unicedit verify eval scripted-2 scripted-1`"):
        promote(project, "scripted-2")
    assert project.registry.promotions() == []
    evaluate(project, "scripted-2")
    with pytest.raises(PromotionRefused, match="scripted-1 has no evaluation"):
        promote(project, "scripted-2")
    evaluate(project, "scripted-1")
    assert promote(project, "scripted-2").comparisons
    assert open_measured(project.home).registry.promoted_verifier() == "scripted-2"


@pytest.mark.usefixtures("few_are_enough")
def test_a_worse_version_is_refused_unless_forced_with_a_reason_that_is_kept(
    project: Project, tmp_path: Path
) -> None:
    register(project, "gullible-1", tmp_path / "w")
    evaluate(project, "scripted-1", "gullible-1")
    with pytest.raises(PromotionRefused, match="gullible-1 is worse than scripted-1: no_edit"):
        promote(project, "gullible-1")
    with pytest.raises(PromotionRefused, match="needs a reason"):
        promote(project, "gullible-1", force=True, reason="  ")
    assert project.registry.promoted_verifier() is None
    promote(project, "gullible-1", force=True, reason="to see what happens")
    (note,) = project.registry.promotions()
    assert (note["version"], note["over"], note["forced"]) == ("gullible-1", "scripted-1", True)
    assert note["reason"] == "to see what happens"
    assert "is worse than scripted-1" in str(note["obstacle"])
    again = open_measured(project.home)
    assert again.registry.promoted_verifier() == "gullible-1"
    # The way back needs no force: nothing speaks against it.
    assert promote(again, "scripted-1").obstacle == ""


def test_an_evaluation_on_other_pairs_does_not_count(project: Project, tmp_path: Path) -> None:
    register(project, "scripted-2", tmp_path / "w")
    evaluate(project, "scripted-1", "scripted-2")
    other = reopened(project, {"verifier_tests": {"seed": 99}})
    with pytest.raises(PromotionRefused, match="has no evaluation under the present settings"):
        promote(other, "scripted-2")


def test_who_is_not_here_cannot_be_promoted(project: Project, tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="no verifier 'nobody'; there are: broken-1"):
        promote(project, "nobody")
    register(project, "far-1", tmp_path / "w")
    with pytest.raises(RegistryError, match="it is registered, but nobody here can load it"):
        promote(project, "far-1")
