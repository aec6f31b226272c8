"""Registered versions as verifiers: whole identities, nothing loaded early, servers by name."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from resources.project import open_project
from resources.verifiers import RegisteredVerifier, checked_new_name, panels_of
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.qwen_verify.versions import VersionError, Versions
from unicedit_assets.settings import SettingsError
from unicedit_assets.storage.blobs import open_store
from unicedit_assets.vlm.stacking import Layout

SERVER = """
[vlms.box]
kind = "openai"
base_url = "http://127.0.0.1:1/v1"
model = "any"

[roles]
registered = "box"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home, folder = tmp_path / "home", tmp_path / "w"
    home.mkdir()
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"w" * 100)
    config = {"model_type": "qwen_verify", "difference": "tokens", "panel": 168}
    (folder / "config.json").write_text(json.dumps(config))
    Versions(open_store(str(home / "lake"))).add("tiny-1", folder, "d2po", {})
    return home


def configure(home: Path, text: str) -> None:
    (home / "unicedit.toml").write_text(text)


def the(home: Path) -> RegisteredVerifier:
    found = open_project(home).backends.verifiers["tiny-1"]
    assert isinstance(found, RegisteredVerifier)
    return found


def test_a_registered_version_plays_beside_the_embedded_ones(home: Path) -> None:
    found = the(home)
    assert "evidence-1" in open_project(home).backends.verifiers
    version = Versions(open_store(str(home / "lake"))).require("tiny-1")
    assert found.identity["sha256"] == version.sha256
    assert found.identity["version"] == "tiny-1"
    assert found.concurrency == 1
    assert not (home / "models").exists()
    assert pickle.loads(pickle.dumps(found)) == found


def test_who_serves_it_is_part_of_its_identity(home: Path) -> None:
    here = the(home).identity
    assert "within the schema" in str(here["served_by"])
    configure(home, SERVER)
    served = the(home)
    assert served.load is None
    assert served.concurrency == 16
    assert served.identity != here
    assert served._build()._vlm.identity["model"] == "tiny-1"  # type: ignore[index]
    assert served._build()._options.layout is not None
    configure(home, SERVER.replace('registered = "box"', 'registered = "nobody"'))
    with pytest.raises(
        SettingsError, match=r"roles\.registered: no server 'nobody'; there are: tr"
    ):
        open_project(home)


def test_a_promoted_version_reaches_the_fingerprint_with_its_hash(home: Path) -> None:
    project = open_project(home)
    project.registry.promote_verifier("tiny-1", project.backends.verifiers)
    stage = project.stages["verified_edits"]
    config = open_project(home)
    identity = stage.config(config, "s00000/classical")["verifier"]
    assert identity == dict(the(home).identity)
    assert Ref("qwen_verify_eval", "tiny-1") in config.refs("qwen_verify_eval")


def test_damaged_weights_are_refused_before_they_are_loaded(home: Path) -> None:
    found = the(home)
    weights = home / "lake" / "verifiers" / "tiny-1" / found.version.content / "model.safetensors"
    weights.write_bytes(b"x" * 100)
    with pytest.raises(VersionError, match="is damaged in the store"):
        found._build()


def test_how_a_model_is_shown_its_pictures_follows_from_its_configuration() -> None:
    known = {"model_type": "qwen_verify"}
    assert panels_of({**known, "difference": "tokens"}) == {"panels": 3, "panel_side": 0}
    assert panels_of({**known, "difference": "add", "panel": 56}) == {
        "panels": 2,
        "panel_side": 56,
    }
    assert panels_of({"model_type": "qwen2_5_vl"}) == {}
    large = panels_of({**known, "difference": "add", "panel": 0, "panel_max_pixels": 602_112})
    assert large == {"panels": 2, "panel_side": 0, "panel_max_pixels": 602_112}


@pytest.mark.parametrize(
    ("model_type", "patch", "shown"),
    [("qwen_verify", 14, {}), ("qwen3_verify", 16, {"panel_cell": 32})],
)
def test_the_cells_of_its_pictures_follow_from_its_vision_tower(
    model_type: str, patch: int, shown: dict[str, int]
) -> None:
    vision = {"patch_size": patch, "spatial_merge_size": 2}
    config = {"model_type": model_type, "difference": "add", "vision_config": vision}
    assert panels_of(config) == {"panels": 2, "panel_side": 0, **shown}


@pytest.mark.parametrize("text", [pytest.param("", marks=pytest.mark.neural), SERVER])
def test_a_version_is_served_at_the_resolution_it_was_trained_at(home: Path, text: str) -> None:
    folder = home / "large"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"w")
    config = {"model_type": "qwen_verify", "difference": "add", "panel_max_pixels": 900_000}
    (folder / "config.json").write_text(json.dumps(config))
    Versions(open_store(str(home / "lake"))).add("large-1", folder, "d2po", {})
    configure(home, text)  # nothing: by transformers in this process
    found = open_project(home).backends.verifiers["large-1"]
    assert isinstance(found, RegisteredVerifier)
    built = found._build()
    assert built._options.layout == Layout(2, 0, 900_000)
    assert built._vlm._max_pixels >= 1_800_000  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["ssim", "pixels", "evidence-1"])
def test_a_name_of_somebody_else_is_refused(home: Path, name: str) -> None:
    with pytest.raises(VersionError, match="is the name of another verifier"):
        checked_new_name(name, open_project(home).backends.verifiers)


def test_a_name_given_twice_is_told(home: Path) -> None:
    configure(
        home,
        SERVER.replace('registered = "box"', 'verifiers = {"tiny-1" = "box"}')
        + '\n[editors.classical]\nkind = "classical"\n',
    )
    text = (home / "unicedit.toml").read_text()
    configure(home, 'profile = "neural"\n' + text)
    with pytest.raises(SettingsError, match="'tiny-1' is a registered version's name"):
        open_project(home)
