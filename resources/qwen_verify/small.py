"""The small Qwen-Verify for real: from nothing to a verifier on two CPU cores.

    python -m resources.qwen_verify.small OUT --minutes 60          # SFT, then D2PO
    python -m resources.qwen_verify.small OUT --minutes 60 --dpo    # plain DPO from the same SFT

Draws its pairs once, trains a tokenizer, then both stages. Every part goes on where it was cut
off. What comes out is ``OUT/d2po/model``, a folder for ``kind = "transformers"`` or vLLM.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress
from transformers import AutoProcessor

from resources.qwen_verify import stages
from resources.qwen_verify.collating import Collator
from resources.qwen_verify.config import ADD, NONE, PANELS
from resources.qwen_verify.drawing import SUPERVISED, PairDraw
from resources.qwen_verify.model import QwenVerifyForConditionalGeneration, from_scratch
from resources.qwen_verify.sizes import SMALL, Size, processor_for, small_config
from resources.qwen_verify.store import ExampleFolder, render
from resources.qwen_verify.tokenizer import train_tokenizer
from unicedit_assets.settings.training import PreferenceStage, StageOfTraining, TrainingSettings

PAIRS = 40_000
# Share of the minutes that the preference stage gets.
PREFERENCE_SHARE = 0.2
_CORPUS = 8_000  # examples that the tokenizer sees


def small_settings(minutes: float, seed: int = 0, difference: str = ADD) -> TrainingSettings:
    """Return how the small one is trained in so many minutes of training."""
    second = minutes * PREFERENCE_SHARE
    return TrainingSettings(
        difference=difference,
        open_share=0.4,
        # So that plain DPO, without the context, starts from a model that knows life without it.
        context_dropout=0.0 if difference == NONE else 0.1,
        lora_rank=0,
        train_vision=True,
        gradient_checkpointing=False,
        seed=seed,
        sft=StageOfTraining(
            learning_rate=1.5e-3, batch=64, accumulate=1, epochs=1000, minutes=minutes - second,
            weight_decay=0.05,
        ),
        preference=PreferenceStage(
            learning_rate=3e-4, batch=32, accumulate=1, epochs=1000, minutes=second, beta=0.1,
            sft_weight=1.0,
        ),
    )  # fmt: skip


def draw_pairs(folder: Path, draw: PairDraw, count: int, processes: int) -> ExampleFolder:
    """Render the pairs that are not there yet, with a bar."""
    with Progress(disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("drawing pairs", total=count)
        render(folder, draw, count, processes, lambda done: bar.update(task, completed=done))
    return ExampleFolder(folder)


def train_small(
    out: Path,
    minutes: float = 60.0,
    seed: int = 0,
    threads: int = 2,
    *,
    size: Size = SMALL,
    pairs: int = PAIRS,
    difference: str = ADD,
    data: Path | None = None,
    settings: TrainingSettings | None = None,
    context: bool = True,
) -> Path:
    """Train the small Qwen-Verify and return the folder of its weights; resumable.

    Args:
        out: of all that is made.
        minutes: of both stages together, the drawing of the pairs not counted.
        threads: that torch uses, and processes that draw.
        data: of the rendered pairs, where several trainings share them.
        settings: in the place of ``small_settings``.
        context: False trains plain DPO in the place of D2PO, under the same budget.
    """
    settings = settings or small_settings(minutes, seed, difference)
    second = settings.preference.model_copy(update={"context": context})
    settings = settings.model_copy(update={"preference": second})
    torch.set_num_threads(threads)
    examples = draw_pairs(data or out / "pairs", PairDraw(seed, size.panel), pairs, threads)
    out.mkdir(parents=True, exist_ok=True)
    (out / "training.json").write_text(
        json.dumps({"settings": settings.model_dump(), "size": asdict(size), "pairs": pairs})
    )
    supervised = train_sft(out / "sft", examples, settings, size)
    name = "d2po" if settings.preference.context else "dpo"
    return train_preference(out / name, supervised, examples, settings)


def train_sft(out: Path, examples: ExampleFolder, settings: TrainingSettings, size: Size) -> Path:
    """Train stage 1 from nothing; a finished stage is taken as it is."""
    if (out / "model" / "model.safetensors").exists():
        return out / "model"
    rows = examples.rows()
    tokenizer = train_tokenizer(
        row[name] for row in rows[:_CORPUS] for name in ("en", "cn", "target", "rejected")
    )
    config = small_config(tokenizer, size, settings.difference)
    model = on_cpu(from_scratch(config, settings.seed))
    collator = Collator(processor_for(tokenizer, size), config.layout)
    chosen = [i for i, row in enumerate(rows) if row["kind"] in SUPERVISED]
    return stages.sft(model, collator, stages.Subset(examples, chosen), settings, out, cpu=True)


def train_preference(
    out: Path, supervised: Path, examples: ExampleFolder, settings: TrainingSettings
) -> Path:
    """Train stage 2 from a finished stage 1; a finished stage is taken as it is."""
    if (out / "model" / "model.safetensors").exists():
        return out / "model"
    model: Any = QwenVerifyForConditionalGeneration.from_pretrained(
        supervised, use_safetensors=True, dtype=torch.float32
    )
    processor = AutoProcessor.from_pretrained(supervised, trust_remote_code=False)
    collator = Collator(processor, model.config.layout)
    chosen = [i for i, row in enumerate(examples.rows()) if row["rejected"]]
    subset = stages.Subset(examples, chosen)
    reference = on_cpu(copy.deepcopy(model))
    return stages.preference(
        on_cpu(model), collator, subset, settings, out, cpu=True, reference=reference
    )


def on_cpu(model: Any, compiled: bool = True) -> Any:
    """Choose what a CPU is fastest at, the same mathematics: attention, and fused layers.

    Fusing takes a fifth off each step and a minute or two at the start; without a C++ compiler
    the layers run as they are.
    """
    model.set_attn_implementation("eager")
    if compiled and shutil.which("g++"):
        for layer in (*model.model.visual.blocks, *model.model.language_model.layers):
            layer.compile(dynamic=True)
    return model


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--dpo", action="store_true")
    parser.add_argument("--difference", choices=list(PANELS), default=ADD)
    chosen = parser.parse_args(arguments)
    started = time.monotonic()
    folder = train_small(
        chosen.out, chosen.minutes, chosen.seed, chosen.threads, pairs=chosen.pairs,
        difference=chosen.difference, data=chosen.data, context=not chosen.dpo,
    )  # fmt: skip
    print(f"{folder} after {(time.monotonic() - started) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
