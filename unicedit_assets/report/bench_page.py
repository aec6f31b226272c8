"""The benchmark's page: tables with intervals, radars, coverage, agreement, single samples."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from unicedit_assets.bench.agreement import agreements
from unicedit_assets.bench.exports.paper import JUDGE, SOURCE, TABLE_4, PaperRow
from unicedit_assets.bench.exports.tables import HEADINGS, Result, languages_of, ranked, title_of
from unicedit_assets.bench.results import Results, label
from unicedit_assets.bench.samples import SampleList
from unicedit_assets.bench.sheet import JUDGED
from unicedit_assets.bench.statistics import BOTH, SUBTASK, TASK, WHOLE, Group, Line, disagreement
from unicedit_assets.domain.taxonomy import TASKS
from unicedit_assets.domain.unicbench import HIGHEST, METRICS, SHORT
from unicedit_assets.report import charts
from unicedit_assets.report.bench_cases import collect_cases
from unicedit_assets.report.pages import asset, page_environment, policy
from unicedit_assets.report.text import bounded
from unicedit_assets.storage.files import write_text

PER_GROUP = 4
# Room for names such as "Transformation" beside a radar.
_MARGIN = 45
_NO_INTERVAL = "one sample"


def write_bench_page(
    results: Results, samples: SampleList | None, path: Path, per_group: int = PER_GROUP
) -> Path:
    """Write the page about some runs and return its path; equal records give an equal page."""
    return write_text(path, render_bench(results, samples, per_group))


def render_bench(results: Results, samples: SampleList | None, per_group: int) -> str:
    """Return the page."""
    lines = ranked(results.results(), languages_of(results.results(resamples=10)))
    languages = languages_of(lines)
    cases = collect_cases(results, samples, per_group)
    subtasks = _subtasks(lines)
    return _render(
        "bench.html.j2",
        title=title_of(lines, languages),
        incomplete="INCOMPLETE" in title_of(lines, languages),
        results=lines,
        languages=languages,
        headings=HEADINGS,
        line=lambda result, *group: result.line(Group(*group)),
        label=label,
        keys={each.run: charts.key_mark(number) for number, each in enumerate(lines)},
        metrics=[(metric, SHORT[metric]) for metric in METRICS],
        metric_radars={lang: _metric_radar(lines, lang) for lang in languages},
        task_radars={lang: _task_radars(lines, lang, subtasks) for lang in languages},
        subtasks=subtasks,
        short_of=[_shortages(each, languages) for each in lines],
        repeats=_repeats(results),
        agreements=agreements(results.sheets),
        cases=cases,
        has_sources=samples is not None,
        origin=_origin(results, samples),
    )


def write_leaderboard(results: Results, path: Path) -> Path:
    """Write a page that ranks several models, the paper's rows beneath, and return its path."""
    lines = results.results()
    languages = languages_of(lines)
    page = _render(
        "leaderboard.html.j2",
        title=title_of(lines, languages),
        boards={lang: _by_judge(ranked(lines, [lang])) for lang in languages},
        headings=HEADINGS,
        line=lambda result, *group: result.line(Group(*group)),
        metrics=[(metric, SHORT[metric]) for metric in METRICS],
        paper={lang: _by_overall(rows) for lang, rows in TABLE_4.items()},
        paper_judge=JUDGE,
        paper_source=SOURCE,
        origin=_origin(results, None),
    )
    return write_text(path, page)


def _by_judge(ranking: Sequence[Result]) -> dict[str, list[Result]]:
    """Return judge -> its runs, best first: nobody can say which of two judges' rows is better."""
    boards: dict[str, list[Result]] = {}
    for each in ranking:
        boards.setdefault(each.run.judge, []).append(each)
    return dict(sorted(boards.items()))


def _by_overall(rows: Mapping[str, PaperRow]) -> dict[str, PaperRow]:
    return dict(sorted(rows.items(), key=lambda item: -item[1].overall))


def _render(name: str, **known: Any) -> str:
    environment = page_environment()
    environment.filters["interval"] = interval
    style, script = (asset(environment, each) for each in ("style.css", "script.js"))
    return environment.get_template(name).render(
        style=style,
        script=script if name == "bench.html.j2" else Markup(""),
        policy=policy(style, script if name == "bench.html.j2" else Markup("")),
        **known,
    )


def interval(found: Any) -> str:
    """Return an estimate's interval, or why there is none."""
    if found is None:
        return ""
    if found.low is None or found.high is None:
        return _NO_INTERVAL
    return f"{found.low:.2f}–{found.high:.2f}"


def _whole(result: Result, language: str) -> Line | None:
    return result.line(Group(language, WHOLE, BOTH))


def _subtasks(lines: Sequence[Result]) -> Mapping[str, list[str]]:
    """Return task -> its subtasks that any run has samples of."""
    present = {
        line.group.name for each in lines for line in each.lines if line.group.level == SUBTASK
    }
    found = {task: [name for name in names if name in present] for task, names in TASKS.items()}
    return {task: names for task, names in found.items() if names}


def _metric_radar(lines: Sequence[Result], language: str) -> Markup:
    series = [
        charts.Series(label(each.run), tuple(_mean(_whole(each, language), m) for m in JUDGED))
        for each in lines
    ]
    title = f"Metrics, instructions in {HEADINGS[language]}"
    return charts.radar(title, [SHORT[metric] for metric in JUDGED], series, HIGHEST)


def _task_radars(
    lines: Sequence[Result], language: str, subtasks: Mapping[str, Sequence[str]]
) -> dict[str, Markup]:
    """Return a radar of overall scores for each task with three subtasks or more, and of tasks."""
    found = {}
    if len(subtasks) >= 3:
        found["All tasks"] = _radar(lines, language, TASK, list(subtasks))
    for task, names in subtasks.items():
        if len(names) >= 3:
            found[task] = _radar(lines, language, SUBTASK, names)
    return found


def _radar(lines: Sequence[Result], language: str, level: str, names: Sequence[str]) -> Markup:
    series = [
        charts.Series(
            label(each.run),
            tuple(_mean(each.line(Group(language, level, name)), "overall") for name in names),
        )
        for each in lines
    ]
    axes = [name.removesuffix(" Edits").removesuffix(" Editing") for name in names]
    title = f"Overall by {level}, instructions in {HEADINGS[language]}"
    return charts.radar(title, axes, series, HIGHEST, _MARGIN)


def _mean(line: Line | None, metric: str) -> float | None:
    found = line.estimates[metric] if line else None
    return found.mean if found else None


def _shortages(result: Result, languages: Sequence[str]) -> dict[str, Any]:
    """Return what is not scored of a run: one entry a language and a subtask that lacks any."""
    lines = [_whole(result, language) for language in languages]
    missing = [
        line
        for line in result.lines
        if line.group.level == SUBTASK and line.group.language != BOTH and line.covered.share < 1
    ]
    return {"run": result.run, "lines": [line for line in lines if line], "missing": missing}


def _repeats(results: Results) -> list[tuple[str, Mapping[str, Any]]]:
    found = [(label(sheet.run), disagreement(sheet)) for sheet in results.sheets]
    return [(name, told) for name, told in found if any(told.values())]


def _origin(results: Results, samples: SampleList | None) -> dict[str, str]:
    """Return where the figures come from."""
    told = {"Folders": ", ".join(str(folder) for folder in results.folders)}
    if results.data:
        told["Benchmark list"] = results.data
    for run in results.runs:
        if "data_sha256" in run:
            told["Its hash"] = str(run["data_sha256"])
        if "rule" in run:
            told[f"Resize rule of {run.get('model', 'the model')}"] = str(run["rule"])
        for judge in run.get("judges", ()):
            known = {
                **judge.get("identity", {}),
                "pictures": [judge.get("max_pixels"), judge.get("encoding", "png")],
            }
            about = json.dumps(known, sort_keys=True, ensure_ascii=False)
            words = f"{judge.get('model', '')} {judge.get('revision', '')}".strip()
            told[f"Judge {judge.get('name', '')}"] = bounded(f"{words}; {about}", 800)
    if samples:
        told["Samples in the list"] = str(len(samples.samples))
    return told
