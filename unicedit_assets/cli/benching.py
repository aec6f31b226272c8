"""What the benchmark's commands do: a bar while it runs, a table and sums that agree at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from resources.judges import VLLM, JudgeChoice, is_url, judge_from
from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.folder import (
    counts_of,
    default_out,
    require_same_benchmark,
    write_run,
)
from unicedit_assets.bench.generate import Made, generate
from unicedit_assets.bench.judges import BenchJudge
from unicedit_assets.bench.run import Outcome, Run, RunSettings
from unicedit_assets.bench.run import Progress as RunProgress
from unicedit_assets.bench.samples import Sample, SampleList
from unicedit_assets.bench.store import RecordStore
from unicedit_assets.bench.summary import ALL, TaskLine, task_lines
from unicedit_assets.domain.roles import Editor
from unicedit_assets.domain.unicbench import METRICS

_SHORT = ("IF", "NC", "VQ", "RA", "Overall")
_INTERRUPTED = 130
_REASON = 160


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "-/s")


def bar(console: Console) -> Progress:
    """Return a bar with counts, rate, and the times elapsed and remaining."""
    return Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
    )


def judges_of(
    specs: Sequence[str], choice: JudgeChoice, models: Sequence[str], revisions: Sequence[str]
) -> list[BenchJudge]:
    """Return the judges of a command line; models and revisions go to the URLs in their order.

    Raises:
        BenchError: more models than URLs, or a judge that stands for nothing.
    """
    urls = [spec for spec in specs if is_url(spec)]
    dated = [spec for spec in specs if is_url(spec) or spec.startswith(VLLM)]
    if len(models) > len(urls) or len(revisions) > len(dated):
        raise BenchError("more --judge-model or --judge-revision than judges to take them")
    left, dates = list(models), list(revisions)
    judges = []
    for spec in specs:
        model = left.pop(0) if is_url(spec) and left else ""
        revision = dates.pop(0) if spec in dated and dates else ""
        judges.append(judge_from(spec, choice, model, revision))
    return judges


def score_and_show(
    named: tuple[Sequence[str], Sequence[str], Sequence[str]],
    choice: JudgeChoice,
    samples: SampleList,
    settings: RunSettings,
    out: Path | None,
    console: Console,
) -> None:
    """Build judges and run, and see ``run_and_show``.

    Args:
        named: judges, and the models and revisions of those that take one.
    """
    run_and_show(Run(samples, judges_of(named[0], choice, *named[1:]), settings), out, console)


def run_and_show(run: Run, out: Path | None, console: Console) -> None:
    """Score, with a bar; end with the table and the counts.

    Raises:
        BenchError, BackendDownError: it cannot begin or go on; what came is kept.
        Exit: interrupted, or coverage is required and was not reached.
    """
    place = out or default_out(run.settings.images, run.settings.model)
    require_same_benchmark(place, run.samples.sha256)
    try:
        with RecordStore(place) as store, bar(console) as progress:
            write_run(place, run, None)
            for judge in run.judges:
                if judge.load:
                    judge.load()
            task = progress.add_task("questions", total=run.questions(), note="")

            def tell(now: RunProgress) -> None:
                note = f"{now.kept} from before, {now.unscored} unscored"
                progress.update(task, completed=now.done, note=note)

            outcome = run.score(store, tell)
            write_run(place, run, outcome)
        for judge in run.judges:
            judge.close()
    except KeyboardInterrupt:
        console.print(f"stopped; every reply so far is in {place}: the same command goes on")
        raise typer.Exit(_INTERRUPTED) from None
    show(run, outcome, console)
    console.print(f"records: {place}", soft_wrap=True, markup=False)
    if run.settings.require_coverage and outcome.coverage < 1:
        raise BenchError(f"--require-coverage: only {outcome.coverage:.2%} was scored")


def show(run: Run, outcome: Outcome, console: Console) -> None:
    """Print a table a judge, the counts, and what a person should know."""
    lines = task_lines(outcome.outputs, outcome.rows, [judge.name for judge in run.judges])
    for judge in run.judges:
        mine = [line for line in lines if line.judge == judge.name]
        console.print(_table(run, judge, mine))
    counts = counts_of(outcome)
    parts = " + ".join(f"{number} {state.value}" for state, number in outcome.states.items())
    console.print(f"expected {counts['expected']} outputs = {parts}", highlight=False)
    for name, tally in outcome.tallies.items():
        said = f"asked {tally.asked} questions = {tally.scored} scored + {tally.unscored} unscored"
        console.print(escape(f"{name}: {said}"), highlight=False)
        if tally.unscored:
            why = f"unscored {_commonest(outcome, name)}"
            console.print(why, soft_wrap=True, markup=False, highlight=False)
    if outcome.kept:
        console.print(f"{outcome.kept} replies were there from before", highlight=False)
    for note in outcome.notes:
        console.print(f"note: {note}", soft_wrap=True, markup=False, highlight=False)


def _commonest(outcome: Outcome, judge: str) -> str:
    """Return the reason that most of a judge's unscored questions have in common."""
    reasons = Counter(
        str(row["reason"])
        for row in outcome.rows
        if row["judge"] == judge and row["status"] == "unscored"
    )
    ((reason, number),) = reasons.most_common(1)
    shown = shorten(" ".join(reason.split()), _REASON, placeholder="...")
    return f"{number} times for this reason: {shown}"


def _table(run: Run, judge: BenchJudge, lines: Sequence[TaskLine]) -> Table:
    scored = sum(line.scored for line in lines if line.task == ALL)
    expected = len(run.outputs)
    title = f"UnicBench: {run.settings.model} by {judge.name}"
    if run.settings.variant != "base":
        title += f", {run.settings.variant}"
    if scored < expected:
        title += f" - INCOMPLETE: {scored} of {expected} samples scored ({scored / expected:.1%})"
    table = Table(
        title=escape(title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    for name in ("", "task"):
        table.add_column(name, no_wrap=True)
    for name in (*_SHORT, "scored"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        cells = [_cell(line.means[metric]) for metric in METRICS]
        style = "bold" if line.task == ALL else None
        share = f"{line.scored}/{line.expected}"
        table.add_row(line.language, line.task, *cells, share, style=style)
    return table


def _cell(mean: float | None) -> str:
    return "-" if mean is None else f"{mean:.4f}"


def generate_and_show(
    samples: Sequence[Sample],
    languages: Sequence[str],
    editor: Editor,
    out: Path,
    name: str,
    console: Console,
) -> None:
    """Edit the benchmark, with a bar; end with what was made, kept and failed.

    Raises:
        BenchError: it cannot begin.
        Exit: interrupted, or not a single picture could be made.
    """
    made = Made()
    try:
        with bar(console) as progress:
            total = len(samples) * len(languages)
            task = progress.add_task("edits", total=total, note="")
            for made in generate(samples, languages, editor, out, name):
                note = f"{made.kept} from before, {len(made.failures)} failed"
                progress.update(task, completed=made.done, note=note)
    except KeyboardInterrupt:
        console.print(f"stopped; finished pictures are in {out / name}: the same command goes on")
        raise typer.Exit(_INTERRUPTED) from None
    console.print(
        f"{made.edited} edits made, {made.kept} were there, {len(made.failures)} failed",
        highlight=False,
    )
    for place, why in list(made.failures.items())[:5]:
        console.print(f"failed: {place}: {why}", soft_wrap=True, markup=False, highlight=False)
    console.print(f"outputs: {out / name}", soft_wrap=True, markup=False)
    if made.failures and len(made.failures) == made.done:
        raise typer.Exit(1)
