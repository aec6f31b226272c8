"""``unicedit audit``: for people who never run the pipeline."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from unicedit_assets.published.audit.settings import Progress as AuditProgress

console = Console()

_COLUMNS = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn())


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
