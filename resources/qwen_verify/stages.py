"""The two stages as one call each: from a model and examples to a trained folder."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from resources.qwen_verify.collating import Collator
from resources.qwen_verify.curve import draw_curve
from resources.qwen_verify.sizes import save_model
from resources.qwen_verify.trainers import (
    PreferenceTrainer,
    SftTrainer,
    arguments,
    callbacks,
    last_checkpoint,
)
from unicedit_assets.qwen_verify.question import Example, opened
from unicedit_assets.settings.training import TrainingSettings


class _Rows(Dataset[Example]):
    """Examples by index; a share of them with an instruction that claims nothing."""

    def __init__(self, examples: Sequence[Example], share: float, seed: int) -> None:
        self._examples, self._share, self._seed = examples, share, seed

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> Example:
        return opened(self._examples[index], self._share, self._seed)


class Subset(Sequence[Example]):
    """Those of some examples that have the indices given."""

    def __init__(self, examples: Sequence[Example], indices: Sequence[int]) -> None:
        self._examples, self._indices = examples, indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: Any) -> Any:
        return self._examples[self._indices[index]]


def sft(
    model: Any,
    collator: Collator,
    examples: Sequence[Example],
    settings: TrainingSettings,
    out: Path,
    cpu: bool = False,
) -> Path:
    """Train stage 1 and return its folder; an earlier call that was cut off is gone on with."""
    budget, told = callbacks(out, "sft", settings.sft)
    trainer = SftTrainer(
        model=model,
        args=arguments(settings, settings.sft, out, cpu),
        data_collator=collator.sft,
        train_dataset=_Rows(examples, settings.open_share, settings.seed),
        callbacks=told,
        budget=budget,
        warmup=settings.sft.warmup,
        context_dropout=settings.context_dropout,
    )
    return _run(trainer, collator, out)


def preference(
    model: Any,
    collator: Collator,
    examples: Sequence[Example],
    settings: TrainingSettings,
    out: Path,
    cpu: bool = False,
) -> Path:
    """Train stage 2 from an SFT model, which is its own frozen reference, and return its folder."""
    budget, told = callbacks(out, out.name, settings.preference)
    lora = hasattr(model, "disable_adapter")
    trainer = PreferenceTrainer(
        model=model,
        args=arguments(settings, settings.preference, out, cpu),
        data_collator=collator.preference,
        train_dataset=_Rows(examples, 0.0, settings.seed),
        callbacks=told,
        budget=budget,
        warmup=settings.preference.warmup,
        stage=settings.preference,
        reference=None if lora else copy.deepcopy(model),
    )
    return _run(trainer, collator, out)


def _run(trainer: Any, collator: Collator, out: Path) -> Path:
    found = last_checkpoint(out)
    trainer.train(resume_from_checkpoint=str(found) if found else None)
    model = trainer.accelerator.unwrap_model(trainer.model)
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    draw_curve(out.parent / "curve.csv", out.parent / "curve.png")
    return save_model(model, collator.processor, out / "model")
