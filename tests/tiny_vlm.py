"""A tiny random Qwen2.5-VL of the true architecture, saved as a folder that production code loads.

Random weights say nothing sensible; the shapes, the tokens, the chat template and the files are
real. Its attention heads have 32 dimensions, the least that vLLM takes. It was given one habit: it
closes a quotation whenever it may, so that under a JSON schema its replies end.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from random_models import (
    qwen3_vl,
    qwen3_vl_processor,
    qwen_tokenizer,
    qwen_vl,
    qwen_vl_processor,
)

TEXTS = [
    'true false {"is_changed": "class": "valid", "no_edit"} instruction picture',
    "Paint the left of the picture red. 把图片的左边涂成红色。",
]
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] in ('image', 'image_url') %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LONGEST = 16_384


def _tokenizer() -> Any:
    tokenizer = qwen_tokenizer(
        TEXTS,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=LONGEST,
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


TINY: Mapping[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "vision": {"depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 2},
    "mrope": [4, 6, 6],
}
# Qwen3-VL: features of two vision layers enter the first two of three text layers.
TINY3: Mapping[str, Any] = {
    **TINY,
    "num_hidden_layers": 3,
    "head_dim": 32,
    "max_position_embeddings": LONGEST,
    "vision": {
        **TINY["vision"],
        "depth": 3,
        "deepstack_visual_indexes": [0, 1],
        "num_position_embeddings": 64,
    },
}


def random_vlm(tokenizer: Any, size: Mapping[str, Any], device: str = "cpu") -> Any:
    """Return a model of a size with random weights; the same ones each time on one device."""
    torch.manual_seed(0)
    with torch.device(device):
        model = qwen_vl(
            tokenizer, {"max_position_embeddings": LONGEST, **size}, tie_word_embeddings=False
        )
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids("<|im_end|>")
    return model


def save_random_vlm(
    folder: Path, size: Mapping[str, Any], device: str = "cpu", max_pixels: int = 1_100_000
) -> Path:
    """Save a model of a size in bfloat16, with tokenizer and processor."""
    tokenizer = _tokenizer()
    random_vlm(tokenizer, size, device).to(torch.bfloat16).save_pretrained(folder)
    qwen_vl_processor(tokenizer, max_pixels).save_pretrained(folder)
    return folder


def save_tiny_vlm(folder: Path) -> Path:
    """Save the tiny one with its habit; the same folder content each time."""
    tokenizer = _tokenizer()
    model = random_vlm(tokenizer, TINY)
    with torch.no_grad():
        model.get_input_embeddings().weight[:, 0] = 1.0
        model.lm_head.weight[tokenizer.convert_tokens_to_ids('"'), 0] = 1.0
    model.save_pretrained(folder)
    qwen_vl_processor(tokenizer, 224 * 224).save_pretrained(folder)
    return folder


def save_tiny_qwen3(folder: Path, tied: bool = False) -> Path:
    """Save a tiny random Qwen3-VL; what is seen counts for what is said.

    Args:
        tied: whether its head is its embeddings, as in the smaller published ones.
    """
    tokenizer = _tokenizer()
    torch.manual_seed(0)
    model = qwen3_vl(tokenizer, {**TINY3, "tie_word_embeddings": tied}, tie_word_embeddings=tied)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(std=0.15)
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids("<|im_end|>")
    model.save_pretrained(folder)
    qwen3_vl_processor(tokenizer, 224 * 224).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    import sys

    save_tiny_vlm(Path(sys.argv[1]))
