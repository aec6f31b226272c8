"""Training of any Qwen2.5-VL on Parquet sets, by LoRA or all weights, on one GPU or several.

    python -m resources.qwen_verify.full BASE --sft SFT --preference PREFERENCE --out OUT
    accelerate launch --config_file deploy/accelerate-fsdp.yaml -m resources.qwen_verify.full ...

LoRA runs on several GPUs as copies of the model (``accelerate launch``); FSDP shards the model and
is for training all weights. The settings come from a TOML file; see
``unicedit_assets.settings.training``.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoProcessor

from resources.qwen_verify import stages
from resources.qwen_verify.collating import Collator
from resources.qwen_verify.config import NONE
from resources.qwen_verify.model import from_qwen
from resources.qwen_verify.rows import ParquetExamples
from unicedit_assets.settings.training import TrainingSettings

# What LoRA adapts: attention and feed-forward of the language model; of the vision tower if asked.
_TEXT = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
_VISION = r".*visual\.blocks.*\.(qkv|proj|gate_proj|up_proj|down_proj)"


def train(
    base: str | Path,
    sft_rows: Path,
    preference_rows: Path,
    out: Path,
    settings: TrainingSettings,
    cpu: bool = False,
) -> Path:
    """Train both stages from a pretrained Qwen2.5-VL; return the folder of the weights.

    A stage that is finished is taken as it is, one that was cut off is gone on with.
    """
    supervised = out / "sft" / "model"
    if not _is_done(supervised):
        examples = ParquetExamples(sft_rows, out / "sft.arrow")
        model, collator = prepared(base, settings)
        stages.sft(model, collator, examples, settings, out / "sft", cpu)
    final = out / ("d2po" if settings.preference.context else "dpo")
    if not _is_done(final / "model"):
        examples = ParquetExamples(preference_rows, out / "preference.arrow")
        model, collator = prepared(supervised, settings)
        stages.preference(model, collator, examples, settings, final, cpu)
    return final / "model"


def prepared(base: str | Path, settings: TrainingSettings) -> tuple[Any, Collator]:
    """Return a model ready to train, what is frozen frozen, and its collator."""
    dtype = torch.bfloat16 if settings.lora_rank and settings.precision == "bfloat16" else None
    model = from_qwen(base, settings.difference, dtype=dtype or torch.float32)
    processor = AutoProcessor.from_pretrained(base, trust_remote_code=False)
    layout = replace(model.config.layout, max_pixels=settings.max_pixels)
    # The whole stack must come through unresized, here and where it is served.
    size = {"shortest_edge": 28 * 28, "longest_edge": layout.panels * settings.max_pixels}
    processor.image_processor.size = size
    return adapted(model, settings), Collator(processor, layout)


def adapted(model: Any, settings: TrainingSettings) -> Any:
    """Freeze what does not learn; with a LoRA rank, add adapters. c_v's layer always learns."""
    if not settings.lora_rank:
        model.model.visual.requires_grad_(settings.train_vision)
        return model
    from peft import LoraConfig, get_peft_model

    model.enable_input_require_grads()
    targets = f"({_TEXT})|({_VISION})" if settings.train_vision else _TEXT
    chosen = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=2 * settings.lora_rank,
        target_modules=targets,
        modules_to_save=None if settings.difference == NONE else ["diff_proj"],
    )
    return get_peft_model(model, chosen)


def _is_done(folder: Path) -> bool:
    return any(folder.glob("*.safetensors"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line; ``accelerate launch -m`` comes in here too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base")
    parser.add_argument("--sft", type=Path, required=True)
    parser.add_argument("--preference", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--settings", type=Path, help="TOML file with the training settings")
    parser.add_argument("--cpu", action="store_true")
    chosen = parser.parse_args(arguments)
    values = tomllib.loads(chosen.settings.read_text("utf-8")) if chosen.settings else {}
    settings = TrainingSettings.model_validate(values)
    print(train(chosen.base, chosen.sft, chosen.preference, chosen.out, settings, chosen.cpu))


if __name__ == "__main__":
    main()
