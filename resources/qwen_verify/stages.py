"""The two stages as one call each: from a model and examples to a trained folder."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from resources.qwen_verify.budget import last_checkpoint
from resources.qwen_verify.collating import Collator
from resources.qwen_verify.preparing import merged
from resources.qwen_verify.sizes import save_model
from resources.qwen_verify.trainers import (
    PreferenceTrainer,
    SftTrainer,
    arguments,
    callbacks,
)
from unicedit_assets.qwen_verify.question import Example, misjudged, opened
from unicedit_assets.settings.training import TrainingSettings


class _Rows(Dataset[Example]):
    """Examples by index, each varied by a pure function of it."""

    def __init__(
        self, examples: Sequence[Example], vary: Callable[[Example, float, int], Example],
        share: float, seed: int,
    ) -> None:  # fmt: skip
        self._examples, self._vary = examples, vary
        self._share, self._seed = share, seed

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> Example:
        return self._vary(self._examples[index], self._share, self._seed)


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
        train_dataset=_Rows(examples, opened, settings.open_share, settings.seed),
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
    reference: Any = None,
) -> Path:
    """Train stage 2 from an SFT model and return its folder.

    Args:
        reference: the frozen SFT model; None takes a copy of the model, or with LoRA the model
            without its adapter.
    """
    budget, told = callbacks(out, out.name, settings.preference)
    if reference is None and not hasattr(model, "disable_adapter"):
        reference = copy.deepcopy(model)
    trainer = PreferenceTrainer(
        model=model,
        args=arguments(settings, settings.preference, out, cpu),
        data_collator=collator.preference,
        train_dataset=_Rows(examples, misjudged, settings.preference.class_share, settings.seed),
        callbacks=told,
        budget=budget,
        warmup=settings.preference.warmup,
        stage=settings.preference,
        reference=reference,
    )
    return _run(trainer, collator, out)


def _run(trainer: Any, collator: Collator, out: Path) -> Path:
    found = last_checkpoint(out)
    trainer.train(resume_from_checkpoint=str(found) if found else None)
    trainer.require_finite()
    state = trainer.accelerator.get_state_dict(trainer.model)  # gathered, where it is sharded
    if trainer.is_world_process_zero():
        model = trainer.accelerator.unwrap_model(trainer.model)
        if hasattr(model, "merge_and_unload"):
            model, state = merged(model), None
        elif trainer.is_fsdp_enabled:
            # What was gathered no longer knows which weights are one.
            tied = model.all_tied_weights_keys
            state = {name: value for name, value in state.items() if name not in tied}
        save_model(model, collator.processor, out / "model", state)
    trainer.accelerator.wait_for_everyone()
    return out / "model"
