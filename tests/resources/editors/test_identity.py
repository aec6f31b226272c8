"""Which settings of an editor make its edits stale, and what its weights are known by."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resources.editors.diffusion import DiffusersEditor
from resources.editors.endpoint import RemoteEditor
from resources.editors.weights import weights_version
from unicedit_assets.domain.identity import Json
from unicedit_assets.settings import Settings, SettingsError
from unicedit_assets.settings.editors import DiffusionEditor, EndpointEditor

REMOTE = {"kind": "openai-images", "model": "m", "base_url": "http://127.0.0.1:1/v1"}
KINDS = ("flux-kontext", "flux2-klein", "qwen-image-edit", "qwen-image-edit-plus")
# Fields that a kind has for the sake of the others, at the one value that its pipeline knows.
FIXED = {
    "flux2-klein": {"negative_prompt", "schedule", "batch_size"},
    "qwen-image-edit-plus": {"batch_size"},
}

# Another value for each field that can change the pixels ...
IDENTITY: dict[str, Any] = {
    "revision": "other",
    "dtype": "float32",
    "steps": 4,
    "true_cfg_scale": 2.0,
    "negative_prompt": "blurry",
    "max_sequence_length": 256,
    "schedule": "lightning",
    "quantization": "int8",
    "cache": "first_block",
    "cache_threshold": 0.1,
    "attention": "flash",
    "compile": True,
    "vae_tiling": True,
    "batch_size": 4,
    "guidance": 2.5,
}
# ... where a kind has it already, or does not know that one, yet another ...
OTHER: dict[str, dict[str, Any]] = {"flux2-klein": {"steps": 8, "cache": "taylorseer"}}
# ... and for each that cannot.
RUNTIME: dict[str, Any] = {"device": "cuda:1", "offload": "model", "offline": True}
# Held by tests of their own: the discriminator, and what is known by contents.
APART = {"kind", "model", "lora"}

REMOTE_IDENTITY: dict[str, Any] = {
    "model": "other",
    "revision": "2",
    "options": {"steps": 4},
    "size": "auto",
    "send_seed": False,
}
REMOTE_RUNTIME: dict[str, Any] = {
    "base_url": "https://elsewhere/v1",
    "api_key_variable": "KEY",
    "response_format": "",
    "concurrency": 3,
    "timeout": 3.0,
    "deadline": 3.0,
    "attempts": 3,
    "max_response_bytes": 3,
}


def weights_in(folder: Path, seed: int = 0, megabytes: float = 0.1) -> Path:
    """Write a folder like a model's: a configuration, a tensor file, and a README."""
    (folder / "transformer").mkdir(parents=True)
    noise = np.random.default_rng(seed).bytes(int(megabytes * 2**20))
    (folder / "transformer" / "model.safetensors").write_bytes(noise)
    (folder / "model_index.json").write_text('{"a": 1}')
    (folder / "README.md").write_text("hello")
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_in(tmp_path_factory.mktemp("weights") / "model")


def settings_of(values: Mapping[str, Any]) -> Any:
    return Settings.model_validate({"editors": {"e": values}}).editors["e"]


def identity_of(values: Mapping[str, Any]) -> Mapping[str, Json]:
    settings = settings_of(values)
    if isinstance(settings, EndpointEditor):
        return RemoteEditor("e", settings).identity
    assert isinstance(settings, DiffusionEditor)
    return DiffusersEditor("e", settings).identity


def roles(model: type) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {"identity": set(), "runtime": set()}
    for name, info in model.model_fields.items():  # type: ignore[attr-defined]
        found[info.json_schema_extra["role"]].add(name)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_here_name_every_field(kind: str) -> None:
    fields = roles(type(settings_of({"kind": kind, "model": "m"})))
    own = set(IDENTITY) - (set() if kind == "flux-kontext" else {"guidance"})
    assert fields == {"identity": own | APART, "runtime": set(RUNTIME)}


def test_the_tables_here_name_every_field_of_an_endpoint() -> None:
    fields = roles(EndpointEditor)
    assert fields == {"identity": {"kind", *REMOTE_IDENTITY}, "runtime": set(REMOTE_RUNTIME)}


@pytest.mark.parametrize("name", [*IDENTITY, *RUNTIME])
@pytest.mark.parametrize("kind", KINDS)
def test_exactly_what_can_change_pixels_is_identity(kind: str, name: str, weights: Path) -> None:
    base = {"kind": kind, "model": str(weights)}
    if name == "guidance" and kind != "flux-kontext":
        pytest.skip("not a field of this one")
    if name in FIXED.get(kind, ()):
        with pytest.raises(ValueError, match=name):
            settings_of({**base, name: IDENTITY[name]})
        return
    values = IDENTITY | RUNTIME | OTHER.get(kind, {})
    changed = identity_of({**base, name: values[name]})
    assert (changed != identity_of(base)) == (name in IDENTITY)


@pytest.mark.parametrize("name", [*REMOTE_IDENTITY, *REMOTE_RUNTIME])
def test_exactly_what_can_change_an_endpoints_pixels_is_identity(name: str) -> None:
    changed = identity_of({**REMOTE, name: (REMOTE_IDENTITY | REMOTE_RUNTIME)[name]})
    assert (changed != identity_of(REMOTE)) == (name in REMOTE_IDENTITY)


def test_kinds_and_names_are_told_apart(weights: Path) -> None:
    found = [dict(identity_of({"kind": kind, "model": str(weights)})) for kind in KINDS]
    assert len({str(each) for each in found}) == len(KINDS)
    settings = settings_of({"kind": KINDS[0], "model": str(weights)})
    # Two editors by other names may make the same edits; their ids must differ all the same.
    assert DiffusersEditor("a", settings).identity != DiffusersEditor("b", settings).identity
    assert all(each["name"] == "e" and each["version"] for each in found)


def test_an_adapter_counts_by_its_contents(weights: Path, tmp_path: Path) -> None:
    base = {"kind": KINDS[1], "model": str(weights)}
    ours = weights_in(tmp_path / "a", 1) / "transformer" / "model.safetensors"
    other = weights_in(tmp_path / "b", 2) / "transformer" / "model.safetensors"
    copied = shutil.copy(ours, tmp_path / "copied.safetensors")
    found = [
        identity_of({**base, "lora": lora})
        for lora in (
            {"path": str(ours)},
            {"path": str(copied)},
            {"path": str(other)},
            {"path": str(ours), "scale": 0.5},
            {"path": "org/lora", "revision": "r", "weight_name": "x.safetensors"},
        )
    ]
    assert found[0] == found[1]
    assert len({str(each) for each in [identity_of(base), *found]}) == 5


def version(folder: Path, revision: str = "") -> str:
    return weights_version("editors.e.model", str(folder), revision)


def test_a_folder_is_known_by_its_contents(tmp_path: Path) -> None:
    first = weights_in(tmp_path / "first")
    copied = Path(shutil.copytree(first, tmp_path / "copied"))
    os.utime(copied / "model_index.json", (0, 0))
    (copied / "README.md").write_text("another text")
    (copied / ".cache").mkdir()
    (copied / ".cache" / "x.json").write_text("{}")
    assert version(first) == version(copied)
    (copied / "model_index.json").write_text('{"a": 2}')
    assert version(first) != version(copied)
    assert version(first) != version(first, "since June")


@pytest.mark.parametrize("megabytes", [0.1, 8])
def test_replaced_weights_of_the_same_size_are_seen(tmp_path: Path, megabytes: float) -> None:
    one = weights_in(tmp_path / "one", 1, megabytes)
    two = weights_in(tmp_path / "two", 2, megabytes)
    assert version(one) != version(two)


def test_one_retrained_tensor_of_a_large_file_is_seen(tmp_path: Path) -> None:
    folder = weights_in(tmp_path / "one", 1, 8)
    before = version(folder)
    file = folder / "transformer" / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[3_000_000:3_100_000] = bytes(100_000)
    file.write_bytes(data)
    assert version(folder) != before


def test_a_new_and_a_moved_file_are_seen(tmp_path: Path) -> None:
    folder = weights_in(tmp_path / "one")
    seen = {version(folder)}
    (folder / "vae.json").write_text("{}")
    seen.add(version(folder))
    (folder / "vae.json").rename(folder / "vea.json")
    assert len({*seen, version(folder)}) == 3


@pytest.mark.parametrize(
    ("model", "revision", "told"),
    [
        ("org/model", "", "name a `revision`"),
        ("./nowhere", "", "there is no folder './nowhere'"),
        ("/nowhere/at/all", "r", "there is no folder"),
        ("model", "r", "nor is that a hub id"),
    ],
)
def test_what_is_no_model_is_told(model: str, revision: str, told: str) -> None:
    with pytest.raises(SettingsError, match=r"editors\.e\.model") as caught:
        weights_version("editors.e.model", model, revision)
    assert told in str(caught.value)


def test_weights_that_would_run_code_are_none(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(SettingsError, match=r"holds no \.safetensors file"):
        version(tmp_path)


def test_a_hub_id_is_known_by_its_revision() -> None:
    assert weights_version("e", "org/model", "abc") == "org/model@abc"


def test_an_editor_is_cheap_to_send(weights: Path) -> None:
    for values in ({"kind": KINDS[0], "model": str(weights)}, REMOTE):
        settings = settings_of(values)
        editor = (
            RemoteEditor("e", settings)
            if isinstance(settings, EndpointEditor)
            else DiffusersEditor("e", settings)
        )
        before = editor.identity
        sent = pickle.dumps(editor)
        assert len(sent) < 4000
        assert pickle.loads(sent).identity == before


HOME = """
[editors.local]
kind = "flux-kontext"
model = "models/flux"
lora = {path = "models/adapter.safetensors"}
[editors.hub]
kind = "qwen-image-edit"
model = "org/model"
revision = "r"
[editors.remote]
kind = "openai-images"
model = "models/flux"
base_url = "http://127.0.0.1:1/v1"
[vlms.local]
kind = "transformers"
model = "models/flux"
cache = "replies"
[vlms.remote]
kind = "openai"
model = "models/flux"
base_url = "http://127.0.0.1:1/v1"
cache = "/data/replies"
"""


def test_relative_folders_are_below_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    weights_in(home / "models" / "flux")
    (home / "models" / "adapter.safetensors").write_bytes(b"x")
    (home / "unicedit.toml").write_text(HOME)
    # What the working directory happens to hold is no model of the project's.
    weights_in(tmp_path / "elsewhere" / "org" / "model")
    monkeypatch.chdir(tmp_path / "elsewhere")
    settings = Settings.load(home)
    local, hub, remote = (settings.editors[name] for name in ("local", "hub", "remote"))
    assert isinstance(local, DiffusionEditor)
    assert isinstance(hub, DiffusionEditor)
    assert isinstance(remote, EndpointEditor)
    assert local.model == settings.vlms["local"].model == str(home / "models" / "flux")
    assert local.lora
    assert local.lora.path == str(home / "models" / "adapter.safetensors")
    assert hub.model == "org/model"
    assert DiffusersEditor("hub", hub).identity["version"] == "org/model@r"
    assert remote.model == settings.vlms["remote"].model == "models/flux"
    assert settings.vlms["local"].cache == str(home / "replies")
    assert settings.vlms["remote"].cache == "/data/replies"
    monkeypatch.chdir(home)
    assert Settings.load(Path()) == settings
