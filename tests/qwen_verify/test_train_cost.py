"""What `benchmarks/train_cost.py` computes, against models that were really trained."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from qwen_verify.conftest import make_tiny  # noqa: E402
from resources.qwen_verify import preparing, stages  # noqa: E402
from resources.qwen_verify.trainers import SftTrainer  # noqa: E402
from unicedit_assets.settings.training import StageOfTraining, TrainingSettings  # noqa: E402

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


def test_the_layers_keep_only_their_inputs(
    train_cost: ModuleType, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Count what autograd saved between the layers, and hold the formula to it."""
    settings = TrainingSettings(lora_rank=0, precision="float32", max_pixels=3136)
    model, collator = preparing.from_folder(str(tiny_folder), settings)
    model.gradient_checkpointing_enable({"use_reentrant": False})
    model.train()
    text, vision = model.config.text_config, model.config.vision_config
    batch = collator.sft(make_tiny().examples[:4])
    tokens, patches = batch["input_ids"].numel(), len(batch["pixel_values"])
    kept: dict[int, int] = {}
    widths = {text.hidden_size: tokens, vision.hidden_size: patches}

    def keep(tensor: Any) -> Any:
        if tensor.dim() > 1 and widths.get(tensor.shape[-1]) == tensor.shape[:-1].numel():
            kept[tensor.untyped_storage().data_ptr()] = size([tensor])
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(**{k: v for k, v in batch.items() if k != "labels"}, use_cache=False)
    computed = train_cost.stored(text.num_hidden_layers, tokens, text.hidden_size, 4)
    computed += train_cost.stored(vision.depth, patches, vision.hidden_size, 4)
    print(sum(kept.values()), computed, text.hidden_size, vision.hidden_size, tokens, patches, len(kept))
