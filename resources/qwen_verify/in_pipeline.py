"""The pipeline's trainer of verifiers: from a job to the stages, and back with weights and a curve.

Importing this loads nothing heavy; torch waits for the first job.
"""

from __future__ import annotations

import copy
import csv
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.progress import Progress

from resources.editors.weights import weights_version
from resources.gpu import free_memory
from unicedit_assets.domain.identity import Json
from unicedit_assets.qwen_verify.question import Example
from unicedit_assets.qwen_verify.training import (
    SMALL,
    STAGES,
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
# Examples that the tokenizer of a small model sees.
_CORPUS = 8_000
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
            return {f"{stage}.minutes": minutes / 2 for stage in STAGES} if minutes else {}
        _require()
        from resources.qwen_verify.small import small_settings

        chosen = small_settings(minutes or _SMALL_MINUTES).model_dump(mode="json")
        return dict(_flat(chosen))

    def train(self, job: TrainingJob) -> Trained:
        """Carry out one stage; see ``VerifierTrainer``."""
        settings = TrainingSettings.model_validate(job.settings)
        if job.method is Method.D2PO and settings.trouble_with_d2po:
            raise TrainingError(settings.trouble_with_d2po)
        _require()
        job.work.mkdir(parents=True, exist_ok=True)
        name = job.method.value
        folder = job.work / name / "model"
        # It gets its name when all of it is written.
        if not folder.is_dir():
            folder = _stage(job, settings)
            free_memory()  # a Trainer refers to itself, and to what it trained
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

    from resources.qwen_verify import preparing, stages

    cpu = not torch.cuda.is_available()
    settings = preparing.resolved(settings)
    out = job.work / job.method.value
    if job.method is not Method.SFT:
        second = settings.preference.model_copy(update={"context": job.method is Method.D2PO})
        settings = settings.model_copy(update={"preference": second})
    model, collator = _begun(job, settings)
    examples = _ready(job, collator.layout.side)
    if job.method is Method.SFT:
        model = preparing.fast(model, collator, cpu)
        return stages.sft(model, collator, examples, settings, out, cpu=cpu)
    # A copy that was made after layers were fused could not be frozen apart from them.
    adapters = hasattr(model, "disable_adapter")
    reference = None if adapters else preparing.fast(copy.deepcopy(model), collator, cpu)
    model = preparing.fast(model, collator, cpu)
    return stages.preference(model, collator, examples, settings, out, cpu, reference)


def _begun(job: TrainingJob, settings: TrainingSettings) -> tuple[Any, Any]:
    """Return the model that a stage begins with, and what makes its batches."""
    from resources.qwen_verify import preparing

    if job.base == SMALL:
        return preparing.from_nothing(_corpus(job.examples), settings)
    try:
        return preparing.from_folder(job.base, settings)
    except ValueError as error:
        raise TrainingError(str(error)) from error


def _corpus(examples: Sequence[Example]) -> list[str]:
    """Return what the tokenizer of a small model learns from: all texts of the first examples."""
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
    from resources.qwen_verify.store import ExampleFolder, render

    def drawn(index: int) -> Example:
        one = examples[index]
        return replace(one, source=_fitted(one.source, panel), edited=_fitted(one.edited, panel))

    folder = job.work / f"{job.method.value}-pairs"
    with Progress(disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("drawing pairs", total=len(examples))
        render(folder, drawn, len(examples), lambda done: bar.update(task, completed=done))
    return ExampleFolder(folder)


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
