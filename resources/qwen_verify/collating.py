"""From examples to a batch: the tall picture, the chat's tokens, what is to be learned of them.

The patches are the processor's own, made in one step for a whole batch of equal pictures; a test
holds them to the processor's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from resources.qwen_verify.losses import IGNORED
from resources.vlms.in_vllm import chat_text
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.qwen_verify.question import Example
from unicedit_assets.vlm.stacking import Layout
from unicedit_assets.vlm.verifier import trained_question

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Collator:
    """Makes batches for one model.

    Attributes:
        processor: of the model; words the chat and says how patches are cut.
        layout: of the tall picture.
    """

    processor: Any
    layout: Layout

    def sft(self, examples: Sequence[Example]) -> Batch:
        """Return a batch whose labels are the true replies."""
        return self._batch(examples, [one.target for one in examples])

    def preference(self, examples: Sequence[Example]) -> Batch:
        """Return the true replies, then the rejected ones; both halves share the pictures."""
        replies = [one.target for one in examples] + [one.rejected for one in examples]
        return self._batch(examples, replies)

    def prompts(self, examples: Sequence[Example]) -> Batch:
        """Return the questions alone, padded on the left, to generate from."""
        pictures, texts = self._asked(examples)
        patches, grid = self._patches(pictures)
        ids = [self._ids(text, grid[row]) for row, text in enumerate(texts)]
        longest = max(map(len, ids))
        padded = [[self._pad] * (longest - len(one)) + one for one in ids]
        mask = [[0] * (longest - len(one)) + [1] * len(one) for one in ids]
        tokens = torch.tensor(padded)
        return {
            "input_ids": tokens,
            "attention_mask": torch.tensor(mask),
            "mm_token_type_ids": (tokens == self._image).int(),
            "pixel_values": patches,
            "image_grid_thw": grid,
        }

    @property
    def _pad(self) -> int:
        return int(self.processor.tokenizer.pad_token_id)

    @property
    def _image(self) -> int:
        return int(self.processor.image_token_id)

    def _batch(self, examples: Sequence[Example], replies: Sequence[str]) -> Batch:
        pictures, texts = self._asked(examples)
        patches, grid = self._patches(pictures)
        times = len(replies) // len(examples)
        prompts = [self._ids(text, grid[row]) for row, text in enumerate(texts)] * times
        ends = self._tokens(["<|im_end|>"])[0]
        ids, labels = [], []
        for prompt, reply in zip(prompts, self._tokens(replies), strict=True):
            ids.append(prompt + reply + ends)
            labels.append([IGNORED] * len(prompt) + reply + ends)
        longest = max(map(len, ids))
        tokens = torch.tensor([one + [self._pad] * (longest - len(one)) for one in ids])
        mask = torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one in ids])
        return {
            "input_ids": tokens,
            "attention_mask": mask,
            "mm_token_type_ids": (tokens == self._image).int(),
            "labels": torch.tensor([one + [IGNORED] * (longest - len(one)) for one in labels]),
            "pixel_values": patches,
            "image_grid_thw": grid.repeat(times, 1),
        }

    def _asked(self, examples: Sequence[Example]) -> tuple[list[Pixels], list[str]]:
        pictures, texts = [], []
        for one in examples:
            asked = trained_question(one.source, one.edited, one.en, one.cn, self.layout)
            pictures.append(asked.images[0])
            texts.append(chat_text(self.processor, asked))
        return pictures, texts

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        found: list[list[int]] = self.processor.tokenizer(list(texts))["input_ids"]
        return found

    def _ids(self, text: str, grid: Tensor) -> list[int]:
        cells = int(grid.prod()) // self.processor.image_processor.merge_size**2
        return self._tokens([text.replace("<|image_pad|>", "<|image_pad|>" * cells)])[0]

    def _patches(self, pictures: Sequence[Pixels]) -> tuple[Tensor, Tensor]:
        if self.layout.side:
            return patches_of(np.stack(pictures), self.processor.image_processor)
        made = self.processor.image_processor(images=list(pictures), return_tensors="pt")
        return made["pixel_values"], made["image_grid_thw"]


def patches_of(pictures: np.ndarray, how: Any) -> tuple[Tensor, Tensor]:
    """Return the patches and grids of equal pictures, as the image processor makes them.

    Args:
        pictures: uint8 (N, H, W, 3), sides in whole cells.
        how: the image processor: sizes, mean, deviation.
    """
    n, height, width, _ = pictures.shape
    size, merge, frames = how.patch_size, how.merge_size, how.temporal_patch_size
    rows, columns = height // size, width // size
    mean, deviation = (torch.tensor(v) * 255 for v in (how.image_mean, how.image_std))
    values = (torch.from_numpy(pictures).float() - mean) / deviation
    cut = values.view(n, rows // merge, merge, size, columns // merge, merge, size, 3)
    cut = cut.permute(0, 1, 4, 2, 5, 7, 3, 6).reshape(n * rows * columns, 3, 1, size, size)
    patches = cut.expand(-1, -1, frames, -1, -1).reshape(n * rows * columns, -1)
    return patches, torch.tensor([[1, rows, columns]] * n)
