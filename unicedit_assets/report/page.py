"""The report about a project: funnel, distribution, gallery, rejects, benchmark, provenance."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from unicedit_assets.domain.unicbench import HIGHEST, METRICS
from unicedit_assets.pipeline.project import Project
from unicedit_assets.report import benchmark, charts, verifiers
from unicedit_assets.report.benchmark import LANGUAGE_NAMES, Benchmark
from unicedit_assets.report.facts import Facts, Step, collect_facts
from unicedit_assets.report.pages import asset, page_environment, policy
from unicedit_assets.storage.files import write_text

_BENCHMARK_STAGES = ("unicbench", "unicbench_edits", "unicbench_scores")
_AXES = tuple(metric for metric in METRICS if metric != "overall")


def write_report(project: Project, path: Path) -> Path:
    """Write the report about everything that is up to date and return its path.

    The page appears whole or not at all; the same project gives the same bytes.
    """
    return write_text(path, render(collect_facts(project), path.absolute().parent))


def render(facts: Facts, folder: Path) -> str:
    """Return the page.

    Args:
        facts: what it tells.
        folder: where it will lie; links to local releases are relative to it.
    """
    environment = page_environment()
    environment.filters |= {"estimate": verifiers.estimate, "rate": verifiers.rate}
    style, script = (asset(environment, name) for name in ("style.css", "script.js"))
    return environment.get_template("page.html.j2").render(
        facts=facts,
        style=style,
        script=script,
        policy=policy(style, script),
        links={one.name: link(one.url, folder) for one in facts.releases},
        tasks=_by_task(facts),
        **_charts(facts),
    )


def link(url: str, folder: Path) -> str:
    """Return a relative link to a local release, or nothing where a browser could not follow."""
    if "://" in url:
        return ""
    return "./" + quote(Path(os.path.relpath(url, folder)).as_posix())


def _by_task(facts: Facts) -> Mapping[str, Any]:
    tasks: dict[str, list[Any]] = {}
    for line in facts.distribution.lines:
        tasks.setdefault(line.task, []).append(line)
    return tasks


def _charts(facts: Facts) -> dict[str, Any]:
    steps = [step for step in facts.funnel if step.stage not in _BENCHMARK_STAGES]
    widest = max((step.inputs for step in steps), default=0)
    lines = facts.distribution.lines
    most = 1.05 * max((max(one.written, one.accepted, one.target or 0) for one in lines), default=0)
    return {
        "steps": steps,
        "step_bars": {step.stage: _step_bar(step, widest) for step in steps},
        "reason_bars": {
            (step.stage, one.reason): charts.stacked_bar(
                [charts.Segment("failed" if one.failed else "rejected", one.count, one.reason)],
                widest,
            )
            for step in steps
            for one in step.reasons
        },
        "quota_bars": {
            one.subtask: charts.quota_bar(one.written, one.accepted, one.target, most)
            for one in lines
        },
        "radars": _radars(facts.benchmark),
        "keys": {name: charts.key_mark(n) for n, name in enumerate(facts.benchmark.models)},
        "metrics": [(metric, benchmark.SHORT[metric]) for metric in METRICS],
    }


def _step_bar(step: Step, widest: int) -> Markup:
    segments = [
        charts.Segment(kind, number, f"{number:,} {kind}")
        for kind, number in (
            ("accepted", step.accepted),
            ("rejected", step.rejected),
            ("failed", step.failed),
        )
    ]
    return charts.stacked_bar(segments, widest)


def _radars(scores: Benchmark) -> dict[str, Markup]:
    axes = [benchmark.SHORT[metric] for metric in _AXES]
    charted = {}
    for language, name in LANGUAGE_NAMES.items():
        of_language = {line.model: line for line in scores.lines if line.language == language}
        if of_language:
            series = [
                charts.Series(
                    model,
                    tuple(
                        of_language[model].means[metric] if model in of_language else None
                        for metric in _AXES
                    ),
                )
                for model in scores.models
            ]
            charted[language] = charts.radar(f"Instructions in {name}", axes, series, HIGHEST)
    return charted
