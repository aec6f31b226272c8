"""The small Qwen-Verify: Qwen2.5-VL's architecture in a few million parameters."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resources.qwen_verify.config import ADD, QwenVerifyConfig
from resources.qwen_verify.durable import make_durable
from resources.qwen_verify.tokenizer import LONGEST, TEMPLATE
from unicedit_assets.vlm.stacking import CELL

HEAD = 32  # the least that vLLM takes


@dataclass(frozen=True)
class Size:
    """How large a small one is; widths are multiples of ``HEAD``."""

    width: int = 192
    layers: int = 4
    inner: int = 512
    vision_width: int = 128
    vision_layers: int = 3
    vision_inner: int = 384
    panel: int = 140


SMALL = Size()
TINY = Size(width=64, layers=2, inner=128, vision_width=64, vision_layers=1, vision_inner=128,
            panel=56)  # fmt: skip


def small_config(tokenizer: Any, size: Size = SMALL, difference: str = ADD) -> QwenVerifyConfig:
    """Return the configuration of a small Qwen-Verify with a tokenizer of its own."""
    ids = {
        name: tokenizer.convert_tokens_to_ids(f"<|{name}|>")
        for name in ("image_pad", "video_pad", "vision_start", "vision_end")
    }
    return QwenVerifyConfig(
        tie_word_embeddings=True,
        text_config=_text(tokenizer, size),
        vision_config={
            "depth": size.vision_layers,
            "hidden_size": size.vision_width,
            "intermediate_size": size.vision_inner,
            "num_heads": size.vision_width // HEAD,
            "out_hidden_size": size.width,
            # One window: a panel is small.
            "window_size": max(112, -(-size.panel // CELL) * CELL),
            "fullatt_block_indexes": list(range(size.vision_layers)),
        },
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
        difference=difference,
        panel=size.panel,
    )


def _text(tokenizer: Any, size: Size) -> Mapping[str, Any]:
    return {
        "vocab_size": -(-len(tokenizer) // 64) * 64,
        "hidden_size": size.width,
        "intermediate_size": size.inner,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.width // HEAD,
        "num_key_value_heads": size.width // HEAD,
        "max_position_embeddings": LONGEST,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10_000.0,
            "mrope_section": [4, 6, 6],
        },
        "bos_token_id": tokenizer.convert_tokens_to_ids("<|im_start|>"),
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "tie_word_embeddings": True,
    }


def processor_for(tokenizer: Any, size: Size = SMALL) -> Any:
    """Return the processor of a small model; it never resizes a stack of its own panels."""
    from transformers import Qwen2_5_VLProcessor, Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(
            min_pixels=CELL * CELL,
            max_pixels=3 * size.panel**2,
            patch_size=14,
            merge_size=2,
        ),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(),
        chat_template=TEMPLATE,
    )


def save_model(model: Any, processor: Any, folder: Path, state: Any = None) -> Path:
    """Save a model as a folder that transformers and vLLM load: safetensors, no pickles.

    It is written beside its place and then renamed: a folder that is there is whole.
    """
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    processor.save_pretrained(part)
    model.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    model.save_pretrained(part, state_dict=state)
    make_durable(part)
    if folder.exists():
        shutil.rmtree(folder)
    part.rename(folder)
    return folder
