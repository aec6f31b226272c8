"""``unicedit verify`` and ``unicedit audit``: for people who never run the pipeline."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from unicedit_assets.published.audit.settings import Progress as AuditProgress
from unicedit_assets.published.verification import VerifySummary
from unicedit_assets.settings import HOME_VARIABLE

console = Console()

_COLUMNS = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn())


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


def verify(
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
    home: Annotated[Path, typer.Option("--home", envvar=HOME_VARIABLE)] = Path("unicedit-home"),
) -> None:
    """Judge anybody's triplets: did an edit take place, and is it what the text says?

    Writes one verdict a row (verdict, is_changed, confidence, evidence, rewritten instruction) and
    a summary. Rows already in the output are not judged again, so a killed call just goes on.

    Example line: {"src": "a.png", "edit": "b.png", "prompt_en": "Remove the boat on the left."}
    """
    from unicedit_assets.evidence.verifier import VERSIONS, EvidenceVerifier
    from unicedit_assets.published.verification import VerifySettings, verify_triplets

    version = verifier or configured_verifier(home)
    if version not in VERSIONS:
        raise typer.BadParameter(f"no verifier {version!r}; there are: {', '.join(VERSIONS)}")
    with Progress(*_COLUMNS, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("verify", total=None)
        summary = verify_triplets(
            source,
            out,
            partial(EvidenceVerifier, version),
            VerifySettings(root, workers),
            lambda done: progress.update(task, completed=done),
        )
    _show(summary)


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
    console.print(f"verdicts: {summary.output}", soft_wrap=True, markup=False)


def audit(
    folder: Annotated[Path, typer.Argument(help="A data set in the published schema.")],
    findings: Annotated[
        Path | None, typer.Option(help="Write every finding to this .parquet or .jsonl file.")
    ] = None,
    summary: Annotated[Path | None, typer.Option(help="Write the summary as JSON.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Decode no pictures.")] = False,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Decode the pictures of about this many rows.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Decoding threads.")] = os.cpu_count() or 1,
) -> None:
    """Examine a data set in the published schema and say which rows are wrong.

    Streams in bounded memory: missing or misnumbered shards, repeated keys, dirty subtasks,
    undecodable or unequal pictures, identical pairs, empty or wrong-language texts, balance.
    Exit code 1 when there are errors (notices do not count), 0 otherwise.
    """
    from unicedit_assets.published.audit.render import render
    from unicedit_assets.published.audit.report import Severity, severity_of
    from unicedit_assets.published.audit.runner import audit as examine
    from unicedit_assets.published.audit.settings import AuditSettings

    settings = AuditSettings(quick=quick, sample=sample, workers=workers, findings=findings)
    with Progress(*_COLUMNS, TimeElapsedColumn(), console=console) as progress:
        tasks = {name: progress.add_task(name, total=None) for name in ("files", "texts")}

        def tell(state: AuditProgress) -> None:
            if state.phase not in tasks:
                tasks[state.phase] = progress.add_task(state.phase)
            progress.update(tasks[state.phase], completed=state.done, total=state.total)

        report = examine(folder, settings, tell)
    console.print(render(report))
    if summary:
        text = json.dumps(report.to_json(), indent=2, ensure_ascii=False)
        summary.write_text(text + "\n", encoding="utf-8")
    if any(severity_of(defect) is Severity.ERROR for defect in report.counts):
        raise typer.Exit(1)
