"""What `benchmarks/train_cost.py` computes, against models that were really trained."""

from __future__ import annotations

import copy
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from qwen_verify.conftest import make_tiny  # noqa: E402
from resources.qwen_verify import preparing, stages  # noqa: E402
from resources.qwen_verify.budget import Budget  # noqa: E402
from resources.qwen_verify.trainers import (  # noqa: E402
    PreferenceTrainer,
    SftTrainer,
    arguments,
)
from unicedit_assets.settings.training import (  # noqa: E402
    PreferenceStage,
    StageOfTraining,
    TrainingSettings,
)

pytestmark = [pytest.mark.neural, pytest.mark.filterwarnings("ignore")]
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "train_cost.py"


@pytest.fixture(scope="module")
def train_cost() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_cost", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["train_cost"] = module
    spec.loader.exec_module(module)
    return module


def trained(
    monkeypatch: pytest.MonkeyPatch, out: Path, model: Any, collator: Any, **how: Any
) -> Any:
    """Train a few steps, and leave the gradients of one more; return the trainer."""
    stage = StageOfTraining(batch=4, accumulate=1, epochs=0.5)
    settings = TrainingSettings(sft=stage, **how)
    kept: list[SftTrainer] = []
    monkeypatch.setattr(stages, "_run", lambda trainer, *_: kept.append(trainer))
    examples = make_tiny().examples
    stages.sft(model, collator, examples, settings, out / "sft", cpu=True)
    (trainer,) = kept
    trainer.train()
    trainer.compute_loss(model, collator.sft(examples[:4])).backward()
    return trainer


def size(tensors: Any) -> int:
    return sum(one.numel() * one.element_size() for one in tensors)


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
@pytest.mark.parametrize(("rank", "vision"), [(4, False), (0, False), (0, True)])
def test_weights_gradients_and_moments_are_those_of_a_trained_model(
    train_cost: ModuleType,
    tiny_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rank: int,
    vision: bool,
    precision: Any,
) -> None:
    how = {"lora_rank": rank, "precision": precision, "train_vision": vision, "max_pixels": 3136}
    settings = TrainingSettings(**how)
    model, collator = preparing.from_folder(str(tiny_folder), settings)
    trainer = trained(monkeypatch, tmp_path, model, collator, **how)
    config = getattr(model, "base_model", model).config
    held = train_cost.held_of(train_cost.model_of(config, settings))
    assert held.weights == size(trainer.model.parameters())
    gradients = [p.grad for p in trainer.model.parameters() if p.grad is not None]
    assert held.gradients == size(gradients)
    states = [t for state in trainer.optimizer.state.values() for t in state.values()]
    assert held.optimizer == size(states)
    assert held.gradients > 0


@pytest.mark.parametrize("preference", [False, True])
@pytest.mark.parametrize("rank", [0, 1])
def test_flops_are_those_that_torch_counts(
    train_cost: ModuleType, tiny_folder: Path, tmp_path: Path, rank: int, preference: bool
) -> None:
    settings = TrainingSettings(
        lora_rank=rank,
        precision="float32",
        max_pixels=3136,
        sft=StageOfTraining(batch=4),
        preference=PreferenceStage(batch=4),
    )
    model, collator = preparing.from_folder(str(tiny_folder), settings)
    model.gradient_checkpointing_enable({"use_reentrant": False})
    model.set_attn_implementation("eager")
    model.train()
    examples = make_tiny().examples[:4]
    stage = settings.preference if preference else settings.sft
    how: dict[str, Any] = {
        "model": model,
        "args": arguments(settings, stage, tmp_path, cpu=True),
        "train_dataset": examples,
        "budget": Budget(0),
        "warmup": 0.0,
    }
    if preference:
        reference = None if rank else copy.deepcopy(model)
        trainer: Any = PreferenceTrainer(**how, stage=stage, reference=reference)
    else:
        trainer = SftTrainer(**how)
    batch = (collator.preference if preference else collator.sft)(examples)
    with FlopCounterMode(display=False) as counted:
        trainer.compute_loss(model, batch).backward()
    config = getattr(model, "base_model", model).config
    cost = train_cost.Cost(config, train_cost.Plan(settings), lengths_of(train_cost, batch))
    assert 4 * cost.flops(preference) == pytest.approx(counted.get_total_flops(), rel=0.06)


def lengths_of(train_cost: ModuleType, batch: dict[str, Any]) -> Any:
    """Return the lengths of a batch's rows, padding included."""
    whole = batch["labels"].shape[1]
    pictures = int(batch["mm_token_type_ids"][0].sum())
    reply = whole - int((batch["labels"] != -100).int().argmax(-1).min())
    return train_cost.Lengths(pictures, whole - pictures - reply, reply)
