"""c_v's layer beside LoRA adapters in bfloat16: it learns, and what is saved is of one type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from qwen_verify.conftest import Tiny  # noqa: E402
from resources.qwen_verify import preparing, stages  # noqa: E402
from resources.qwen_verify.model import from_qwen  # noqa: E402
from unicedit_assets.settings.training import StageOfTraining, TrainingSettings  # noqa: E402

pytestmark = [pytest.mark.neural, pytest.mark.filterwarnings("ignore")]

SETTINGS = TrainingSettings(
    lora_rank=4,
    precision="bfloat16",
    max_pixels=3136,
    gradient_checkpointing=False,
    sft=StageOfTraining(batch=4, accumulate=1, epochs=0.3, learning_rate=1e-6),
)


def context_weight(model: Any) -> Any:
    named = dict(model.named_parameters())
    (found,) = [w for name, w in named.items() if "diff_proj.modules_to_save" in name]
    return found


def test_the_context_moves_by_steps_that_bfloat16_cannot_hold(
    tiny: Tiny, tiny_folder: Path
) -> None:
    model, collator = preparing.from_folder(str(tiny_folder), SETTINGS)
    assert model.get_base_model().lm_head.weight.dtype == torch.bfloat16
    weight = context_weight(model)
    assert weight.dtype == torch.float32
    with torch.no_grad():
        weight.fill_(0.02)
    before = weight.detach().clone()
    batch = collator.sft(tiny.examples[:2])
    loss = model(**batch).loss  # without autocast too
    loss.backward()
    torch.optim.AdamW([weight], lr=1e-6, weight_decay=0.0).step()
    moved = (weight - before).abs()
    assert 0 < moved.max() < 2e-6
    assert torch.equal(weight.to(torch.bfloat16), before.to(torch.bfloat16))  # what it was before


@pytest.mark.parametrize("rank", [4, 0])
def test_checkpoints_leave_a_frozen_vision_tower_alone_and_gradients_as_they_are(
    rank: int, tiny: Tiny, tiny_folder: Path
) -> None:
    chosen = SETTINGS.model_copy(update={"lora_rank": rank, "precision": "float32"})
    model, collator = preparing.from_folder(str(tiny_folder), chosen)
    model.train()
    seen: list[Any] = []
    visual = next(part for name, part in model.named_modules() if name.endswith("model.visual"))
    visual.register_forward_hook(lambda *called: seen.append(called[-1].pooler_output))
    learnt: list[dict[str, Any]] = []
    for checkpoints in (False, True):
        if checkpoints:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        model.zero_grad()
        model(**collator.sft(tiny.examples[:2])).loss.backward()
        grads = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        learnt.append(grads)
    assert not any(latents.requires_grad for latents in seen)
    without, with_them = learnt
    assert any(".layers.0." in name for name in without)
    assert not any("visual" in name for name in without)
    torch.testing.assert_close(without, with_them)


def test_what_is_saved_is_of_one_type_and_loads(
    tiny: Tiny, tiny_folder: Path, tmp_path: Path
) -> None:
    model, collator = preparing.from_folder(str(tiny_folder), SETTINGS)
    folder = stages.sft(model, collator, tiny.examples, SETTINGS, tmp_path / "sft", cpu=True)
    saved = load_file(folder / "model.safetensors")
    assert {weight.dtype for weight in saved.values()} == {torch.bfloat16}
    assert saved["model.diff_proj.weight"].any()
    again = from_qwen(folder, "add", dtype=torch.bfloat16)
    assert torch.isfinite(again(**collator.sft(tiny.examples[:2])).loss)


def test_a_base_with_another_way_of_the_context_is_refused(tiny_verify_folder: Path) -> None:
    other = SETTINGS.model_copy(update={"difference": "tokens"})
    with pytest.raises(ValueError, match="difference = add: set difference to add, not tokens"):
        preparing.from_folder(str(tiny_verify_folder), other)
