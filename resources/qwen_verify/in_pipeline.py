"""The pipeline's trainer of verifiers: from a job to the stages, and back with weights and a curve.

Importing this loads nothing heavy; torch waits for the first job.
"""

from __future__ import annotations

import copy
import csv
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from resources.editors.weights import weights_version
from unicedit_assets.domain.identity import Json
from unicedit_assets.qwen_verify.question import Example
from unicedit_assets.qwen_verify.training import (
    SMALL,
    CurvePoint,
    Method,
    Trained,
    TrainingError,
    TrainingJob,
)
from unicedit_assets.settings import SettingsError
from unicedit_assets.settings.training import TrainingSettings

_NEEDED = ("torch", "transformers", "peft", "tokenizers")
_SMALL_MINUTES = 60.0
_STAGES = ("sft", "preference")
_FIGURES = ("loss", "learning_rate", "margin", "preferred")


class QwenVerifyTrainer:
    """Plays ``VerifierTrainer`` with ``resources.qwen_verify``."""

    def base_identity(self, base: str) -> Mapping[str, Json]:
        """Return what a base is, by content; see ``VerifierTrainer``."""
        if base == SMALL:
            _require()
            from resources.qwen_verify import sizes

            return {"name": SMALL, "size": asdict(sizes.SMALL)}
        if not (Path(base) / "config.json").is_file():
            raise TrainingError(f"{base} holds no model: name a folder with weights, or --small")
        try:
            return {"name": "folder", "weights": weights_version("training base", base, "")}
        except SettingsError as error:
            raise TrainingError(str(error)) from error

    def defaults(self, base: str, minutes: float | None) -> Mapping[str, Json]:
        """Return the settings that suit a base; see ``VerifierTrainer``."""
        if base != SMALL:
            return {f"{stage}.minutes": minutes / 2 for stage in _STAGES} if minutes else {}
        _require()
        from resources.qwen_verify.small import small_settings

        chosen = small_settings(minutes or _SMALL_MINUTES).model_dump(mode="json")
        return dict(_flat(chosen))

    def train(self, job: TrainingJob) -> Trained:
        """Carry out one stage; see ``VerifierTrainer``."""
        _require()
        settings = TrainingSettings.model_validate(job.settings)
        job.work.mkdir(parents=True, exist_ok=True)
        name = job.method.value
        folder = job.work / name / "model"
        if not (folder / "config.json").exists():
            folder = _stage(job, settings)
        return Trained(folder, _curve(job.work / "curve.csv", name))


def _require() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise TrainingError(
            f"training needs {', '.join(missing)}, not installed here: pip install "
            "'unicedit[neural]'"
        )


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Json]]:
    found: list[tuple[str, Json]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", value))
    return found


def _stage(job: TrainingJob, settings: TrainingSettings) -> Path:
    import torch

    from resources.qwen_verify import stages

    cpu = not torch.cuda.is_available()
    out = job.work / job.method.value
    if job.method is Method.SFT:
        model, collator = _fresh(job, settings, cpu)
        examples = _ready(job, collator.layout.side)
        return stages.sft(model, collator, examples, settings, out, cpu=cpu)
    second = settings.preference.model_copy(update={"context": job.method is Method.D2PO})
    settings = settings.model_copy(update={"preference": second})
    model, collator = _loaded(job.base, settings)
    # A copy that was made after layers were fused could not be frozen apart from them.
    adapters = hasattr(model, "disable_adapter")
    reference = None if adapters else _fast(copy.deepcopy(model), collator, cpu)
    examples = _ready(job, collator.layout.side)
    return stages.preference(
        _fast(model, collator, cpu), collator, examples, settings, out, cpu, reference
    )


def _fresh(job: TrainingJob, settings: TrainingSettings, cpu: bool) -> tuple[Any, Any]:
    """Return the model that stage 1 begins with, and what makes its batches."""
    if job.base != SMALL:
        model, collator = _loaded(job.base, settings)
        return _fast(model, collator, cpu), collator
    from resources.qwen_verify.collating import Collator
    from resources.qwen_verify.model import from_scratch
    from resources.qwen_verify.sizes import SMALL as SIZE
    from resources.qwen_verify.sizes import processor_for, small_config
    from resources.qwen_verify.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(_corpus(job.examples))
    config = small_config(tokenizer, SIZE, settings.difference)
    collator = Collator(processor_for(tokenizer, SIZE), config.layout)
    return _fast(from_scratch(config, settings.seed), collator, cpu), collator


def _loaded(folder: str, settings: TrainingSettings) -> tuple[Any, Any]:
    """Return a model of a folder ready to train, and what makes its batches."""
    import torch
    from transformers import AutoConfig, AutoProcessor

    from resources.qwen_verify.collating import Collator
    from resources.qwen_verify.full import adapted, prepared
    from resources.qwen_verify.model import from_qwen, register

    register()
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        if not getattr(config, "panel", 0):
            return prepared(folder, settings)
        model = from_qwen(folder, settings.difference, dtype=torch.float32)
    except ValueError as error:
        raise TrainingError(str(error)) from error
    processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False)
    return adapted(model, settings), Collator(processor, config.layout)


def _fast(model: Any, collator: Any, cpu: bool) -> Any:
    """Choose what a CPU is fastest at, for a small model."""
    if not (cpu and collator.layout.side) or hasattr(model, "disable_adapter"):
        return model
    from resources.qwen_verify.small import on_cpu

    return on_cpu(model)


def _corpus(examples: Sequence[Example]) -> list[str]:
    """Return what the tokenizer of a small model learns from: all texts of some examples."""
    from resources.qwen_verify.small import _CORPUS

    texts = getattr(examples, "texts", None)
    rows = texts() if texts else [asdict(one) for one in examples]
    return [row[name] for row in rows[:_CORPUS] for name in ("en", "cn", "target", "rejected")]


def _ready(job: TrainingJob, panel: int) -> Sequence[Example]:
    """Return examples that training need not wait for.

    A model with panels of one size gets them drawn to it once, in mapped files; any other decodes
    them as it goes.
    """
    examples = job.examples
    if not panel:
        return examples
    from resources.qwen_verify.small import draw_pairs

    def draw(index: int) -> Example:
        one = examples[index]
        return replace(one, source=_fitted(one.source, panel), edited=_fitted(one.edited, panel))

    return draw_pairs(job.work / f"{job.method.value}-pairs", draw, len(examples), 1)  # type: ignore[arg-type]


def _fitted(pixels: Any, panel: int) -> Any:
    import cv2

    way = cv2.INTER_AREA if panel < pixels.shape[0] else cv2.INTER_CUBIC
    return cv2.resize(pixels, (panel, panel), interpolation=way)


def _curve(path: Path, stage: str) -> tuple[CurvePoint, ...]:
    """Return one stage of a training's curve; empty where nothing was logged."""
    if not path.exists():
        return ()
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["stage"] == stage]
    return tuple(
        CurvePoint(
            int(row["step"]),
            float(row["seconds"]),
            {name: float(row[name]) for name in _FIGURES if row.get(name)},
        )
        for row in rows
    )
