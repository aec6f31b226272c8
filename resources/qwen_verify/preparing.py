"""From a base to a model that is ready to train, and what makes its batches."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoConfig, AutoProcessor

from resources.qwen_verify.collating import Collator
from resources.qwen_verify.config import NONE
from resources.qwen_verify.model import from_qwen, from_scratch, register
from resources.qwen_verify.sizes import SMALL, processor_for, small_config
from resources.qwen_verify.tokenizer import train_tokenizer
from unicedit_assets.settings.training import TrainingSettings

# What LoRA adapts: attention and feed-forward of the language model; of the vision tower if asked.
_TEXT = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
_VISION = r".*visual\.blocks.*\.(qkv|proj|gate_proj|up_proj|down_proj|linear_fc1|linear_fc2)"


def from_nothing(texts: Sequence[str], settings: TrainingSettings) -> tuple[Any, Collator]:
    """Return a small model with random weights and a tokenizer of its own.

    Args:
        texts: that the tokenizer is trained on.
        settings: of the training.
    """
    tokenizer = train_tokenizer(texts)
    config = small_config(tokenizer, SMALL, settings.difference)
    collator = Collator(processor_for(tokenizer, SMALL), config.layout)
    return from_scratch(config, settings.seed), collator


def from_folder(folder: str, settings: TrainingSettings) -> tuple[Any, Collator]:
    """Return the model of a folder, a Qwen-VL or a Qwen-Verify; what is frozen is frozen.

    Raises:
        ValueError: it holds another model, or one with the context entering in another way.
    """
    register()
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    theirs = getattr(config, "difference", settings.difference)
    if theirs != settings.difference:
        raise ValueError(
            f"{folder} is a Qwen-Verify with difference = {theirs}: set difference to {theirs}, "
            f"not {settings.difference}"
        )
    small = bool(getattr(config, "panel", 0))
    half = settings.lora_rank and settings.precision == "bfloat16" and not small
    model = from_qwen(folder, settings.difference, dtype=torch.bfloat16 if half else torch.float32)
    processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False)
    if not small:
        # Travels in config.json: who serves it shows it pictures of the size it learnt from.
        model.config.panel_max_pixels = settings.max_pixels
        # The whole stack must come through unresized, here and where it is served.
        layout = model.config.layout
        size = {
            "shortest_edge": layout.cell**2,
            "longest_edge": layout.panels * settings.max_pixels,
        }
        processor.image_processor.size = size
    collator = Collator(processor, model.config.layout)
    return _adapted(model, settings), collator


def _adapted(model: Any, settings: TrainingSettings) -> Any:
    """Freeze what does not learn; with a LoRA rank, add adapters. c_v's layer always learns."""
    if not settings.lora_rank:
        model.model.visual.requires_grad_(settings.train_vision)
        return model
    from peft import LoraConfig, get_peft_model

    targets = f"({_TEXT})|({_VISION})" if settings.train_vision else _TEXT
    chosen = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=2 * settings.lora_rank,
        target_modules=targets,
        modules_to_save=None if settings.difference == NONE else ["diff_proj"],
    )
    adapted = get_peft_model(model, chosen)
    # All of c_v's layer learns, so it needs what the optimizer keeps of adapters anyway: in
    # bfloat16 a step of 1e-6 would round to nothing.
    for name, weight in adapted.named_parameters():
        if "diff_proj.modules_to_save" in name:
            weight.data = weight.data.float()
    return adapted


def merged(model: Any) -> Any:
    """Return a model whose adapters are in its weights, all of the type that it was loaded in."""
    whole = model.merge_and_unload()
    if whole.config.difference != NONE:
        whole.model.diff_proj.to(whole.lm_head.weight.dtype)
    return whole


def resolved(settings: TrainingSettings) -> TrainingSettings:
    """Return settings whose precision is one that this machine multiplies fast."""
    if settings.precision != "auto":
        return settings
    if torch.cuda.is_available():
        half = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        known = torch.cpu.get_capabilities()
        half = bool(known.get("amx_bf16") or known.get("avx512_bf16"))
    return settings.model_copy(update={"precision": "bfloat16" if half else "float32"})


def fast(model: Any, collator: Collator, cpu: bool) -> Any:
    """Choose what a CPU is fastest at for a small model, the same mathematics.

    Fusing takes a fifth off each step and a minute or two at the start; without a C++ compiler the
    layers run as they are. Any other model, and one with adapters, stays as it is.
    """
    if not (cpu and collator.layout.side) or hasattr(model, "disable_adapter"):
        return model
    model.set_attn_implementation("eager")
    if shutil.which("g++"):
        for layer in (*model.model.visual.blocks, *model.model.language_model.layers):
            layer.compile(dynamic=True)
    return model
