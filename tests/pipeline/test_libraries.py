"""Another version of a library that decides bytes makes stale what it decides, and only that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL
import pytest
import simplejpeg
from lakes import open_scripted
from PIL import features

from unicedit_assets.domain.identity import digest
from unicedit_assets.evidence.judge import EmbeddedJudge
from unicedit_assets.evidence.verifier import EvidenceVerifier
from unicedit_assets.pipeline.pending import PIPELINE
from unicedit_assets.pipeline.stage import Ref

SAMPLES = Ref("unicbench", "main")
EVERYTHING = set(PIPELINE)
UPGRADES = {
    "numpy": (np, "__version__", EVERYTHING),
    "OpenCV": (cv2, "__version__", EVERYTHING),
    "Pillow": (PIL, "__version__", EVERYTHING),
    "simplejpeg": (simplejpeg, "__version__", EVERYTHING),
}


def fingerprints(home: Path) -> dict[str, str]:
    """Return the fingerprint of one partition of every stage, computed anew."""
    project = open_scripted(home)
    refs = [project.refs(stage)[0] for stage in PIPELINE]
    return {ref.stage: project.spec(ref).fingerprint for ref in [*refs, SAMPLES]}


@pytest.mark.parametrize("library", UPGRADES)
def test_an_upgraded_decoder_makes_everything_stale(
    home: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    module, name, stale = UPGRADES[library]
    before = fingerprints(home)
    assert before == fingerprints(home)
    monkeypatch.setattr(module, name, "99.0")
    after = fingerprints(home)
    assert {stage for stage in before if before[stage] != after[stage]} == stale


def test_the_codecs_inside_pillow_count_as_well(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, version = fingerprints(home), features.version
    monkeypatch.setattr(
        features, "version", lambda name: "99" if name == "libjpeg_turbo" else version(name)
    )
    assert fingerprints(home)["raw_images"] != before["raw_images"]


def test_the_codec_of_the_lake_is_named_wherever_pictures_are_written(home: Path) -> None:
    project = open_scripted(home)
    for stage in ("raw_images", "edits", "unicbench", "unicbench_edits"):
        codec = project.spec(project.refs(stage)[0]).config["codec"]
        assert isinstance(codec, dict)
        assert (codec["pillow"], codec["webp"]) == (PIL.__version__, features.version("webp"))
    released = project.spec(project.refs("unicedit_10m")[0]).config["codec"]
    assert released == {"format": "PNG level 1", "opencv": cv2.__version__}


@pytest.mark.parametrize("make", [EvidenceVerifier, EmbeddedJudge])
@pytest.mark.parametrize("library", [cv2, np])
def test_the_verifier_and_the_judge_measure_with_opencv_and_numpy(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any], library: Any
) -> None:
    before = digest(make().identity)
    monkeypatch.setattr(library, "__version__", "99.0")
    assert digest(make().identity) != before
