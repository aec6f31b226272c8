"""``unicedit``: the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from unicedit_assets.cli import synthetic, verify
from unicedit_assets.cli.bench_build import build_app
from unicedit_assets.cli.bench_home import from_home
from unicedit_assets.cli.bench_results import bench_app
from unicedit_assets.cli.data_sets import audit
from unicedit_assets.settings import HOME_VARIABLE

app = typer.Typer(
    help="The open data engine for instruction-based image editing.\n\n"
    "A project lives in a home folder (settings, Dagster instance, lake). Start with "
    "`unicedit demo`, then `unicedit register PHOTOS` and `unicedit run` for your own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console()

HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar=HOME_VARIABLE, help="The project's folder; made on first use."),
]
_HOME = Path("unicedit-home")


@app.command()
def demo(
    photos: Annotated[
        Path | None,
        typer.Option(help="A folder of your own photographs instead of a public package's."),
    ] = None,
    top: Annotated[Path, typer.Option(help="Where everything goes.")] = Path("demo"),
) -> None:
    """Take real photographs through the whole pipeline and show what came out.

    A second call recomputes nothing and says so. Ends with the funnel, the benchmark table and the
    paths of the release, the report and a machine-readable summary.
    """
    from unicedit_assets.cli.demo import run_demo

    run_demo(top, photos, console)


@app.command()
def register(
    source: Annotated[str, typer.Argument(help="A folder or s3://bucket/prefix.")],
    home: HomeOption = _HOME,
) -> None:
    """Register new photographs as shards; known ones are left alone.

    An image never changes its shard: new images make new shards. The first registration sets a few
    photographs aside for the benchmark (setting `holdout`).
    """
    from unicedit_assets.cli.home import enter
    from unicedit_assets.pipeline.intake import register_source

    with console.status("listing"):
        found = register_source(enter(home), source)
    console.print(
        f"{found.found} pictures found, {found.new} new, {found.held_out} held out for the "
        f"benchmark, {len(found.ignored)} other files ignored"
    )
    for reason, number in found.problems.items():
        console.print(f"  {number} with a problem: {reason} (they become rejects)")
    if found.copies:
        console.print(
            f"  {found.copies} left out: copies of photographs held out for the benchmark"
        )
    shards = ", ".join(found.shards) or "none"
    console.print(f"new shards: {shards}; next: `unicedit run`")


@app.command()
def run(
    select: Annotated[
        list[str] | None,
        typer.Option(help="Only these stages (repeatable); default: those of the pipeline."),
    ] = None,
    release: Annotated[
        str | None, typer.Option(help="Declare a release of this name first.")
    ] = None,
    home: HomeOption = _HOME,
) -> None:
    """Bring every partition up to date, through Dagster; what is up to date is left alone.

    A killed run resumes at its next chunk: just run it again.
    """
    from unicedit_assets.cli.home import enter, instance
    from unicedit_assets.cli.running import run_stages
    from unicedit_assets.pipeline.pending import EVERYTHING, PIPELINE

    unknown = sorted(set(select or ()) - set(EVERYTHING))
    if unknown:
        raise typer.BadParameter(f"no stage {unknown[0]!r}; there are: {', '.join(EVERYTHING)}")
    project = enter(home)
    if release:
        project.registry.add_release(release)
    report = run_stages(project, instance(), select or PIPELINE, console)
    console.print(f"{len(report.made)} partitions made, {report.current} were up to date")


@app.command()
def status(home: HomeOption = _HOME) -> None:
    """Show which partitions are current, stale, missing or blocked, and why."""
    from unicedit_assets.cli.home import enter
    from unicedit_assets.cli.tables import funnel_table, standing_table
    from unicedit_assets.pipeline.pending import State, standings
    from unicedit_assets.pipeline.summary import open_catalogue

    project = enter(home)
    found = standings(project)
    console.print(standing_table(found))
    for each in found:
        if each.state is State.BLOCKED:
            manifest = project.find(each.ref)
            failed = ", ".join(project.ledger.blocked(manifest)) if manifest else ""
            console.print(f"[red]blocked[/] {each.ref}: {failed}")
    with open_catalogue(project) as catalogue:
        console.print(funnel_table(catalogue.funnel()))


@app.command()
def repair(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what is damaged; exit code 1 if anything.")
    ] = False,
    remake: Annotated[
        bool, typer.Option("--remake", help="Make it again at once instead of at the next run.")
    ] = False,
    home: HomeOption = _HOME,
) -> None:
    """Find files of the lake that rotted, were cut short or are gone, and have them made again.

    Reads every byte of every current partition and compares it with the hash in its manifest. What
    is damaged moves to `quarantine/` inside the lake (nothing is deleted) and counts as missing, so
    that `unicedit run` makes it again; sound chunks are kept. Where that gives the same contents,
    whatever was made from it stays current; where it cannot, that becomes stale and is made again
    too. Safe to interrupt and to run beside other commands.
    """
    from unicedit_assets.cli.home import enter
    from unicedit_assets.cli.repairing import find_damage, set_damage_aside
    from unicedit_assets.cli.repairing import remake as make_again

    project = enter(home)
    found = find_damage(project, console)
    if not found:
        return
    if dry_run:
        raise typer.Exit(1)
    set_damage_aside(project, found, console)
    if remake:
        make_again(enter(home), found, console)
    else:
        console.print("next: `unicedit run`")


@app.command()
def report(
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
    home: HomeOption = _HOME,
) -> None:
    """Write one static HTML page: funnel, distribution, gallery, rejects, benchmark, provenance."""
    from unicedit_assets.cli.home import enter
    from unicedit_assets.report.page import write_report

    console.print(f"report: {write_report(enter(home), out)}", soft_wrap=True, markup=False)


@app.command()
def show(
    key: Annotated[str, typer.Argument(help="A release key (edit_id).")],
    home: HomeOption = _HOME,
) -> None:
    """Show everything known about one pair: source, instruction, edit, verdict, lineage."""
    from unicedit_assets.cli.home import enter
    from unicedit_assets.cli.tables import lineage_tree
    from unicedit_assets.pipeline.summary import open_history

    with open_history(enter(home)) as catalogue:
        lineage = catalogue.lineage(key)
    if lineage is None:
        raise typer.BadParameter(f"no edit has the key {key!r}")
    console.print(lineage_tree(key, lineage))


@app.command()
def settings(
    table: Annotated[
        str | None, typer.Argument(help="A table, such as edits, editors or vlms; none: all.")
    ] = None,
) -> None:
    """Show what `unicedit.toml` can hold: every field with its meaning and default, to copy.

    `editors` and `vlms` show one table for each kind; give each a NAME of your own.
    """
    from unicedit_assets.settings import tables

    known = tables()
    if table is not None and table not in known:
        raise typer.BadParameter(f"no table {table!r}; there are: {', '.join(known)}")
    shown = known.values() if table is None else [known[table]]
    # Plain, so that it can be redirected into a file.
    typer.echo("\n\n".join(shown))


@app.command()
def truth(
    seed: Annotated[int, typer.Option(help="Decides photographs, instructions and faults.")] = 1,
    edits: Annotated[int, typer.Option(min=1, help="Edits to plant and judge.")] = 2000,
    photos: Annotated[
        Path | None, typer.Option(help="A folder of photographs; default: a public package's.")
    ] = None,
    top: Annotated[Path, typer.Option(help="Where photographs and result go.")] = Path("demo"),
) -> None:
    """Measure the verifier: plant faults into real edits and count what it finds.

    Prints precision and recall with 95 % Wilson intervals per fault kind and subtask; the last
    line is the path of the same as JSON. Exit code 1 when a bar is missed.
    """
    from unicedit_assets.cli.photographs import fetch
    from unicedit_assets.truth.__main__ import main as measure

    folder = photos or fetch(top / "photographs").folder
    top.mkdir(parents=True, exist_ok=True)
    out = top / f"truth-{seed}.json"
    arguments = ["--photos", str(folder), "--seed", str(seed), "--edits", str(edits)]
    raise typer.Exit(measure([*arguments, "--out", str(out)]))


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
    home: HomeOption = _HOME,
) -> None:
    """Serve the Dagster UI, with its sensors and schedules, on this machine only."""
    from unicedit_assets.cli.home import serve

    serve(home, port)


app.add_typer(verify.app, name="verify")
app.command()(audit)
bench_app.command(name="from-home")(from_home)
bench_app.add_typer(build_app, name="build")
app.add_typer(bench_app, name="bench")
app.add_typer(synthetic.app, name="synthetic")


def main() -> None:
    """Run the command line; an expected error is one sentence and exit code 1."""
    try:
        app()
    except Exception as error:
        from unicedit_assets.cli.errors import is_expected

        if not is_expected(error):
            raise
        sentence = f"[red]error:[/] {escape(str(error))}"
        Console(stderr=True).print(sentence, highlight=False, soft_wrap=True)
        raise SystemExit(1) from None
