"""Training on several GPUs: a folder is of one base, one choice of settings, one set of rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resources.qwen_verify import multi_gpu
from unicedit_assets.qwen_verify.training import Trained, TrainingError, TrainingJob
from unicedit_assets.settings.training import StageOfTraining, TrainingSettings


class Trainer:
    """Tells its base by name; trains nothing."""

    jobs: list[TrainingJob]

    def base_identity(self, base: str) -> dict[str, Any]:
        return {"base": base}

    def train(self, job: TrainingJob) -> Trained:
        self.jobs.append(job)
        return Trained(job.work / job.method.value / "model", ())


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[TrainingJob]:
    monkeypatch.setattr(Trainer, "jobs", [], raising=False)
    monkeypatch.setattr(multi_gpu, "QwenVerifyTrainer", Trainer)
    monkeypatch.setattr(multi_gpu, "training_rows", lambda source, folder: [])
    return Trainer.jobs


def rows(path: Path, text: str) -> Path:
    pq.write_table(pa.table({"key": [text]}), path, compression="none")
    return path


def test_a_folder_is_of_one_training(jobs: list[TrainingJob], tmp_path: Path) -> None:
    source, out = rows(tmp_path / "a.parquet", "one"), tmp_path / "out"
    settings = TrainingSettings()
    first = multi_gpu.train("/base", source, source, out, settings)
    saved_more_often = settings.model_copy(update={"sft": StageOfTraining(save_steps=7)})
    assert multi_gpu.train("/base", source, source, out, saved_more_often) == first
    assert len(jobs) == 4
    moved = tmp_path / "elsewhere" / "a.parquet"
    moved.parent.mkdir()
    moved.write_bytes(source.read_bytes())
    assert multi_gpu.train("/base", moved, moved, out, settings) == first
    same_size = tmp_path / "other" / "a.parquet"
    same_size.parent.mkdir()
    others = [
        ("/other", source, settings),
        ("/base", source, TrainingSettings(seed=1)),
        ("/base", rows(tmp_path / "b.parquet", "one"), settings),
        ("/base", rows(same_size, "two"), settings),
    ]
    for base, chosen, how in others:
        with pytest.raises(TrainingError, match=r"holds a training with another base.* --out"):
            multi_gpu.train(base, chosen, chosen, out, how)
    assert same_size.stat().st_size == source.stat().st_size
    assert len(jobs) == 6


def test_a_folder_of_unknown_origin_is_refused(jobs: list[TrainingJob], tmp_path: Path) -> None:
    source, out = rows(tmp_path / "a.parquet", "one"), tmp_path / "out"
    (out / "sft" / "model").mkdir(parents=True)
    with pytest.raises(TrainingError, match="holds a training with another base"):
        multi_gpu.train("/base", source, source, out, TrainingSettings())
    # Another process of the same launch may be about to write its note.
    second = tmp_path / "second"
    second.mkdir()
    (second / "made-from.json.1.part").write_text("{")
    multi_gpu.train("/base", source, source, second, TrainingSettings())
    assert json.loads((second / "made-from.json").read_text())["made_from"]


def test_a_contradiction_is_told_before_anything_is_trained(
    jobs: list[TrainingJob], tmp_path: Path
) -> None:
    source = rows(tmp_path / "a.parquet", "one")
    with pytest.raises(TrainingError, match="d2po conditions on the difference context"):
        multi_gpu.train(
            "/base", source, source, tmp_path / "out", TrainingSettings(difference="none")
        )
    assert not jobs
