"""The code location: it loads, and it is the graph that we mean."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
import yaml
from lakes import open_scripted

from unicedit_assets.checks.suites import SUITES
from unicedit_assets.definitions import ASSETS, EVERY_ASSET, defs
from unicedit_assets.partitions import LANGUAGES, dagster_key, lake_partition, sync_partitions
from unicedit_assets.pipeline.pending import EVERYTHING, PIPELINE
from unicedit_assets.pipeline.stages import STAGES

ROOT = Path(__file__).parents[2]

GRAPH = {
    "raw_images": ([], "shards"),
    "instructions": (["raw_images"], "shards"),
    "edits": (["instructions", "raw_images"], "editor|shard"),
    "verified_edits": (["edits", "raw_images"], "editor|shard"),
    "unicbench": ([], ["main"]),
    "unicedit_10m": (["unicbench", "verified_edits"], "releases"),
    "unicbench_edits": (["unicbench"], "language|model"),
    "unicbench_scores": (["unicbench", "unicbench_edits"], "language|model"),
    "synthetic_pairs": (["raw_images", "unicbench"], "synthetic_shards"),
    "verify_sft_set": (["synthetic_pairs", "verified_edits"], ["main"]),
    "verify_preference_set": (["synthetic_pairs", "verified_edits"], ["main"]),
    "qwen_verify_sft": (["verify_sft_set"], "trainings"),
    "qwen_verify": (["qwen_verify_sft", "verify_preference_set"], "trainings"),
    "qwen_verify_eval": (["verify_preference_set"], "verifiers"),
}


def test_the_definitions_load() -> None:
    dg.Definitions.validate_loadable(defs)


def test_the_assets_and_what_they_are_made_from() -> None:
    graph = defs.resolve_asset_graph()
    assert tuple(ASSETS) == PIPELINE
    assert tuple(EVERY_ASSET) == EVERYTHING
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == set(GRAPH)
    for name, (parents, _) in GRAPH.items():
        node = graph.get(dg.AssetKey(name))
        assert sorted(key.to_user_string() for key in node.parent_keys) == parents
        assert node.description
        assert node.kinds
        assert node.owners
        assert node.group_name != "default"
        assert node.code_version == STAGES[name].code_version


def test_the_groups_sort_in_pipeline_order() -> None:
    graph = defs.resolve_asset_graph()
    groups = [graph.get(dg.AssetKey(name)).group_name for name in EVERYTHING]
    assert groups == sorted(groups)


def test_dagster_learns_the_partitions_of_the_profile(tmp_path: Path) -> None:
    project = open_scripted(tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        sync_partitions(project, instance)
        names = ("editors", "models", "verifiers")
        known = {each: instance.get_dynamic_partitions(each) for each in names}
    assert known["editors"] == sorted(project.backends.editors)
    assert known["models"] == sorted(project.backends.models)
    assert known["verifiers"] == ["pixels", "ssim", *sorted(project.backends.verifiers)]
    assert set(LANGUAGES.get_partition_keys()) == {"en", "cn"}
    for name, (_, dimensions) in GRAPH.items():
        definition = EVERY_ASSET[name].partitions_def
        if isinstance(definition, dg.MultiPartitionsDefinition):
            assert "|".join(definition.partition_dimension_names) == dimensions
        elif isinstance(definition, dg.StaticPartitionsDefinition):
            assert definition.get_partition_keys() == dimensions
        else:
            assert isinstance(definition, dg.DynamicPartitionsDefinition)
            assert definition.name == dimensions


def test_partition_names_go_to_dagster_and_back() -> None:
    for stage, partition in {
        "raw_images": "s00000",
        "edits": "s00001/classical",
        "verified_edits": "s00001/classical",
        "unicedit_10m": "v1",
        "unicbench": "main",
        "unicbench_edits": "identity/cn",
        "unicbench_scores": "identity/cn",
        "synthetic_pairs": "y00000",
    }.items():
        assert lake_partition(stage, dagster_key(stage, partition)) == partition


def test_checks_jobs_sensors_and_schedules() -> None:
    repository = defs.get_repository_def()
    checks = {(key.asset_key.to_user_string(), key.name) for key in _check_keys()}
    assert checks == {(suite.stage, suite.name) for suite in SUITES}
    assert {f"make_{stage}" for stage in EVERYTHING} <= set(repository.job_names)
    assert {f"make_{stage}" for stage in EVERYTHING} <= set(repository.job_names)
    assert {sensor.name for sensor in repository.sensor_defs} == {"new_images", "re_verification"}
    schedules = {schedule.name for schedule in repository.schedule_defs}
    assert schedules == {f"backfill_{stage}" for stage in PIPELINE}


def _check_keys() -> set[dg.AssetCheckKey]:
    return set(defs.resolve_asset_graph().asset_check_keys)


def test_a_blocking_check_blocks_and_the_others_only_warn() -> None:
    blocking = {suite.name for suite in SUITES if suite.blocking}
    stages = {f"{stage}_{kind}" for stage in EVERYTHING for kind in ("sound", "conserved")}
    assert blocking == stages


def test_the_shipped_instance_file_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    script = (
        "import os, sys; os.environ['DAGSTER_HOME'] = sys.argv[1]; import dagster as dg;"
        "i = dg.DagsterInstance.get();"
        "assert i.run_monitoring_enabled and i.run_retries_enabled and not i.telemetry_enabled;"
        "i.add_dynamic_partitions('shards', ['s00000']);"
        "print(i.root_directory)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path)
    assert any(tmp_path.rglob("*.db"))


def test_the_workspace_names_the_module_that_is_here() -> None:
    (entry,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    module = entry["python_module"]
    assert module["module_name"] == "unicedit_assets.definitions"
    assert (ROOT / module["working_directory"] / "unicedit_assets" / "definitions.py").is_file()
