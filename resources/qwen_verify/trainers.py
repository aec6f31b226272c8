"""The two trainers, on transformers' Trainer: supervised, and D2PO or plain DPO.

What the Trainer brings stays: bf16, gradient checkpointing and accumulation, checkpoints to go on
from, several devices by accelerate (deploy/accelerate-fsdp.yaml).
"""

from __future__ import annotations

import random
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import fsdp2_prepare_model
from torch import Tensor
from transformers import Trainer, TrainingArguments

from resources.qwen_verify.budget import Budget, Curve, last_checkpoint
from resources.qwen_verify.losses import IGNORED, d2po_loss, mean_token_loss, reply_logprobs
from resources.qwen_verify.model import without_context
from unicedit_assets.qwen_verify.training import TrainingError
from unicedit_assets.settings.training import PreferenceStage, StageOfTraining, TrainingSettings


class _Staged(Trainer):
    """A Trainer whose rate follows a ``Budget`` and whose extra figures reach the curve.

    Attributes:
        table: of the settings that the stage follows.

    Raises:
        TrainingError: it is sharded in a way that is not supported.
    """

    table = ""
    lr_scheduler: Any

    def __init__(self, *args: Any, budget: Budget, warmup: float, **how: Any) -> None:
        super().__init__(*args, **how)
        if self.is_fsdp_enabled:
            self._require_fsdp_to_suit()
        self._budget, self._warmup = budget, warmup
        self._figures: dict[str, list[Tensor]] = {}

    def _require_fsdp_to_suit(self) -> None:
        if hasattr(self.model, "merge_and_unload"):
            raise TrainingError(
                "LoRA under FSDP is not supported: use lora_rank = 0, or launch without it"
            )
        if not self.accelerator.is_fsdp2:
            raise TrainingError(
                "FSDP 1 is not supported: set fsdp_version: 2, as in deploy/accelerate-fsdp.yaml"
            )

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        if self.lr_scheduler is None:
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
                optimizer or self.optimizer, lambda _: self._budget.rate(self._warmup)
            )
        return self.lr_scheduler

    def training_step(self, model: Any, inputs: dict[str, Any], *more: Any, **how: Any) -> Tensor:
        """Return the loss of a batch.

        Raises:
            TrainingError: it is not finite; going on would only make more of it.
        """
        loss: Tensor = super().training_step(model, inputs, *more, **how)
        if not self._everywhere(bool(torch.isfinite(loss).all())):
            raise self._diverged("loss is", self.state.global_step + 1)
        return loss

    def require_finite(self) -> None:
        """Look at the trained weights: no loss follows the last step.

        Raises:
            TrainingError: one of them is not finite.
        """
        learnt = (weight for weight in self.model.parameters() if weight.requires_grad)
        # Of what is sharded, each process sees its own part.
        own = (weight.to_local() if hasattr(weight, "to_local") else weight for weight in learnt)
        if not self._everywhere(all(bool(torch.isfinite(weight).all()) for weight in own)):
            raise self._diverged("weights are", self.state.global_step)

    def _everywhere(self, well: bool) -> bool:
        """Tell whether all is well in every process, so that all of them stop or none does."""
        told = torch.tensor(float(well), device=self.accelerator.device)
        return bool(self.accelerator.gather(told).min() > 0)

    def _diverged(self, what: str, step: int) -> TrainingError:
        return TrainingError(
            f"the {what} not finite at step {step}: lower {self.table}.learning_rate, raise "
            f"{self.table}.warmup, or take precision float32"
        )

    def note(self, name: str, value: Tensor) -> None:
        """Remember a figure of this step for the next line of the curve."""
        self._figures.setdefault(name, []).append(value.detach().float().mean())

    def log(self, logs: dict[str, float], *args: Any, **how: Any) -> None:
        for name, values in self._figures.items():
            logs[name] = float(self.accelerator.gather(torch.stack(values).mean()).mean())
        self._figures.clear()
        super().log(logs, *args, **how)

    @staticmethod
    def logprobs(model: Any, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return log pi of each row's reply, and the labels; only the replies' logits are made."""
        inputs = dict(inputs)
        labels = inputs.pop("labels")
        first = int((labels != IGNORED).int().argmax(-1).min())
        keep = labels.shape[1] - first + 1
        logits = model(**inputs, use_cache=False, logits_to_keep=keep).logits
        return reply_logprobs(logits, labels[:, -keep:]), labels


class SftTrainer(_Staged):
    """Stage 1: cross entropy on the true reply; some steps without the difference context."""

    table = "sft"

    def __init__(self, *args: Any, context_dropout: float = 0.0, **how: Any) -> None:
        super().__init__(*args, **how)
        self._dropout = context_dropout
        self._chance = random.Random(self.args.seed)  # noqa: S311

    def compute_loss(
        self, model: Any, inputs: dict[str, Tensor], return_outputs: bool = False, **_: Any
    ) -> Tensor:
        dropped = self._chance.random() < self._dropout
        with without_context(model) if dropped else nullcontext():
            logprobs, labels = self.logprobs(model, inputs)
        return mean_token_loss(logprobs, labels)


class PreferenceTrainer(_Staged):
    """Stage 2: D2PO, both models conditioned on c_v; plain DPO where the context is off.

    Args:
        reference: the frozen SFT model; None with LoRA, where it is the model without its adapter.
    """

    table = "preference"

    def __init__(
        self, *args: Any, stage: PreferenceStage, reference: Any = None, **how: Any
    ) -> None:
        super().__init__(*args, **how)
        self._stage = stage
        self._reference = None if reference is None else self._frozen(reference)

    def compute_loss(
        self, model: Any, inputs: dict[str, Tensor], return_outputs: bool = False, **_: Any
    ) -> Tensor:
        stage = self._stage
        with self._seeing(model):
            logprobs, labels = self.logprobs(model, inputs)
        with torch.no_grad():
            frozen = self._of_reference(model, inputs)
        rows = len(logprobs) // 2
        losses, margin = d2po_loss(
            logprobs[:rows], logprobs[rows:], frozen[:rows], frozen[rows:], stage.beta
        )
        self.note("margin", margin)
        self.note("preferred", (margin > 0).float())
        loss = losses.mean()
        if stage.sft_weight:
            loss = loss + stage.sft_weight * mean_token_loss(logprobs[:rows], labels[:rows])
        return loss

    def _frozen(self, reference: Any) -> Any:
        """Return a model that never learns, placed and cast, and sharded, as the policy is."""
        reference.requires_grad_(False).eval()
        if self.is_fsdp_enabled:
            # ``prepare_model`` would leave it whole, and empty in all processes but the first.
            return fsdp2_prepare_model(self.accelerator, reference)
        return self.accelerator.prepare_model(reference, evaluation_mode=True)

    def _seeing(self, model: Any) -> Any:
        return nullcontext() if self._stage.context else without_context(model)

    def _of_reference(self, model: Any, inputs: dict[str, Tensor]) -> Tensor:
        if self._reference is not None:
            with self._seeing(self._reference):
                return self.logprobs(self._reference, inputs)[0]
        bare = self.accelerator.unwrap_model(model)
        with bare.disable_adapter(), self._seeing(model):
            return self.logprobs(model, inputs)[0]


def arguments(
    settings: TrainingSettings, stage: StageOfTraining, out: Path, cpu: bool = False
) -> TrainingArguments:
    """Return the Trainer's arguments for one stage."""
    with warnings.catch_warnings():
        # Later releases call it activation checkpointing; the earliest that is supported does not.
        warnings.filterwarnings("ignore", "`gradient_checkpointing", FutureWarning)
        return _arguments(settings, stage, out, cpu)


def _arguments(
    settings: TrainingSettings, stage: StageOfTraining, out: Path, cpu: bool
) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(out),
        per_device_train_batch_size=stage.batch,
        gradient_accumulation_steps=stage.accumulate,
        num_train_epochs=stage.epochs,
        learning_rate=stage.learning_rate,
        weight_decay=stage.weight_decay,
        adam_beta2=0.98,
        max_grad_norm=1.0,
        bf16=settings.precision == "bfloat16",
        gradient_checkpointing=settings.gradient_checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        seed=settings.seed,
        data_seed=settings.seed,
        save_strategy="steps",
        save_steps=stage.save_steps,
        save_total_limit=2,
        logging_steps=10,
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=0,
        use_cpu=cpu,
        ddp_find_unused_parameters=_without_context_at_times(settings, stage),
    )


def _without_context_at_times(settings: TrainingSettings, stage: StageOfTraining) -> bool:
    """Return whether c_v's layer may get no gradient in a step, which copies would wait for."""
    if isinstance(stage, PreferenceStage):
        return not stage.context
    return settings.context_dropout > 0


def callbacks(out: Path, name: str, stage: StageOfTraining) -> tuple[Budget, list[Any]]:
    """Return a stage's budget and all its callbacks; a stage that was begun goes on."""
    budget = Budget(stage.minutes)
    found = last_checkpoint(out)
    if found:
        budget.resume(found)
    return budget, [budget, Curve(out.parent / "curve.csv", name, budget)]
