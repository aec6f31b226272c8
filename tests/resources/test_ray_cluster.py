"""What the Ray engine does without Ray: nothing until it is used, then one clear sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from resources import ray_engine
from resources.project import open_project
from resources.ray_cluster import actor_count, compare_versions, versions
from unicedit_assets.settings import SettingsError
from unicedit_assets.settings.gpu import RaySettings


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    ray_engine.shut_down()


@pytest.mark.usefixtures("no_ray")
def test_a_project_opens_and_its_first_row_names_the_missing_package(tmp_path: Path) -> None:
    (tmp_path / "unicedit.toml").write_text('engine = "ray"')
    engine = open_project(tmp_path).engine
    assert isinstance(engine, ray_engine.RayEngine)
    assert list(engine.map(abs, [])) == []
    with pytest.raises(SettingsError, match=r"pip install 'unicedit\[ray\]'"):
        list(engine.map(abs, [1]))


def test_importing_the_engine_does_not_import_ray() -> None:
    script = "import resources.project, sys; print('ray' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]


def cluster(**resources: float) -> SimpleNamespace:
    return SimpleNamespace(cluster_resources=lambda: resources)


@pytest.mark.parametrize(
    ("settings", "model", "count"),
    [
        ({}, False, 7),
        ({"address": "auto"}, False, 8),
        ({"cpus_per_actor": 2.0}, False, 3),
        ({"actors": 5}, False, 5),
        ({}, True, 2),
        ({"gpus_per_actor": 0.5}, True, 4),
        ({"gpus_per_actor": 0}, True, 1),
        ({"gpus_per_actor": 0, "model_actors": 3}, True, 3),
    ],
)
def test_actors_fill_the_cluster(settings: dict[str, object], model: bool, count: int) -> None:
    chosen = RaySettings.model_validate(settings)
    assert actor_count(cluster(CPU=8.0, GPU=2.0), chosen, model) == count


def test_models_without_a_gpu_are_told() -> None:
    with pytest.raises(SettingsError, match=r"gpus_per_actor = 1, but the cluster has 0 GPUs"):
        actor_count(cluster(CPU=8.0), RaySettings(), True)


def test_the_same_packages_pass_and_others_do_not() -> None:
    compare_versions(versions())
    with pytest.raises(SettingsError, match=r"pillow \S+ instead of 1\.0"):
        compare_versions({**versions(), "pillow": "1.0"})
