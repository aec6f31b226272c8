"""How far a stage of training is, by the clock and by steps; what it learned so far, as a curve."""

from __future__ import annotations

import csv
import json
import math
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import broadcast
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from transformers import TrainerCallback

from resources.qwen_verify.durable import make_durable

_EVERY = 30.0  # seconds between lines where there is no terminal


class Budget(TrainerCallback):
    """Ends a stage after its minutes; knows the share that is done, which the rate follows.

    Where several processes train, the first one's clock counts for all: they end at one step and
    learn at one rate. The seconds travel in each checkpoint, so a stage that was cut off has what
    it had left. They are written last: a checkpoint that has them is whole.

    Attributes:
        elapsed: seconds of training until the last step, earlier calls included.
    """

    FILE = "budget.json"

    def __init__(self, minutes: float) -> None:
        self._seconds = minutes * 60
        self._before, self._started = 0.0, time.monotonic()
        self.elapsed = 0.0
        self._steps = 0.0

    @property
    def done(self) -> float:
        """Share of the stage that is done, 0 to 1."""
        by_clock = self.elapsed / self._seconds if self._seconds else 0.0
        return min(1.0, max(by_clock, self._steps))

    def resume(self, checkpoint: Path) -> None:
        """Go on from what a checkpoint says."""
        self._before = float(json.loads((checkpoint / self.FILE).read_text())["seconds"])
        self.elapsed = self._before

    def rate(self, warmup: float, floor: float = 0.02) -> float:
        """Return the factor of the learning rate: up by a line, down by half a cosine."""
        if self.done < warmup:
            return max(floor, self.done / warmup)
        share = (self.done - warmup) / (1 - warmup)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * share))

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._started = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._steps = state.global_step / max(1, state.max_steps)
        self.elapsed = _of_the_first(self._before + time.monotonic() - self._started)
        if self._seconds and self.elapsed >= self._seconds:
            control.should_training_stop = True
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if _several():
            PartialState().wait_for_everyone()
        if not state.is_world_process_zero:
            return
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        make_durable(folder)
        part = folder / f"{self.FILE}.part"
        part.write_text(json.dumps({"seconds": self.elapsed}))
        part.replace(folder / self.FILE)


def _of_the_first(seconds: float) -> float:
    """Return what the first of several processes says; all of them must ask."""
    if not _several():
        return seconds
    told = torch.tensor(seconds, dtype=torch.float64, device=PartialState().device)
    return float(broadcast(told))


def _several() -> bool:
    return bool(torch.distributed.is_available() and torch.distributed.is_initialized())


def last_checkpoint(out: Path) -> Path | None:
    """Return the newest whole checkpoint, or None; later ones, cut off while saved, are removed."""
    found = [path for path in out.glob("checkpoint-*") if path.name.split("-")[1].isdigit()]
    for path in sorted(found, key=lambda path: int(path.name.split("-")[1]), reverse=True):
        if (path / Budget.FILE).is_file():
            return path
        shutil.rmtree(path, ignore_errors=True)
    return None


class Curve(TrainerCallback):
    """Writes what is logged to a CSV file, and shows how far the stage is and when it ends.

    Of several processes, the first one does.
    """

    COLUMNS = ("stage", "step", "seconds", "loss", "learning_rate", "margin", "preferred")

    def __init__(self, path: Path, stage: str, budget: Budget) -> None:
        self._path, self._stage, self._budget = path, stage, budget
        self._told = 0.0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(stage, total=1.0)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if not state.is_world_process_zero:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._drop_after(state.global_step)
        self._bar.start()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._bar.update(self._task, completed=self._budget.done)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any
    ) -> None:
        if not state.is_world_process_zero or not logs or "loss" not in logs:
            return
        row = {"stage": self._stage, "step": state.global_step, **logs}
        row["seconds"] = round(self._budget.elapsed, 1)
        new = not self._path.exists()
        with self._path.open("a", newline="") as out:
            writer = csv.DictWriter(out, self.COLUMNS, extrasaction="ignore")
            if new:
                writer.writeheader()
            writer.writerow(row)
        self._tell(row)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._bar.update(self._task, completed=1.0)
        self._bar.stop()

    def _tell(self, row: Mapping[str, Any]) -> None:
        loss = f"{self._stage}: step {row['step']}, loss {float(row['loss']):.3f}"
        self._bar.update(self._task, description=loss)
        now = time.monotonic()
        if self._bar.disable and now - self._told >= _EVERY:
            self._told = now
            done, spent = self._budget.done, self._budget.elapsed
            left = spent * (1 - done) / done if done else math.inf
            print(
                f"{loss}, {done:.0%}, about {left / 60:.0f} min left", file=sys.stderr, flush=True
            )

    def _drop_after(self, step: int) -> None:
        """Forget this stage's rows that a resumed run writes again."""
        if not self._path.exists():
            return
        with self._path.open(newline="") as file:
            rows = [
                row
                for row in csv.DictReader(file)
                if row["stage"] != self._stage or int(row["step"]) <= step
            ]
        with self._path.open("w", newline="") as out:
            writer = csv.DictWriter(out, self.COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
