"""Pools, GPU requests, and the instance files: what Dagster, Kubernetes and ECS would read."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.utils import parse_env_var

from unicedit_assets.definitions import ASSETS
from unicedit_assets.jobs import JOBS
from unicedit_assets.pools import GPUS_VARIABLE, POOLS, gpu_requests, gpus_per_run, run_tags

ROOT = Path(__file__).parents[1]
INSTANCES = [ROOT / "dagster.yaml", *sorted((ROOT / "deploy").glob("dagster.*.yaml"))]


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def test_the_stages_that_can_need_a_gpu_have_pools() -> None:
    for stage, asset in ASSETS.items():
        pool = asset.op.pool
        assert pool == POOLS.get(stage), stage


@pytest.mark.parametrize("path", INSTANCES, ids=lambda path: path.name)
def test_a_pool_never_slows_down_what_the_instance_allows(path: Path) -> None:
    concurrency = read(path)["concurrency"]
    assert concurrency["pools"]["granularity"] == "run"
    if path.parent == ROOT:
        assert concurrency["pools"]["default_limit"] >= concurrency["runs"]["max_concurrent_runs"]


def test_nothing_is_asked_of_a_cluster_unless_told_to() -> None:
    for stage, asset in ASSETS.items():
        assert not any("k8s" in tag or "ecs" in tag for tag in asset.op.tags), stage
        assert not run_tags(stage, {})
        assert not any("k8s" in tag or "ecs" in tag for tag in JOBS[stage].tags or {})


def test_a_run_of_a_gpu_stage_asks_kubernetes_and_ecs_for_its_gpus() -> None:
    tags = run_tags("edits", {GPUS_VARIABLE: "2"})
    k8s, ecs = (
        json.loads(tags[name]) for name in ("dagster-k8s/config", "ecs/container_overrides")
    )
    assert k8s["container_config"]["resources"]["limits"] == {"nvidia.com/gpu": "2"}
    assert ecs["resourceRequirements"] == [{"type": "GPU", "value": "2"}]
    assert not run_tags("raw_images", {GPUS_VARIABLE: "2"})


def test_the_environment_reaches_jobs_and_ops() -> None:
    script = (
        "from unicedit_assets.definitions import defs;"
        "job = defs.resolve_job_def('make_edits');"
        "print(sorted(job.tags), sorted(job.get_node_named('edits').tags))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, GPUS_VARIABLE: "1"},
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.count("dagster-k8s/config") == done.stdout.count("ecs/container_over") == 2


def test_kubernetes_accepts_what_it_is_asked() -> None:
    job = pytest.importorskip("dagster_k8s.job")
    config = job.UserDefinedDagsterK8sConfig.from_dict(gpu_requests(1)["dagster-k8s/config"])
    assert config.container_config["resources"]["limits"] == {"nvidia.com/gpu": "1"}


def test_ecs_knows_what_it_is_asked() -> None:
    botocore = pytest.importorskip("botocore.session")
    shape = botocore.get_session().get_service_model("ecs").shape_for("ContainerOverride")
    asked = gpu_requests(1)["ecs/container_overrides"]
    assert set(asked) <= set(shape.members)
    (requirement,) = asked["resourceRequirements"]
    members = shape.members["resourceRequirements"].member.members
    assert set(requirement) <= set(members)
    assert requirement["type"] in members["type"].enum


LAUNCHERS = {"dagster.kubernetes.yaml": "dagster_k8s", "dagster.ecs.yaml": "dagster_aws.ecs"}
CONNECTION = {f"DAGSTER_PG_{name}": "x" for name in ("HOST", "USERNAME", "PASSWORD", "DB")} | {
    "UNICEDIT_IMAGE": "unicedit:1"
}


@pytest.mark.parametrize("name", LAUNCHERS)
def test_the_launcher_accepts_its_configuration(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The schema of the launcher's class is what the instance loader checks against."""
    launcher = read(ROOT / "deploy" / name)["run_launcher"]
    if importlib.util.find_spec(LAUNCHERS[name].split(".")[0]) is None:
        pytest.skip(f"{LAUNCHERS[name]} is not installed")
    module = importlib.import_module(launcher["module"])
    for variable, value in CONNECTION.items():
        monkeypatch.setenv(variable, value)
    schema = getattr(module, launcher["class"]).config_type()
    assert accepted(schema, launcher["config"])
    assert not accepted(schema, {**launcher["config"], "no_such_key": 1})


def accepted(schema: Any, config: object) -> bool:
    """Tell whether Dagster's own validation takes a configuration."""

    @dg.op(config_schema=schema)
    def configured() -> None: ...

    @dg.job
    def one() -> None:
        configured()

    try:
        dg.validate_run_config(one, {"ops": {"configured": {"config": config}}})
    except dg.DagsterInvalidConfigError:
        return False
    return True


def test_the_documented_requests_are_those_that_are_made() -> None:
    text = (ROOT / "docs" / "deploy.md").read_text()
    for name, request in gpu_requests(1).items():
        block = text[text.index(f"    {name}:") :].split("\n\n")[0]
        assert yaml.safe_load(block) == {name: request}


@pytest.mark.parametrize("path", INSTANCES, ids=lambda path: path.name)
def test_the_instance_loader_accepts_the_rest(path: Path, tmp_path: Path) -> None:
    """Everything but database and launcher, which need their servers."""
    config = read(path)
    for name in ("storage", "run_launcher"):
        config.pop(name, None)
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config))
    script = (
        "import sys, dagster as dg; i = dg.DagsterInstance.from_config(sys.argv[1]);"
        "i.event_log_storage.set_concurrency_slots('gpu_edits', 8);"
        "print(i.event_log_storage.get_pool_config())"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"default_pool_limit={config['concurrency']['pools']['default_limit']}" in done.stdout


@pytest.mark.parametrize("name", LAUNCHERS)
def test_runs_are_launched_with_the_variables_that_are_always_set(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster's own parsing refuses a listed variable that is unset."""
    monkeypatch.setenv("UNICEDIT_HOME", "/home/project")
    monkeypatch.delenv(GPUS_VARIABLE, raising=False)
    listed = read(ROOT / "deploy" / name)["run_launcher"]["config"]["env_vars"]
    assert dict(map(parse_env_var, listed)) == {"UNICEDIT_HOME": "/home/project"}


@pytest.mark.parametrize(("value", "gpus"), [(None, 0), ("", 0), (" 2 ", 2), ("0", 0)])
def test_an_empty_request_asks_for_nothing(value: str | None, gpus: int) -> None:
    environ = {} if value is None else {GPUS_VARIABLE: value}
    assert gpus_per_run(environ) == gpus
    assert bool(run_tags("edits", environ)) == bool(gpus)


@pytest.mark.parametrize("value", ["one", "-1", "1.5", "²"])
def test_a_request_that_is_no_number_is_told(value: str) -> None:
    with pytest.raises(ValueError, match=f"{GPUS_VARIABLE} = .* a number of GPUs is wanted"):
        run_tags("edits", {GPUS_VARIABLE: value})


@pytest.mark.parametrize("path", INSTANCES, ids=lambda path: path.name)
def test_a_shard_of_slow_edits_is_not_ended_daily(path: Path) -> None:
    assert read(path)["run_monitoring"]["max_runtime_seconds"] >= 5 * 86400
