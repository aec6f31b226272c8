"""``unicedit verify``: judge triplets, and make, measure and promote verifiers."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from unicedit_assets.domain.roles import Verifier
from unicedit_assets.published.verification import VerifySummary
from unicedit_assets.qwen_verify.training import Method
from unicedit_assets.settings import HOME_VARIABLE

app = typer.Typer(
    help="Judge anybody's triplets; train a verifier of your own, measure it, let it take over.",
    no_args_is_help=True,
)
console = Console()

_COLUMNS = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn())
HomeOption = Annotated[Path, typer.Option("--home", envvar=HOME_VARIABLE, help="The project.")]
VersionArgument = Annotated[str, typer.Argument(help="A verifier version.")]
_HOME = Path("unicedit-home")


def configured_verifier(home: Path) -> str:
    """Return the verifier version of a home: the promoted or configured one; else the default."""
    from unicedit_assets.pipeline.registry import Registry
    from unicedit_assets.settings import Settings
    from unicedit_assets.storage.blobs import open_store

    settings = Settings.load(home)
    promoted = None
    if home.is_dir():
        promoted = Registry(open_store(settings.lake_url(home))).promoted_verifier()
    return promoted or settings.verified_edits.verifier


@app.command()
def triplets(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="A .jsonl with src, edit (picture paths) and prompt_en and/or prompt_cn, or "
            "Parquet in the published schema (a file or a data set's folder).",
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Verdicts, one row each: .jsonl or .parquet. Resumable.")
    ] = Path("verdicts.jsonl"),
    root: Annotated[
        Path | None, typer.Option(help="Folder that picture paths start from and may not leave.")
    ] = None,
    verifier: Annotated[
        str | None, typer.Option(help="Verifier version; default: the home's.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = os.cpu_count() or 1,
    again: Annotated[
        bool, typer.Option("--again", help="Judge rows again that failed in an earlier call.")
    ] = False,
    home: Annotated[Path, typer.Option("--home", envvar=HOME_VARIABLE)] = Path("unicedit-home"),
) -> None:
    """Judge anybody's triplets: did an edit take place, and is it what the text says?

    Writes one verdict a row (verdict, is_changed, confidence, evidence, rewritten instruction) and
    a summary. Rows already in the output are not judged again, so a killed call just goes on.

    Example line: {"src": "a.png", "edit": "b.png", "prompt_en": "Remove the boat on the left."}
    """
    from unicedit_assets.evidence.verifier import VERSIONS
    from unicedit_assets.published.verification import VerifySettings, verify_triplets

    version = verifier or configured_verifier(home)
    if version not in VERSIONS:
        workers = 1  # each process would hold a model of its own
    with Progress(*_COLUMNS, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("verify", total=None)
        summary = verify_triplets(
            source,
            out,
            _maker(version, home),
            VerifySettings(root, workers, again=again),
            lambda done: progress.update(task, completed=done),
        )
    _show(summary)


def _maker(version: str, home: Path) -> Callable[[], Verifier]:
    """Return what makes a verifier: embedded ones need no project, any other is the home's."""
    from unicedit_assets.cli.home import enter
    from unicedit_assets.evidence.verifier import VERSIONS, EvidenceVerifier

    if version in VERSIONS:
        return partial(EvidenceVerifier, version)
    known = enter(home).backends.verifiers if home.is_dir() else {}
    if version not in known:
        names = ", ".join(dict.fromkeys([*VERSIONS, *known]))
        raise typer.BadParameter(f"no verifier {version!r}; there are: {names}")
    return lambda: known[version]


def _show(summary: VerifySummary) -> None:
    table = Table(title="Verdicts", title_justify="left")
    table.add_column("verdict")
    table.add_column("rows", justify="right")
    table.add_row("accepted", str(summary.accepted))
    for reason, rows in sorted(summary.reasons.items(), key=lambda pair: -pair[1]):
        table.add_row(reason, str(rows))
    table.add_row("[bold]all[/]", f"[bold]{summary.inputs}[/]")
    console.print(table)
    if summary.resumed:
        console.print(f"{summary.resumed} rows had a verdict already")
    if summary.failed:
        console.print("failed rows are judged again with `--again`")
    console.print(f"verdicts: {summary.output}", soft_wrap=True, markup=False)


@app.command()
def train(
    version: Annotated[str, typer.Argument(help="Name of the version that comes out.")],
    base: Annotated[
        str, typer.Option(help="Folder with a Qwen2.5-VL, a dense Qwen3-VL or a Qwen-Verify.")
    ] = "",
    small: Annotated[
        bool, typer.Option("--small", help="A few million parameters from scratch, on a CPU.")
    ] = False,
    sft_of: Annotated[
        str, typer.Option(help="Begin with the supervised stage of this training, to compare.")
    ] = "",
    method: Annotated[
        Method, typer.Option(help="Last stage: sft alone, or dpo or d2po after it.")
    ] = Method.D2PO,
    lora_rank: Annotated[
        int | None, typer.Option(min=0, help="Rank of LoRA adapters; 0 trains all weights.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Minutes of all stages together.")
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over each set.")] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other training setting, as sft.batch=8 (repeatable)."),
    ] = None,
    home: HomeOption = _HOME,
) -> None:
    """Train a verifier from this project's training sets, and register it.

    Makes what is missing first: the training sets, then the supervised version (VERSION-sft), then
    the preference stage. A call that was cut off goes on at its last checkpoint: type it again.
    Settings come from the table `training` of unicedit.toml; options override them for this one.
    """
    from unicedit_assets.cli.home import enter, instance
    from unicedit_assets.cli.training import Options, train_version

    options = Options(
        base=base,
        small=small,
        sft_of=sft_of,
        method=method,
        lora_rank=lora_rank,
        minutes=minutes,
        epochs=epochs,
        changes=tuple(change or ()),
    )
    train_version(enter(home), instance(), version, options, console)


@app.command()
def demo(
    top: Annotated[Path, typer.Option("--out", help="Where everything goes.")] = Path("verifier"),
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Minutes of training; default: what it needs.")
    ] = None,
    ablation: Annotated[
        bool,
        typer.Option(
            help="Train the rivals too: plain DPO, two images only, nothing at all. Twice the time."
        ),
    ] = False,
) -> None:
    """Train the small Qwen-Verify from scratch on this machine's CPU, and measure it.

    Draws synthetic pairs, trains both stages, and puts the table with all baselines into a report.
    A call that was cut off goes on: type it again.
    """
    from unicedit_assets.cli.verify_demo import run_verify_demo

    page = run_verify_demo(top, minutes, ablation, console)
    console.print(f"report: {page}", soft_wrap=True, markup=False)


@app.command(name="list")
def list_versions(home: HomeOption = _HOME) -> None:
    """Show every verifier: who verifies now, what was measured, where it comes from."""
    from unicedit_assets.cli.home import enter
    from unicedit_assets.cli.verifiers import versions_table

    console.print(versions_table(enter(home)))


@app.command()
def show(version: VersionArgument, home: HomeOption = _HOME) -> None:
    """Show everything about one verifier: identity, files, training, figures, promotions."""
    from unicedit_assets.cli.home import enter
    from unicedit_assets.cli.verifiers import version_tree

    console.print(version_tree(enter(home), version))


@app.command()
def add(
    version: VersionArgument,
    folder: Annotated[
        Path, typer.Argument(help="Weights (*.safetensors), config.json, tokenizer.")
    ],
    note: Annotated[str, typer.Option(help="Where the weights come from; kept.")] = "",
    home: HomeOption = _HOME,
) -> None:
    """Register weights that were trained elsewhere; a version never changes afterwards."""
    from unicedit_assets.cli.home import enter
    from unicedit_assets.cli.verifiers import new_name
    from unicedit_assets.qwen_verify.versions import Versions

    project = enter(home)
    versions = Versions(project.ledger.store)
    with console.status("hashing and storing") as status:
        added = versions.add(
            new_name(project, version),
            folder,
            "added",
            {"note": note},
            lambda path: status.update(f"storing {path}"),
        )
    console.print(f"{version}: {len(added.files)} files, sha256 {added.sha256[:12]}")
    console.print(
        f"next: `unicedit verify eval {version}`, then `unicedit verify promote {version}`"
    )


@app.command(name="eval")
def evaluate(
    versions: Annotated[
        list[str] | None, typer.Argument(help="Verifiers or baselines; none: all of them.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write all figures as JSON; or, to *.md, a table for each test set."),
    ] = None,
    home: HomeOption = _HOME,
) -> None:
    """Measure verifiers against known truth and print the table.

    Test pairs, answers and figures are kept: what was measured is not measured again. Needs
    `verify_preference_set` (`unicedit run --select verify_preference_set`).
    """
    from unicedit_assets.cli.home import enter, instance
    from unicedit_assets.cli.verifiers import evaluate_all

    evaluate_all(enter(home), instance(), versions or [], console, out)


@app.command()
def compare(
    version: VersionArgument,
    other: Annotated[str, typer.Argument(help="What it is compared with; also a baseline.")],
    test: Annotated[
        str, typer.Option(help="One test set: scenes, wording, classes, photographs; none: all.")
    ] = "",
    home: HomeOption = _HOME,
) -> None:
    """Compare two verifiers that were measured, pair by pair, with 95 % intervals.

    Both answered the same pairs, so the interval of their difference is narrower than their own
    intervals side by side. Measure them first: `unicedit verify eval VERSION OTHER`.
    """
    from unicedit_assets.cli.home import enter
    from unicedit_assets.cli.verifiers import comparison_table

    console.print(comparison_table(enter(home), version, other, test))


@app.command()
def promote(
    version: VersionArgument,
    force: Annotated[
        bool, typer.Option("--force", help="In spite of what speaks against it; needs --reason.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why; kept with the promotion.")] = "",
    home: HomeOption = _HOME,
) -> None:
    """Let a verifier take over; the re-verification sensor (or `run`) does the rest.

    Refused when it is worse than the present one on any class, beyond the 95 % interval of the
    difference on the same pairs. Edits are not made again: only verdicts, and what follows.
    """
    from unicedit_assets.cli.home import enter
    from unicedit_assets.pipeline.promoting import promote as take_over

    decision = take_over(enter(home), version, force, reason)
    for each in decision.comparisons:
        console.print(f"  {each}", markup=False)
    if decision.obstacle:
        console.print(f"forced although {decision.obstacle}", markup=False)
    if decision.remark:
        console.print(f"note: {decision.remark}", markup=False)
    console.print(f"{version} verifies from now on; stale shards will be re-verified")
