"""The clock of a stage and its curve."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")


from resources.qwen_verify import budget as module
from resources.qwen_verify.budget import Budget, Curve

pytestmark = pytest.mark.neural


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def state(step: int, most: int = 100) -> Any:
    return SimpleNamespace(global_step=step, max_steps=most, is_world_process_zero=True)


def control() -> Any:
    return SimpleNamespace(should_training_stop=False, should_save=False)


def test_the_rate_rises_by_a_line_and_falls_by_half_a_cosine(clock: Clock) -> None:
    budget = Budget(10)
    budget.on_train_begin(None, None, None)
    rates = []
    for minute in (0, 1, 2, 6, 10):
        clock.now = 1000 + 60 * minute
        budget.on_step_end(None, state(0), control())
        rates.append(budget.rate(warmup=0.2, floor=0.0))
    assert rates == pytest.approx([0.0, 0.5, 1.0, 0.5, 0.0])


def test_minutes_end_a_stage_with_a_checkpoint_and_travel_in_it(
    clock: Clock, tmp_path: Path
) -> None:
    budget, asked = Budget(1), control()
    budget.on_train_begin(None, None, None)
    clock.now += 59
    budget.on_step_end(None, state(3), asked)
    assert not asked.should_training_stop
    (tmp_path / "checkpoint-3").mkdir()
    budget.on_save(SimpleNamespace(output_dir=tmp_path), state(3), None)
    later = Budget(1)
    later.resume(tmp_path / "checkpoint-3")
    later.on_train_begin(None, None, None)
    assert later.elapsed == pytest.approx(59)
    clock.now += 1
    later.on_step_end(None, state(4), asked)
    assert asked.should_training_stop
    assert asked.should_save


def test_without_minutes_steps_say_how_far_it_is(clock: Clock) -> None:
    budget = Budget(0)
    clock.now += 1e6
    budget.on_step_end(None, state(25), control())
    assert budget.done == 0.25


def told(curve: Curve, step: int, loss: float) -> None:
    curve.on_log(None, state(step), None, logs={"loss": loss, "learning_rate": 0.1, "odd": 1})


def test_a_resumed_stage_writes_its_rows_again_and_leaves_the_other_stages(
    clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "curve.csv"
    told(Curve(path, "sft", Budget(1)), 10, 3.0)
    first = Curve(path, "d2po", Budget(1))
    for step in (10, 20, 30):
        told(first, step, step / 10)
    again = Curve(path, "d2po", Budget(1))
    again.on_train_begin(None, state(20), None)
    told(again, 30, 9.0)
    again.on_train_end(None, state(30), None)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    kept = [(row["stage"], int(row["step"]), float(row["loss"])) for row in rows]
    assert kept == [("sft", 10, 3.0), ("d2po", 10, 1.0), ("d2po", 20, 2.0), ("d2po", 30, 9.0)]
