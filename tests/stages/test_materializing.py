"""The assets through Dagster: data versions, counts, previews, checks."""

from __future__ import annotations

import shutil

import dagster as dg
import pytest
from backends import CALLS, ScriptedEditor, write_photographs
from planting import plant
from worlds import World

from unicedit_assets.partitions import sync_partitions
from unicedit_assets.pipeline.intake import register_source
from unicedit_assets.pipeline.stage import Ref


@pytest.fixture
def known(world: World) -> World:
    """A world whose shards Dagster knows."""
    sync_partitions(world.project(), world.instance)
    return world


def metadata(world: World, ref: Ref) -> dict[str, object]:
    """Materialize one partition and return its metadata as plain values."""
    result = world.execute(ref)
    assert result.success
    (event,) = result.asset_materializations_for_node(ref.stage)
    assert event.tags is not None
    manifest = world.project().require(ref)
    assert event.tags["dagster/data_version"] == manifest.fingerprint
    return {name: value.value for name, value in event.metadata.items()}


def test_what_is_there_is_not_made_again_and_shows_the_same_facts(known: World) -> None:
    CALLS.clear()
    found = metadata(known, Ref("edits", "s00001/classical"))
    counts = known.project().require(Ref("edits", "s00001/classical")).counts
    assert CALLS.total() == 0
    assert found["recomputed"] is False
    assert found["dagster/row_count"] == found["accepted"] == counts.accepted
    assert found["failed"] == found["reason/editor_failed"] == counts.failed > 0
    assert found["accepted_share"] == counts.accepted / counts.inputs
    assert str(found["preview"]).count("data:image/webp;base64,") >= 2


def test_a_run_of_a_model_tells_how_busy_it_was(
    known: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScriptedEditor, "concurrency", 1, raising=False)
    ref = Ref("unicbench_scores", "identity/en")
    assert not any(name.startswith("model_") for name in metadata(known, ref))
    ref = Ref("edits", "s00001/classical")
    manifest = known.project().require(ref)
    shutil.rmtree(known.home / "lake" / manifest.folder)
    found = metadata(known, ref)
    assert 0 < found["model_busy_share"] <= 1  # type: ignore[operator]
    again = known.project().require(ref)
    assert again.extra == manifest.extra
    assert not any(name.startswith("model_") for name in metadata(known, ref))


@pytest.mark.slow
def test_a_new_shard_goes_through_all_six_stages(known: World) -> None:
    project = known.project()
    register_source(project, str(write_photographs(known.home / "photographs", [90, 91])))
    sync_partitions(project, known.instance)
    for ref in (
        Ref("raw_images", "s00002"),
        Ref("instructions", "s00002"),
        Ref("edits", "s00002/classical"),
        Ref("verified_edits", "s00002/classical"),
        Ref("unicedit_10m", "test"),
        Ref("unicbench_edits", "identity/cn"),
        Ref("unicbench_scores", "identity/cn"),
    ):
        found = metadata(known, ref)
        assert found["recomputed"] is not ref.stage.startswith("unicbench")


def test_a_run_before_its_inputs_says_what_to_run_first(known: World) -> None:
    project = known.project()
    register_source(project, str(write_photographs(known.home / "photographs", [90])))
    sync_partitions(project, known.instance)
    result = known.execute(Ref("instructions", "s00002"))
    assert not result.success
    (event,) = result.get_step_failure_events()
    assert "raw_images/s00002 has not been made" in str(event.step_failure_data.error)


def test_the_checks_of_a_partition_are_recorded_with_its_run(known: World) -> None:
    result = known.execute(Ref("instructions", "s00000"))
    found = {each.check_name: each.passed for each in result.get_asset_check_evaluations()}
    assert found["instructions_sound"]
    assert found["instructions_conserved"]
    assert set(found) == {f"instructions_{k}" for k in ("sound", "conserved", "rates", "balance")}
    project = known.project()
    manifest = project.require(Ref("instructions", "s00000"))
    assert {check.name for check in project.ledger.checks(manifest)} == set(found)
    keys = {dg.AssetCheckKey(dg.AssetKey("instructions"), name) for name in found}
    assert {each.asset_check_key for each in result.get_asset_check_evaluations()} == keys


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """Return what the failed steps of a run say."""
    assert not result.success
    return " ".join(
        str(event.step_failure_data.error) for event in result.get_step_failure_events()
    )


def test_a_bad_partition_fails_its_run_and_everything_that_would_be_made_from_it(
    known: World,
) -> None:
    project = known.project()
    plant(project, Ref("verified_edits", "s00000/classical"), lambda rows: rows.append(rows[0]))
    result = known.execute(Ref("verified_edits", "s00000/classical"))
    assert "verified_edits_sound" in failure_of(result)
    (bad,) = [each for each in result.get_asset_check_evaluations() if not each.passed]
    assert (bad.check_name, bad.blocking, bad.severity) == (
        "verified_edits_sound",
        True,
        dg.AssetCheckSeverity.ERROR,
    )
    failures = bad.metadata["failures"].value
    assert any("Unique" in str(record) for record in failures)
    shutil.rmtree(known.home / "lake" / "unicedit_10m")
    refused = failure_of(known.execute(Ref("unicedit_10m", "test")))
    assert "verified_edits/s00000/classical is blocked by failed checks" in refused
    assert known.project().find(Ref("unicedit_10m", "test")) is None


def test_a_source_in_trouble_is_a_failure_of_one_sentence(known: World) -> None:
    project = known.project()
    register_source(project, str(write_photographs(known.home / "mount", [90, 91])))
    sync_partitions(project, known.instance)
    shutil.rmtree(known.home / "mount")
    result = known.execute(Ref("raw_images", "s00002"))
    (event,) = result.get_step_failure_events()
    told = event.step_failure_data.user_failure_data
    assert told is not None
    assert "mount cannot be read now" in str(told.description)
