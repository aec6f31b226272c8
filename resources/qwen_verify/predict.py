"""What a checkpoint says about many pairs at once: batched, greedy, unconstrained."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoProcessor

from resources.qwen_verify.collating import Collator
from resources.qwen_verify.config import QwenVerifyConfig
from resources.qwen_verify.model import (
    QwenVerifyForConditionalGeneration,
    register,
    without_context,
)
from unicedit_assets.qwen_verify.question import Example, example_of
from unicedit_assets.synthetic.pair import SyntheticPair

_LONGEST = 400


class Predictor:
    """A loaded checkpoint that writes chains.

    Args:
        checkpoint: a folder as ``save_model`` writes it.
        batch: examples at once; of the order of their lengths, so that little is padded.
        context: False switches the visual difference context off.
    """

    def __init__(
        self, checkpoint: str | Path, batch: int = 64, context: bool = True, device: str = "cpu"
    ) -> None:
        register()
        config = AutoConfig.from_pretrained(checkpoint, trust_remote_code=False)
        if not isinstance(config, QwenVerifyConfig):
            raise ValueError(
                f"{checkpoint} holds a {config.model_type} model, not a trained Qwen-Verify: "
                "train one with `unicedit verify train`"
            )
        self._model: Any = QwenVerifyForConditionalGeneration.from_pretrained(
            checkpoint, config=config, use_safetensors=True, dtype="auto"
        )
        self._model.to(device).eval()
        self._processor = AutoProcessor.from_pretrained(checkpoint, trust_remote_code=False)
        self._collator = Collator(self._processor, config.layout)
        self._batch, self._context = batch, context

    def chains(self, examples: Sequence[Example], longest: int = _LONGEST) -> list[str]:
        """Return the chain that the model writes about each example, in their order."""
        order = sorted(range(len(examples)), key=lambda i: len(examples[i].en + examples[i].cn))
        said = [""] * len(examples)
        for start in range(0, len(order), self._batch):
            rows = order[start : start + self._batch]
            for row, text in zip(
                rows, self._said([examples[row] for row in rows], longest), strict=True
            ):
                said[row] = text
        return said

    def _said(self, examples: Sequence[Example], longest: int) -> list[str]:
        inputs = self._collator.prompts(examples)
        inputs = {name: value.to(self._model.device) for name, value in inputs.items()}
        switch = nullcontext() if self._context else without_context(self._model)
        with torch.inference_mode(), switch:
            made = self._model.generate(**inputs, do_sample=False, max_new_tokens=longest)
        replies = made[:, inputs["input_ids"].shape[1] :]
        told: list[str] = self._processor.tokenizer.batch_decode(replies, skip_special_tokens=True)
        return told


@lru_cache(maxsize=2)
def _predictor(checkpoint: str, batch: int, context: bool, device: str) -> Predictor:
    return Predictor(checkpoint, batch, context, device)


def predict(
    checkpoint: str | Path,
    pairs: Sequence[SyntheticPair],
    batch: int = 64,
    context: bool = True,
    device: str = "cpu",
) -> list[str]:
    """Return the chain that a checkpoint writes about each pair, as raw text, in their order."""
    loaded = _predictor(str(checkpoint), batch, context, device)
    return loaded.chains([example_of(pair) for pair in pairs])
