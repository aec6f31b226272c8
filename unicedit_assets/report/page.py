"""The report: one static HTML page that needs no network and trusts no text.

The page's own style and script are the only ones its Content-Security-Policy lets in (by hash),
pictures are ``data:`` URIs, every text is escaped, and nothing else can be loaded or sent.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from unicedit_assets.domain.unicbench import HIGHEST, METRICS
from unicedit_assets.pipeline.project import Project
from unicedit_assets.report import benchmark, charts, verifiers
from unicedit_assets.report.benchmark import LANGUAGE_NAMES, Benchmark
from unicedit_assets.report.facts import Facts, Step, collect_facts
from unicedit_assets.report.text import visible
from unicedit_assets.report.wording import stage_words

_BENCHMARK_STAGE = "unicbench_scores"
_AXES = tuple(metric for metric in METRICS if metric != "overall")


def write_report(project: Project, path: Path) -> Path:
    """Write the report about everything that is up to date and return its path.

    The page appears whole or not at all; the same project gives the same bytes.
    """
    page = render(collect_facts(project), path.absolute().parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(page)
        Path(draft).chmod(0o644)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return path


def render(facts: Facts, folder: Path) -> str:
    """Return the page.

    Args:
        facts: what it tells.
        folder: where it will lie; links to local releases are relative to it.
    """
    environment = Environment(
        loader=PackageLoader("unicedit_assets.report"),
        # Whatever the template is called, its texts are escaped.
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "share": share,
        "score": score,
        "thousands": thousands,
        "figure": figure,
        "estimate": verifiers.estimate,
        "rate": verifiers.rate,
    }
    environment.globals |= {
        "words": stage_words,
        "languages": LANGUAGE_NAMES,
        "regions": charts.regions,
    }
    style, script = (_asset(environment, name) for name in ("style.css", "script.js"))
    return environment.get_template("page.html.j2").render(
        facts=facts,
        style=style,
        script=script,
        policy=policy(style, script),
        links={one.name: link(one.url, folder) for one in facts.releases},
        tasks=_by_task(facts),
        **_charts(facts),
    )


def _asset(environment: Environment, name: str) -> Markup:
    """Return one of our own files as it stands; its hash goes into the policy."""
    assert environment.loader is not None
    source, _, _ = environment.loader.get_source(environment, name)
    return Markup(source)  # noqa: S704 - ours, not from data


def policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy: our style, our script, inline pictures, nothing else."""
    return "; ".join(
        [
            "default-src 'none'",
            "img-src data:",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def link(url: str, folder: Path) -> str:
    """Return a relative link to a local release, or nothing where a browser could not follow."""
    if "://" in url:
        return ""
    return "./" + quote(Path(os.path.relpath(url, folder)).as_posix())


def share(part: float, whole: float) -> str:
    """Return a rate in per cent, or a dash when there is nothing to compare with."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def score(value: float | None) -> str:
    """Return a score, or a dash where nothing was scored: that is no zero."""
    return "–" if value is None else f"{value:.2f}"


def thousands(value: int) -> str:
    """Return a count with its thousands set apart."""
    return f"{value:,}"


def figure(value: float) -> str:
    """Return a measured figure with four digits that count."""
    return f"{value:.4g}"


def _by_task(facts: Facts) -> Mapping[str, Any]:
    tasks: dict[str, list[Any]] = {}
    for line in facts.distribution.lines:
        tasks.setdefault(line.task, []).append(line)
    return tasks


def _charts(facts: Facts) -> dict[str, Any]:
    steps = [step for step in facts.funnel if step.stage != _BENCHMARK_STAGE]
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
