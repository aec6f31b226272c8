"""The closing table: means over what was scored, repeats averaged first, nothing lost a zero."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from bench_world import make_world

from unicedit_assets.bench.layout import Expected
from unicedit_assets.bench.summary import ALL, TaskLine, task_lines

IF, NC, VQ, RA = (
    "instruction_following",
    "non_edit_consistency",
    "visual_quality",
    "reasoning_accuracy",
)


def record(sample: Any, metric: str, score: float | None, repeat: int = 0) -> dict[str, Any]:
    return {
        **{"judge": "j", "language": "en", "task": sample.task, "subtask": sample.subtask},
        **{"key": sample.key, "metric": metric, "repeat": repeat, "score": score},
    }


@pytest.fixture
def samples(tmp_path: Path) -> Any:
    return make_world(
        tmp_path, 3, (16, 16), subtasks=["Lens Zooming", "Relation Change"]
    ).samples.samples


def lines_of(samples: Any, rows: list[Any]) -> dict[str, TaskLine]:
    outputs = [Expected(sample, "en", None) for sample in samples]
    return {line.task: line for line in task_lines(outputs, rows, ["j"])}


def test_overall_is_the_mean_of_geometric_means_and_repeats_count_once(samples: Any) -> None:
    scene, reasoning, other = samples
    rows = [
        *(record(scene, IF, score, repeat) for repeat, score in enumerate((2.0, 6.0))),
        *(record(scene, metric, 4.0) for metric in (NC, VQ)),
        *(record(reasoning, metric, 9.0) for metric in (IF, NC, VQ)),
        record(reasoning, RA, 0.0),
        *(record(other, metric, 1.0) for metric in (IF, NC, VQ)),
    ]
    lines = lines_of(samples, rows)
    assert lines["Scene Editing"].means["overall"] == pytest.approx((4.0 + 1.0) / 2)
    assert lines["Reasoning Editing"].means["overall"] == 0.0
    assert lines[ALL].means["overall"] == pytest.approx((4.0 + 0.0 + 1.0) / 3)
    assert lines[ALL].means[IF] == pytest.approx((4 + 9 + 1) / 3)
    assert lines[ALL].means[RA] == 0.0
    assert (lines[ALL].scored, lines[ALL].expected) == (3, 3)


def test_a_lost_metric_takes_no_other_with_it_and_is_no_zero(samples: Any) -> None:
    scene, *_ = samples
    rows = [record(scene, IF, None), record(scene, NC, 8.0), record(scene, VQ, 6.0)]
    lines = lines_of(samples, rows)
    assert lines["Scene Editing"].means == {IF: None, NC: 8.0, VQ: 6.0, RA: None, "overall": None}
    assert (lines["Scene Editing"].scored, lines["Scene Editing"].expected) == (0, 2)
    assert lines["Reasoning Editing"].scored == 0
    assert all(mean is None or not math.isnan(mean) for mean in lines[ALL].means.values())


def test_a_judge_without_a_single_reply_still_has_its_lines(samples: Any) -> None:
    assert {line.scored for line in lines_of(samples, []).values()} == {0}
