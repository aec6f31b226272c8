"""A model's folder is there whole, or not at all; and so is what a stage goes on from."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")

from resources.qwen_verify import in_pipeline
from resources.qwen_verify.budget import Budget, last_checkpoint
from resources.qwen_verify.sizes import save_model
from unicedit_assets.qwen_verify.training import Method, TrainingJob
from unicedit_assets.settings.training import TrainingSettings

pytestmark = pytest.mark.neural


class Processor:
    tokenizer = SimpleNamespace(eos_token_id=1, pad_token_id=0)

    def save_pretrained(self, folder: Path) -> None:
        (folder / "tokenizer.json").write_text("{}")


class Model:
    """Saves its configuration before its weights, as transformers does."""

    def __init__(self, dies: bool = False) -> None:
        self.generation_config = SimpleNamespace()
        self.dies = dies

    def save_pretrained(self, folder: Path, state_dict: Any) -> None:
        (folder / "config.json").write_text("{}")
        weights = folder / f"model{'-old' if self.dies else ''}.safetensors"
        weights.write_bytes(b"half" if self.dies else b"whole")
        if self.dies:
            raise KeyboardInterrupt


def test_a_kill_while_a_model_is_saved_leaves_no_folder_that_counts(tmp_path: Path) -> None:
    folder = tmp_path / "sft" / "model"
    with pytest.raises(KeyboardInterrupt):
        save_model(Model(dies=True), Processor(), folder)
    assert not folder.exists()
    for _ in range(2):  # over what the kill left, and over itself
        save_model(Model(), Processor(), folder)
        names = {path.name for path in folder.iterdir()}
        assert names == {"tokenizer.json", "config.json", "model.safetensors"}
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_stage_is_finished_when_its_folder_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[Path] = []

    def stage(job: TrainingJob, settings: TrainingSettings) -> Path:
        trained.append(save_model(Model(), Processor(), job.work / "sft" / "model"))
        return trained[-1]

    monkeypatch.setattr(in_pipeline, "_stage", stage)
    settings = TrainingSettings().model_dump(mode="json")
    job = TrainingJob(Method.SFT, "small", [], settings, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        save_model(Model(dies=True), Processor(), tmp_path / "sft" / "model")
    for _ in range(2):
        assert in_pipeline.QwenVerifyTrainer().train(job).folder == tmp_path / "sft" / "model"
    assert len(trained) == 1


def checkpoint(out: Path, step: int, whole: bool = True) -> Path:
    folder = out / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"w" if whole else b"")
    if whole:
        state = SimpleNamespace(global_step=step, is_world_process_zero=True)
        Budget(1).on_save(SimpleNamespace(output_dir=out), state, None)
    return folder


def test_a_checkpoint_that_was_cut_off_is_dropped_for_the_one_before(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path / "nowhere") is None
    checkpoint(tmp_path, 20)
    whole, half = checkpoint(tmp_path, 100), checkpoint(tmp_path, 120, whole=False)
    (tmp_path / "checkpoint-odd").mkdir()
    assert last_checkpoint(tmp_path) == whole
    assert not half.exists()
    Budget(1).resume(whole)
    only = tmp_path / "other"
    checkpoint(only, 5, whole=False)
    assert last_checkpoint(only) is None


def test_of_many_processes_one_says_that_a_checkpoint_is_whole(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, 7, whole=False)
    state = SimpleNamespace(global_step=7, is_world_process_zero=False)
    Budget(1).on_save(SimpleNamespace(output_dir=tmp_path), state, None)
    assert not (folder / Budget.FILE).exists()
