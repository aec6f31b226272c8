"""``unicedit bench report``, ``compare``, ``export``, ``truth``: what came out, for people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.samples import SampleList
from unicedit_assets.bench.sheet import JUDGED
from unicedit_assets.cli.bench import bench_app, load
from unicedit_assets.cli.bench_options import (
    DEFAULT_HOME,
    HomeOption,
    SourcesOption,
    SubtasksOption,
)
from unicedit_assets.domain.unicbench import SHORT

if TYPE_CHECKING:
    from unicedit_assets.bench.truth import Cell

__all__ = ["bench_app", "compare", "export", "report", "truth"]

console = Console()

FoldersArgument = Annotated[
    list[Path], typer.Argument(help="Folders that `bench score` wrote: IMAGES/MODEL/unicbench.")
]
DataOption = Annotated[
    str | None,
    typer.Option("--data", help="The benchmark that was scored; default: as the run names it."),
]


@bench_app.command()
def report(
    folders: FoldersArgument,
    out: Annotated[Path, typer.Option(help="The HTML file.")] = Path("unicbench.html"),
    data: DataOption = None,
    sources: SourcesOption = None,
    worst: Annotated[
        int, typer.Option(min=1, help="Samples shown of each run, language and subtask.")
    ] = 4,
) -> None:
    """Write one static page: tables with intervals, radars, coverage, and a per-sample browser.

    Several folders make one page about several models. Without the benchmark's list the page has
    neither sources nor instructions.
    """
    from unicedit_assets.bench.results import read_results
    from unicedit_assets.report.bench_page import write_bench_page

    with console.status("reading"):
        results = read_results(folders)
        samples = _samples(results.data, data, sources)
        if samples:
            results.require_list(samples)
    with console.status("writing"):
        path = write_bench_page(results, samples, out, worst)
    console.print(f"report: {path}", soft_wrap=True, markup=False)


def _samples(named: str, data: str | None, sources: Path | None) -> SampleList | None:
    """Return the benchmark; None where nobody gave one and the run's is no longer there."""
    if data is not None:
        return load(data, sources)
    if not named or not Path(named).exists():
        console.print(
            "note: the benchmark's list is not at hand: name it with --data", highlight=False
        )
        return None
    return load(named, sources)


@bench_app.command()
def compare(
    first: Annotated[str, typer.Argument(help="MODEL, MODEL:VARIANT, or either with @JUDGE.")],
    second: Annotated[str, typer.Argument(help="The same of another run.")],
    folders: Annotated[
        list[Path], typer.Option("--in", help="Folder that `bench score` wrote (repeatable).")
    ],
    metric: Annotated[
        str, typer.Option(help="overall, or one of the four metrics by its name.")
    ] = "overall",
    tasks_only: Annotated[bool, typer.Option("--tasks-only", help="Leave subtasks out.")] = False,
) -> None:
    """Compare two models, variants or judges pair by pair, with intervals and p-values.

    Subtasks' p-values are corrected by Holm's method; a star marks what stays below 0.05. Up and
    down: shares of samples in which the second scores higher, or lower.
    """
    from unicedit_assets.bench.compare import compare as compare_runs
    from unicedit_assets.bench.compare import verdict
    from unicedit_assets.bench.results import label, read_results
    from unicedit_assets.domain.unicbench import METRICS

    if metric not in METRICS:
        raise typer.BadParameter(f"no metric {metric!r}; there are: {', '.join(METRICS)}")
    results = read_results(folders)
    one, two = results.sheet(first), results.sheet(second)
    with console.status("resampling"):
        found = compare_runs(one, two)
    table = _table(f"{metric}: {label(two.run)} minus {label(one.run)}", "", "group")
    for name in ("difference [95 %]", "p", "up/down", "pairs"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in found.rows:
        if tasks_only and row.group.level == "subtask":
            continue
        apart = row.differences[metric]
        cells = ["-"] * 4
        if apart:
            known = apart.low is not None and apart.high is not None
            cells = [
                f"{apart.mean:+.2f}" + (f" [{apart.low:+.2f}, {apart.high:+.2f}]" if known else ""),
                f"{_p(apart.corrected)}{'*' if apart.corrected <= 0.05 else ''}",
                f"{apart.better:.0%}/{apart.worse:.0%}",
                str(apart.samples),
            ]
        style = "bold" if row.group.level == "overall" else None
        name = ("  " if row.group.level == "subtask" else "") + row.group.name
        table.add_row(row.group.language, name, *cells, style=style)
    console.print(table)
    console.print(f"overall: {escape(verdict(found))}", highlight=False)
    if found.only_first or found.only_second:
        console.print(
            f"not compared: {found.only_first} that only the first has, {found.only_second} that "
            "only the second has",
            highlight=False,
        )


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD)
    for name in columns:
        table.add_column(name, no_wrap=True)
    return table


@bench_app.command()
def export(
    folders: FoldersArgument,
    out: Annotated[Path, typer.Option(help="Folder for the files.")],
    data: DataOption = None,
    sources: SourcesOption = None,
) -> None:
    """Write upstream's files, CSV, Markdown, LaTeX (the paper's Table 4 form) and a leaderboard.

    Upstream's JSONL and statistics go to OUT/MODEL/eval_output/JUDGE, the others to OUT.
    """
    from unicedit_assets.bench.exports import tables
    from unicedit_assets.bench.exports.upstream import Texts, write_upstream
    from unicedit_assets.bench.results import read_results
    from unicedit_assets.report.bench_page import write_leaderboard
    from unicedit_assets.storage.files import write_text

    results = read_results(folders)
    samples = _samples(results.data, data, sources)
    if samples is None:
        raise BenchError("upstream's files hold the instructions: name the list with --data")
    results.require_list(samples)
    lines = results.results()
    written = [
        write_text(out / "unicbench.csv", tables.csv_text(lines)),
        write_text(out / "unicbench.md", tables.markdown(lines)),
        write_text(out / "unicbench.tex", tables.latex(lines)),
        write_leaderboard(results, out / "leaderboard.html"),
    ]
    instructions = results.texts(samples).instructions
    for sheet in results.sheets:
        texts = Texts(instructions, results.paths_of(sheet.run))
        written += write_upstream(out, sheet, results.records, texts)
    title = tables.title_of(lines, tables.languages_of(lines))
    console.print(escape(title), highlight=False, soft_wrap=True)
    console.print(f"{len(written)} files in {out}", soft_wrap=True, markup=False)


@bench_app.command()
def truth(
    judge: Annotated[
        str, typer.Option(help="A URL, vllm:PATH, a name of the project's \\[vlms], or `embedded`.")
    ] = "embedded",
    judge_model: Annotated[str, typer.Option(help="The model's name at a URL.")] = "",
    photos: Annotated[
        Path | None, typer.Option(help="A folder of photographs; default: a public package's.")
    ] = None,
    pictures: Annotated[int, typer.Option(min=2, help="Photographs to plant faults in.")] = 12,
    seed: Annotated[int, typer.Option(help="Decides pictures, instructions and faults.")] = 1,
    full_damage: Annotated[
        bool,
        typer.Option("--full-damage", help="Degrade as strongly as the pipeline's faults do."),
    ] = False,
    subtasks: SubtasksOption = None,
    top: Annotated[Path, typer.Option(help="Where photographs go.")] = Path("demo"),
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Plant faults and show how far each of a judge's metrics falls for each of them.

    Every metric must fall for its own fault and must not fall for the others; exit code 1 when one
    does not. Bold: its own fault; plain: it may fall as well; dim: it must not.
    """
    from resources.judges import JudgeChoice, judge_from
    from unicedit_assets.bench.truth import draw_cases, matrix, measure
    from unicedit_assets.cli.benching import bar
    from unicedit_assets.cli.photographs import fetch

    chosen = judge_from(judge, JudgeChoice(home=home), judge_model)
    folder = photos or fetch(top / "photographs").folder
    if chosen.load:
        chosen.load()
    planted = draw_cases(folder, pictures, seed, full_damage, subtasks or ())
    with bar(console) as progress:
        task = progress.add_task("cases", total=None, note="")
        drops = measure(chosen, planted, lambda: progress.advance(task))
    cells = matrix(drops)
    console.print(matrix_table(chosen.name, cells))
    broken = [cell for cell in cells if cell.holds is False]
    for cell in broken:
        console.print(f"[red]broken[/] {cell.metric} for {cell.fault} ({cell.rule})")
    unknown = sorted({cell.fault for cell in cells if cell.rule == "own" and cell.holds is None})
    if unknown:
        console.print(f"no case of: {', '.join(unknown)}; try more --pictures", highlight=False)
    raise typer.Exit(1 if broken or unknown else 0)


def matrix_table(name: str, cells: list[Cell]) -> Table:
    """Return the matrix of mean drops with intervals."""
    table = _table(f"{name}: mean drop in points, right minus faulty", "fault")
    for metric in JUDGED:
        table.add_column(SHORT[metric], justify="right")
    table.add_column("cases", justify="right")
    styles = {"own": "bold", "may": "", "not": "dim"}
    for fault in dict.fromkeys(cell.fault for cell in cells):
        row = [cell for cell in cells if cell.fault == fault]
        texts = []
        for cell in row:
            drop = cell.drop
            text = "-" if drop is None else f"{drop.mean:.2f}"
            if drop and drop.low is not None and drop.high is not None:
                text += f" [{drop.low:.2f}, {drop.high:.2f}]"
            texts.append(Text(text, style="red" if cell.holds is False else styles[cell.rule]))
        most = max((cell.drop.samples for cell in row if cell.drop), default=0)
        table.add_row(fault, *texts, str(most))
    return table
