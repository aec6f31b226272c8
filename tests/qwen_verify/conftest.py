"""Tiny Qwen-Verify models; torch is imported only when a test asks for one."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from qwen_verify.toy import toy_pair
from unicedit_assets.qwen_verify.question import Example, example_of


class Tiny(NamedTuple):
    """A tiny model with random weights, what makes its batches, and examples."""

    model: Any
    collator: Any
    examples: list[Example]


def make_tiny(difference: str = "add", seed: int = 0) -> Tiny:
    """Return a fresh tiny model with its difference path switched on."""
    import torch

    from resources.qwen_verify.collating import Collator
    from resources.qwen_verify.model import from_scratch
    from resources.qwen_verify.sizes import TINY, processor_for, small_config
    from resources.qwen_verify.tokenizer import train_tokenizer

    torch.set_num_threads(1)
    examples = [example_of(toy_pair(index)) for index in range(24)]
    texts = [text for one in examples for text in (one.en, one.cn, one.target, one.rejected)]
    tokenizer = train_tokenizer(texts)
    config = small_config(tokenizer, TINY, difference)
    collator = Collator(processor_for(tokenizer, TINY), config.layout)
    return Tiny(from_scratch(config, seed), collator, examples)


def training_row(one: Example) -> dict[str, Any]:
    """Return the row of a training set that an example comes from."""

    def png(pixels: Any) -> dict[str, Any]:
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "PNG")
        return {"bytes": out.getvalue(), "path": "x.png"}

    return {
        "key": one.key,
        "split": "train",
        "kind": one.kind,
        "subtask": one.subtask,
        "images": [png(one.source), png(one.edited)],
        "prompt_en": one.en,
        "prompt_cn": one.cn,
        "target": one.target,
        "chosen": one.target,
        "rejected": one.rejected,
    }


@pytest.fixture
def tiny() -> Tiny:
    return make_tiny()


@pytest.fixture(scope="session")
def tiny_verify_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Qwen-Verify, saved; what it says depends on the pictures."""
    import torch

    from resources.qwen_verify.sizes import save_model

    made = make_tiny()
    torch.manual_seed(1)
    with torch.no_grad():  # so large that what is seen counts for what is said
        for name, weight in made.model.named_parameters():
            if weight.dim() > 1 and "embed_tokens" not in name:
                weight.normal_(std=0.25)
    folder = tmp_path_factory.mktemp("qwen-verify") / "model"
    return save_model(made.model, made.collator.processor, folder)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Qwen2.5-VL, saved."""
    from tiny_vlm import save_tiny_vlm

    return save_tiny_vlm(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def tiny_qwen3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Qwen3-VL, saved."""
    from tiny_vlm import save_tiny_qwen3

    return save_tiny_qwen3(tmp_path_factory.mktemp("tiny3") / "model")


@pytest.fixture(scope="session")
def tiny_verify3_folder(tiny_qwen3: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Qwen-Verify on Qwen3-VL, saved, its difference path switched on."""
    import torch
    from transformers import AutoProcessor

    from resources.qwen_verify.model import from_qwen
    from resources.qwen_verify.sizes import save_model

    model = from_qwen(tiny_qwen3, "add", dtype=torch.float32)
    torch.manual_seed(1)
    torch.nn.init.normal_(model.model.diff_proj.weight, std=0.3)
    folder = tmp_path_factory.mktemp("qwen3-verify") / "model"
    return save_model(model, AutoProcessor.from_pretrained(tiny_qwen3), folder)
