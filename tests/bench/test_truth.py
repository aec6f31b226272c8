"""Judge truth: the matrix tells a sound judge from a blind one; the embedded judge is sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from photographs import photograph
from PIL import Image

from unicedit_assets.bench.judges import RoleBenchJudge
from unicedit_assets.bench.truth import (
    FAULTS,
    OWN,
    POINT,
    Case,
    Drops,
    draw_cases,
    matrix,
    measure,
    rule_of,
)
from unicedit_assets.domain.roles import Scores
from unicedit_assets.evidence.judge import EmbeddedJudge


class Scripted:
    """Marks a picture by what its pixels say; blind, it gives everything the same."""

    def __init__(self, blind: bool = False) -> None:
        self._blind = blind

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"name": "scripted", "version": 1}

    def score(self, source: Any, edited: Any, prompt: str, points: Sequence[str]) -> Scores:
        marks = [9.0] * 4 if self._blind else [float(v) for v in edited[0, :4, 0]]
        if not self._blind and "wrong" in points:
            marks[3] -= 5
        return Scores(marks[0], marks[1], marks[2], marks[3] if points else None, {})


def case(fault: str, key: str, marks: Sequence[float]) -> Case:
    good, bad = np.full((2, 4, 3), 9, np.uint8), np.zeros((2, 4, 3), np.uint8)
    bad[0, :, 0] = marks
    points = ("right", "closing")
    other = ("wrong", "closing") if fault == POINT else points
    return Case(key, fault, "Relation Change", "do it", good, good, bad, points, other)


SOUND = {
    "no_edit": (0, 9, 9, 0),
    "misaligned": (1, 5, 9, 4),
    "degraded": (9, 9, 3, 9),
    "shifted": (9, 4, 9, 8),
    "collateral": (9, 3, 9, 7),
    POINT: (9, 9, 9, 9),
}


def cases() -> list[Case]:
    return [case(fault, f"p{n}", SOUND[fault]) for n in range(3) for fault in FAULTS]


def test_a_sound_judge_keeps_every_rule() -> None:
    cells = matrix(measure(RoleBenchJudge("scripted", Scripted(), 1, 10**6), cases()))
    assert len(cells) == 4 * len(FAULTS)
    assert all(cell.holds for cell in cells)
    drop = next(c.drop for c in cells if (c.fault, c.metric) == (POINT, "reasoning_accuracy"))
    assert drop is not None
    assert (drop.mean, drop.samples) == (5.0, 3)


def test_a_blind_judge_fails_for_every_own_fault() -> None:
    cells = matrix(measure(RoleBenchJudge("blind", Scripted(True), 1, 10**6), cases()))
    assert {cell.fault for cell in cells if cell.holds is False} == set(FAULTS)
    assert all(cell.rule == "own" for cell in cells if cell.holds is False)


def test_a_judge_that_mixes_metrics_up_is_told() -> None:
    mixed = [Drops(f"p{n}", "degraded", (6.0, 0.0, 6.0, 0.0)) for n in range(3)]
    cells = {(c.fault, c.metric): c for c in matrix(mixed)}
    assert cells["degraded", "visual_quality"].holds is True
    assert cells["degraded", "instruction_following"].holds is False
    assert cells["no_edit", "instruction_following"].holds is None


def test_every_fault_has_one_own_metric() -> None:
    assert set(OWN) == set(FAULTS)
    for fault in FAULTS:
        rules = [rule_of(fault, metric) for metric in {*OWN.values()}]
        assert rules.count("own") == 1


# One of each task that nearly every photograph allows.
FEW = (
    "Color Alteration",
    "Tone Transformation",
    "Subject Removal",
    "Background Change",
    "Relation Change",
    "Implicit Change Edits",
    "Compound Operation Edits",
)


@pytest.mark.slow
def test_each_metric_of_the_embedded_judge_reacts_to_its_own_fault_and_to_no_other(
    tmp_path: Path,
) -> None:
    for seed in range(4):
        Image.fromarray(photograph(seed, (1248, 832))).save(tmp_path / f"{seed}.png")
    judge = RoleBenchJudge("embedded", EmbeddedJudge(), 1, 1_100_000)
    cells = matrix(measure(judge, draw_cases(tmp_path, 2, 1, subtasks=FEW)))
    broken = [(cell.fault, cell.metric, cell.drop) for cell in cells if cell.holds is False]
    assert broken == []
    assert {cell.fault for cell in cells if cell.rule == "own" and cell.holds} == set(FAULTS)
