"""A benchmark that somebody gives: read as it is, known by its contents, kept out of releases."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from backends import photograph, write_photographs
from lakes import open_scripted, prepared, reopened, run_all
from PIL import Image

from unicedit_assets.bench.errors import BenchError
from unicedit_assets.domain import codec
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.release import benchmark_images, near_references
from unicedit_assets.pipeline.stage import Ref

SAMPLES = Ref("unicbench", "main")


def entry(key: str, **changes: Any) -> dict[str, Any]:
    return {
        "key": key,
        "task": "Attribute Editing",
        "subtask": "Color Alteration",
        "en": "left red",
        "cn": "左 红",
        "image_path": f"images/{key}.png",
        "resolution": [300, 200],
        **changes,
    }


def write_list(folder: Path, entries: list[Mapping[str, Any]], sizes: tuple[int, int]) -> Path:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for seed, each in enumerate(entries, 70):
        pixels = cv2.resize(photograph(seed), sizes, interpolation=cv2.INTER_AREA)
        Image.fromarray(pixels).save(folder / "images" / f"{each['key']}.png")
    path = folder / "list.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in entries), "utf-8")
    return path


def opened(home: Path, path: Path, **more: Any) -> Project:
    changes = {"unicbench": {"list": str(path), **more}}
    return prepared(open_scripted(home, changes), write_photographs(home / "photographs", range(3)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    points = {"task": "Reasoning Editing", "subtask": "Relation Change"}
    entries = [
        entry("plain"),
        entry("reasoned", **points, reasoning_points=["the boat is gone"]),
    ]
    return write_list(tmp_path / "official", entries, (640, 300))


def test_the_list_is_taken_as_it_is_edited_and_scored(tmp_path: Path, path: Path) -> None:
    project = opened(tmp_path / "home", path)
    run_all(project, ["unicbench", "unicbench_edits", "unicbench_scores"])
    rows = project.ledger.read(project.require(SAMPLES), "rows").to_pylist()
    assert [(row["key"], row["width"], row["height"]) for row in rows] == [
        ("plain", 640, 300),
        ("reasoned", 640, 300),
    ]
    assert rows[1]["reasoning_points"] == rows[1]["reasoning_points_cn"] == ["the boat is gone"]
    pixels = codec.decode(rows[0]["image"])
    with Image.open(path.parent / "images" / "plain.png") as image:
        assert pixels.tolist() == np.array(image.convert("RGB")).tolist()
    scored = project.require(Ref("unicbench_scores", "classical/cn"))
    assert scored.counts.inputs == 2


def test_its_identity_is_its_contents_and_not_its_place(tmp_path: Path, path: Path) -> None:
    project = opened(tmp_path / "home", path)
    before = project.spec(SAMPLES).fingerprint
    moved = tmp_path / "elsewhere"
    shutil.copytree(path.parent, moved)
    elsewhere = reopened(project, {"unicbench": {"list": str(moved / "list.jsonl")}})
    assert elsewhere.spec(SAMPLES).fingerprint == before
    Image.fromarray(photograph(9)).save(moved / "images" / "plain.png")
    assert reopened(elsewhere).spec(SAMPLES).fingerprint != before
    (moved / "images" / "plain.png").unlink()
    assert reopened(elsewhere).spec(SAMPLES).fingerprint != before


def test_pictures_may_lie_in_another_folder(tmp_path: Path, path: Path) -> None:
    project = opened(tmp_path / "home", path)
    before = project.spec(SAMPLES).fingerprint
    shutil.move(path.parent / "images", tmp_path / "pictures" / "images")
    there = reopened(project, {"unicbench": {"sources": str(tmp_path / "pictures")}})
    assert there.spec(SAMPLES).fingerprint == before


@pytest.mark.parametrize("kind", ["gone", "broken"])
def test_a_picture_that_is_no_picture_is_a_reject_with_its_key(
    tmp_path: Path, path: Path, kind: str
) -> None:
    picture = path.parent / "images" / "plain.png"
    if kind == "gone":
        picture.unlink()
    else:
        picture.write_bytes(picture.read_bytes()[:200])
    project = opened(tmp_path / "home", path)
    manifest = project.run(SAMPLES).manifest
    assert manifest.counts.accepted == 1
    (reject,) = project.ledger.read(manifest, "rejects").to_pylist()
    reason = "unreadable" if kind == "gone" else "undecodable"
    assert (reject["unit_id"], reject["reason"]) == ("plain", reason)


@pytest.mark.parametrize(
    "change", [{"cn": ""}, {"subtask": "Colour Change"}, {"image_path": "../../secret.png"}]
)
def test_a_list_that_breaks_a_rule_is_refused_with_the_key(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    path = write_list(tmp_path / "official", [entry("plain", **change)], (64, 64))
    project = opened(tmp_path / "home", path)
    with pytest.raises(BenchError, match=r"plain|secret"):
        project.spec(SAMPLES)


def test_a_training_photograph_that_was_cropped_is_still_known(tmp_path: Path) -> None:
    """Taken in, a listed picture loses its margins; its hash as a photograph must count too."""
    path = write_list(tmp_path / "official", [entry("plain")], (1450, 1150))
    project = opened(tmp_path / "home", path)
    project.run(SAMPLES)
    (row,) = project.ledger.read(project.require(SAMPLES), "rows").to_pylist()
    assert row["cropped_phash"] not in (None, row["phash"])
    known = benchmark_images(project)
    assert set(known.phashes) == {row["phash"], row["cropped_phash"]}
    assert near_references([row["cropped_phash"]], known.phashes, 0) != [None]
