"""A judge over a scripted model, and runs over small worlds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench_world import MODEL, World
from vlm.scripted import ScriptedVlm

from unicedit_assets.bench.judges import BenchJudge, VlmBenchJudge
from unicedit_assets.bench.run import Outcome, Progress, Run, RunSettings
from unicedit_assets.bench.store import RecordStore
from unicedit_assets.vlm.encoding import Encoding
from unicedit_assets.vlm.judge import JudgeOptions, VlmJudge
from unicedit_assets.vlm.judge_prompts import JudgePrompts
from unicedit_assets.vlm.roles import Question, Vlm


def judge_of(
    vlm: Vlm,
    label: str = "scripted",
    prompts: JudgePrompts | None = None,
    max_pixels: int = 1_000_000,
    encoding: Encoding = Encoding.PNG,
    **options: Any,
) -> VlmBenchJudge:
    judge = VlmJudge(vlm, JudgeOptions(**options), prompts)
    return VlmBenchJudge(label, judge, label, "1", max_pixels, encoding=encoding)


def grade(question: Question) -> Any:
    """Grade by the length of the metric's name: three different ones."""
    return {"reasoning": "seen", "score": len(question.name) % 5 + 3}


def scripted(by: Any = grade) -> ScriptedVlm:
    return ScriptedVlm(by=by)


def run(
    world: World, out: Path, *judges: BenchJudge, told: list[Progress] | None = None, **changed: Any
) -> Outcome:
    """Score a world's outputs."""
    settings = RunSettings(
        **{"images": world.images, "model": MODEL, "languages": ("en",)} | changed
    )
    with RecordStore(out) as store:
        tell = (lambda _: None) if told is None else told.append
        return Run(world.samples, list(judges), settings).score(store, tell)
