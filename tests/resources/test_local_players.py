"""Local models as players: they travel as settings, and a judge beside an editor needs a GPU."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from resources import ray_engine
from resources.neural import neural_backends
from resources.vlms import build
from resources.vlms.build import vlm_from
from unicedit_assets.pipeline.engine import ThreadEngine
from unicedit_assets.settings import Settings
from unicedit_assets.settings.gpu import GpuSettings, RaySettings
from unicedit_assets.settings.vlms import TransformersVlm, VllmVlm

EYES: dict[str, Any] = {
    "here": {"kind": "transformers", "device": "cpu"},
    "there": {"kind": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1"},
}


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda *_: True)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "model.safetensors").write_bytes(b"weights")
    return str(tmp_path / "weights")


def players(weights: str, eyes: str) -> list[Any]:
    settings = Settings.model_validate(
        {
            "profile": "neural",
            "editors": {"plain": {"kind": "classical"}},
            "vlms": {"eyes": {"model": weights, **EYES[eyes]}},
            "roles": {"instructor": "eyes", "judge": "eyes", "verifiers": {"eyes-1": "eyes"}},
        }
    )
    backends = neural_backends(settings)
    return [backends.instructor, backends.judge, backends.verifiers["eyes-1"]]


def test_players_of_a_local_model_travel_as_settings(weights: str) -> None:
    for player, again in zip(players(weights, "here"), players(weights, "here"), strict=True):
        assert pickle.dumps(player) == pickle.dumps(again)
        arrived = pickle.loads(pickle.dumps(player))
        # Not the first trip's bytes: they depend on which equal texts are one object.
        assert pickle.dumps(pickle.loads(pickle.dumps(arrived))) == pickle.dumps(arrived)
        assert arrived.identity == player.identity


@pytest.mark.parametrize("kind", [VllmVlm, TransformersVlm])
def test_what_arrives_is_the_model_of_that_process(weights: str, kind: Any) -> None:
    one = vlm_from("eyes", kind(model=weights), GpuSettings(wait=5))
    assert pickle.loads(pickle.dumps(one)) is one


def test_only_a_local_model_goes_to_rays_actors(weights: str) -> None:
    engine = ray_engine.RayEngine(RaySettings(), 1)
    for player in players(weights, "here"):
        assert isinstance(engine.holding(player, 1), ray_engine.RayEngine)
    for player in players(weights, "there"):
        assert isinstance(engine.holding(player, 1), ThreadEngine)
