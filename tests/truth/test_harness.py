"""The harness itself: seeded draws, and a verdict that no hidden truth can change."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import pytest

from tests.photographs import photograph
from unicedit_assets.evidence.verifier import EvidenceVerifier
from unicedit_assets.truth.__main__ import main
from unicedit_assets.truth.runner import judged, plan_for, run_group
from unicedit_assets.truth.sampling import Bench, draw_samples, photographs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three procedural photographs."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(3):
        image = photograph(seed, (1200, 800))
        cv2.imwrite(str(folder / f"{seed}.png"), image[..., ::-1])
    return folder


def test_a_folder_without_photographs_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(FileNotFoundError, match="no photographs"):
        plan_for(tmp_path, 1, 10, "evidence-1", 1)


def test_the_order_of_photographs_does_not_depend_on_the_folder_listing(folder: Path) -> None:
    assert [path.name for path in photographs(folder)] == ["0.png", "1.png", "2.png"]


@pytest.mark.slow
def test_the_seed_decides_every_draw(folder: Path) -> None:
    photos = photographs(folder)
    first, again, other = (
        list(draw_samples(photos, seed, 0, 3, Bench.standard())) for seed in (1, 1, 2)
    )
    assert [sample.en for sample in first] == [sample.en for sample in again]
    assert all((a.edited == b.edited).all() for a, b in zip(first, again, strict=True))
    assert [s.source.tobytes() for s in first] != [s.source.tobytes() for s in other]


@pytest.mark.slow
def test_hidden_truth_cannot_change_a_verdict(folder: Path) -> None:
    verifier = EvidenceVerifier()
    for sample in draw_samples(photographs(folder), 3, 1, 4, Bench.standard()):
        lied = dataclasses.replace(sample, fault="shifted", operation="tone", detail={"a": 1})
        honest, fooled = judged(verifier, sample, 0), judged(verifier, lied, 0)
        assert (honest.reason, honest.named, honest.confidence) == (
            fooled.reason,
            fooled.named,
            fooled.confidence,
        )


@pytest.mark.slow
def test_a_run_writes_its_figures_and_ends_with_their_path(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "truth.json"
    arguments = ["--photos", str(folder), "--seed", "5", "--edits", "6", "--out", str(out)]
    assert main([*arguments, "--workers", "1", "--no-bars"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out)
    document = json.loads(out.read_text(encoding="utf-8"))
    assert document["report"]["edits"] == 6
    assert {bar["name"] for bar in document["bars"]} >= {"no_edit recall", "misaligned F1"}


@pytest.mark.slow
def test_one_group_gives_the_same_outcomes_twice(folder: Path) -> None:
    plan = plan_for(folder, 9, 8, "evidence-1", 1)
    runs = [
        [dataclasses.replace(outcome, seconds=0.0) for outcome in run_group(plan, 0)]
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert runs[0]
