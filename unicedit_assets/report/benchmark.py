"""The benchmark's table and radar charts: means over what was scored, and how much that was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from unicedit_assets.domain.schemas import ROWS
from unicedit_assets.domain.taxonomy import TASKS
from unicedit_assets.domain.unicbench import LANGUAGES, METRICS, SHORT, Line, summarise
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.unicbench import benchmark_ref

LANGUAGE_NAMES: Mapping[str, str] = MappingProxyType({"en": "English", "cn": "Chinese"})


__all__ = ["LANGUAGE_NAMES", "SHORT", "Benchmark", "ModelLine", "collect_benchmark"]


@dataclass(frozen=True)
class ModelLine:
    """One model in one language; a mean is None where nothing was scored.

    Attributes:
        means: metric -> mean over scored samples, 0-10.
        tasks: task -> overall, likewise.
        subtasks: subtask -> overall, likewise.
    """

    model: str
    language: str
    means: Mapping[str, float | None]
    tasks: Mapping[str, float | None]
    subtasks: Mapping[str, float | None]
    scored: int
    samples: int


@dataclass(frozen=True)
class Benchmark:
    """All models; ``subtasks`` are those that the benchmark has samples of."""

    lines: tuple[ModelLine, ...]
    models: tuple[str, ...]
    subtasks: tuple[str, ...]
    samples: int


def collect_benchmark(project: Project) -> Benchmark:
    """Return the scores of every model and language that are up to date."""
    samples = project.find(benchmark_ref())
    asked: Counter[str] = Counter()
    if samples and samples.rows():
        asked.update(project.ledger.read(samples, ROWS, ["subtask"])["subtask"].to_pylist())
    lines = [
        line
        for language in LANGUAGES
        for model in sorted(project.backends.models)
        if (line := _line(project, model, language, asked.total()))
    ]
    return Benchmark(
        lines=tuple(lines),
        models=tuple(dict.fromkeys(line.model for line in lines)),
        subtasks=tuple(name for group in TASKS.values() for name in group if asked[name]),
        samples=asked.total(),
    )


def _line(project: Project, model: str, language: str, samples: int) -> ModelLine | None:
    manifest = project.find(Ref("unicbench_scores", f"{model}/{language}"))
    if manifest is None:
        return None
    columns = ["task", "subtask", *METRICS]
    rows = project.ledger.read(manifest, ROWS, columns).to_pylist()
    whole = summarise(rows, lambda row: "all", {"all": samples or manifest.counts.inputs})[0]
    return ModelLine(
        model=model,
        language=language,
        means=whole.means,
        tasks=_overall(rows, "task"),
        subtasks=_overall(rows, "subtask"),
        scored=whole.scored,
        samples=whole.samples,
    )


def _overall(rows: list[dict[str, Any]], column: str) -> dict[str, float | None]:
    lines: list[Line] = list(summarise(rows, lambda row: str(row[column]), {}))
    return {line.group: line.means["overall"] for line in lines}
