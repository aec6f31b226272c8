"""Verifier versions: written once and whole, never changed, and every rotten byte is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lakes import s3_bucket, s3_server

from unicedit_assets.qwen_verify.versions import Version, VersionError, Versions
from unicedit_assets.storage.blobs import BlobStore, open_store
from unicedit_assets.storage.manifests import CorruptRecord


def weights(folder: Path, byte: bytes = b"w") -> Path:
    (folder / "sub").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(byte * 3000)
    (folder / "config.json").write_text('{"model_type": "tiny"}')
    (folder / "sub" / "tokenizer.json").write_text("{}")
    return folder


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobStore]:
    if request.param == "local":
        yield open_store(str(tmp_path / "lake"))
        return
    with s3_server() as endpoint, s3_bucket(endpoint) as url:
        yield open_store(f"{url}/lake")


def test_a_version_comes_back_as_it_was_added(store: BlobStore, tmp_path: Path) -> None:
    versions, told = Versions(store), []
    folder = weights(tmp_path / "w")
    added = versions.add("tiny-1", folder, "sft", {"seed": 1}, told.append)
    assert told == ["config.json", "model.safetensors", "sub/tokenizer.json"]
    assert versions.names() == ["tiny-1"]
    assert versions.find("tiny-1") == added
    versions.verify(added)
    back = versions.materialize(added, tmp_path / "cache")
    for name in added.files:
        assert (back / name).read_bytes() == (folder / name).read_bytes()
    assert versions.add("tiny-1", folder, "sft", {"seed": 1}) == added


@pytest.fixture
def local(tmp_path: Path) -> Versions:
    return Versions(open_store(str(tmp_path / "lake")))


def test_a_version_never_changes(local: Versions, tmp_path: Path) -> None:
    added = local.add("tiny-1", weights(tmp_path / "one"), "sft", {})
    with pytest.raises(VersionError, match="versions never change: choose another name"):
        local.add("tiny-1", weights(tmp_path / "two", b"x"), "sft", {})
    with pytest.raises(VersionError, match="holds something else"):
        local.add("tiny-1", tmp_path / "one", "sft", {"seed": 2})
    assert local.find("tiny-1") == added


def test_of_writers_at_once_one_wins_and_is_whole(local: Versions, tmp_path: Path) -> None:
    folders = [weights(tmp_path / str(n), bytes([65 + n])) for n in range(6)]

    def add(folder: Path) -> Version | None:
        try:
            return local.add("tiny-1", folder, "sft", {})
        except VersionError:
            return None

    with ThreadPoolExecutor(6) as pool:
        won = [version for version in pool.map(add, folders) if version]
    assert len(won) == 1
    local.verify(won[0])


def test_what_was_interrupted_is_no_version(local: Versions, tmp_path: Path) -> None:
    def stop(path: str) -> None:
        if path == "model.safetensors":
            raise KeyboardInterrupt

    folder = weights(tmp_path / "w")
    with pytest.raises(KeyboardInterrupt):
        local.add("tiny-1", folder, "sft", {}, stop)
    assert local.names() == []
    local.add("tiny-1", folder, "sft", {})
    assert local.names() == ["tiny-1"]


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a..b", "Big", "x" * 64, "a\n"])
def test_a_name_leads_nowhere_else(local: Versions, tmp_path: Path, name: str) -> None:
    folder = weights(tmp_path / "w")
    with pytest.raises(VersionError, match="a verifier version's name is"):
        local.add(name, folder, "sft", {})
    with pytest.raises(VersionError, match="a verifier version's name is"):
        local.add_evaluation(name, "f", {})
    assert local.find(name) is None
    with pytest.raises(VersionError, match="no registered verifier"):
        local.require(name)
    assert not (tmp_path / "lake").exists()


def test_only_weights_without_code_and_texts_can_be_added(local: Versions, tmp_path: Path) -> None:
    folder = weights(tmp_path / "w")
    for name in ("pytorch_model.bin", "model.pt", "run.py", "a b.json"):
        (folder / name).write_bytes(b"x")
        with pytest.raises(VersionError, match="cannot be part of a verifier version"):
            local.add("tiny-1", folder, "sft", {})
        (folder / name).unlink()
    (folder / "secret.json").symlink_to("/etc/hostname")
    with pytest.raises(VersionError, match="is a link"):
        local.add("tiny-1", folder, "sft", {})
    (folder / "secret.json").unlink()
    (folder / "model.safetensors").unlink()
    with pytest.raises(VersionError, match="at least one"):
        local.add("tiny-1", folder, "sft", {})
    with pytest.raises(VersionError, match="is not a folder"):
        local.add("tiny-1", tmp_path / "nowhere", "sft", {})
    assert local.names() == []


def rot(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_rotten_weight_file_is_never_used(local: Versions, tmp_path: Path) -> None:
    added = local.add("tiny-1", weights(tmp_path / "w"), "sft", {})
    cache = tmp_path / "cache"
    cached = local.materialize(added, cache) / "model.safetensors"
    rot(cached)
    assert local.materialize(added, cache) / "model.safetensors" == cached
    assert cached.read_bytes() == b"w" * 3000
    stored = tmp_path / "lake" / "verifiers" / "tiny-1" / added.content / "model.safetensors"
    rot(stored)
    with pytest.raises(VersionError, match=r"model.safetensors of verifier 'tiny-1' is damaged"):
        local.verify(added)
    cached.unlink()
    with pytest.raises(VersionError, match="is damaged in the store"):
        local.materialize(added, cache)
    assert not cached.exists()
    assert not list(cached.parent.glob(".fetch-*"))
    stored.unlink()
    with pytest.raises(VersionError, match="is missing from"):
        local.materialize(added, cache)


def test_a_record_that_was_moved_or_spoilt_is_told(local: Versions, tmp_path: Path) -> None:
    local.add("tiny-1", weights(tmp_path / "w"), "sft", {})
    record = tmp_path / "lake" / "verifiers" / "tiny-1" / "version.json"
    value = json.loads(record.read_text())
    record.write_text(json.dumps({**value, "name": "tiny-2"}))
    with pytest.raises(VersionError, match="it was moved or copied"):
        local.find("tiny-1")
    record.write_text("{")
    with pytest.raises(CorruptRecord):
        local.find("tiny-1")


def test_what_is_measured_is_kept_beside_a_version(local: Versions, tmp_path: Path) -> None:
    added = local.add("tiny-1", weights(tmp_path / "w"), "sft", {})
    local.add_evaluation("tiny-1", "f1", {"score": 7.5})
    local.add_evaluation("tiny-1", "f1", {"score": 9.9})
    assert local.evaluations("tiny-1") == {"f1": {"score": 7.5}}
    assert local.find("tiny-1") == added
    assert local.names() == ["tiny-1"]
