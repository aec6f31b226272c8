"""``python -m unicedit_assets.truth``: precision and recall of the verifier on planted truth."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from unicedit_assets.domain.identity import Json
from unicedit_assets.evidence.verifier import VERSIONS, EvidenceVerifier
from unicedit_assets.truth.outcomes import (
    Bar,
    Outcome,
    Rate,
    Report,
    bars_of,
    report_of,
    to_json,
)
from unicedit_assets.truth.runner import Plan, plan_for, run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m unicedit_assets.truth",
        description="Plant good and bad edits on photographs and count what the verifier finds. "
        "Exit code 1 when a bar is missed.",
    )
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--seed", type=int, required=True, help="decides every draw")
    parser.add_argument("--edits", type=int, default=2000, help="triplets to judge")
    parser.add_argument("--out", type=Path, default=Path("truth.json"), help="where the JSON goes")
    parser.add_argument("--version", choices=sorted(VERSIONS), default="evidence-1")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-bars", action="store_true", help="report only, never exit with 1")
    return parser


def _cell(rate: Rate) -> str:
    if rate.cases == 0:
        return "-"
    return f"{rate.share:.3f} [{rate.low:.3f}, {rate.high:.3f}] of {rate.cases}"


def _fault_table(report: Report) -> Table:
    table = Table(title="Faults: share and 95 % Wilson interval")
    for column in ("fault", "recall", "rejected for any reason", "precision", "false alarms", "F1"):
        table.add_column(column)
    for kind, figures in report.faults.items():
        rates = (figures.recall, figures.recall_any, figures.precision, figures.false_alarm)
        table.add_row(kind, *map(_cell, rates), f"{figures.f1:.3f}")
    return table


def _subtask_table(report: Report) -> Table:
    table = Table(title="Subtasks")
    for column in ("subtask", "edits", "valid rejected", "faults rejected"):
        table.add_column(column)
    for name, figures in report.subtasks.items():
        table.add_row(
            name, str(figures.edits), _cell(figures.valid_rejected), _cell(figures.faults_found)
        )
    return table


def _bar_table(bars: Sequence[Bar]) -> Table:
    table = Table(title="Bars")
    for column in ("bar", "wanted", "measured", "holds"):
        table.add_column(column)
    for bar in bars:
        table.add_row(bar.name, bar.wanted, f"{bar.measured:.4f}", "yes" if bar.holds else "NO")
    return table


def _judge_all(plan: Plan, console: Console) -> Sequence[Outcome]:
    columns = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("judging", total=plan.edits)
        return run(plan, lambda done: progress.update(task, completed=done))


def _print(console: Console, report: Report, bars: Sequence[Bar]) -> None:
    console.print(_fault_table(report), _subtask_table(report), _bar_table(bars))
    console.print(f"valid edits rejected: {_cell(report.valid_rejected)}")
    console.print(f"rewritten texts that name the operation: {_cell(report.named_right)}")
    console.print(f"expected calibration error: {report.calibration.error:.3f}")
    console.print(f"seconds a triplet: {report.seconds:.2f}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the harness; return 0, or 1 when a bar is missed."""
    options = _parser().parse_args(arguments)
    console = Console(width=140)
    plan = plan_for(options.photos, options.seed, options.edits, options.version, options.workers)
    outcomes = _judge_all(plan, console)
    report = report_of(outcomes)
    bars = bars_of(report)
    settings: Mapping[str, Json] = {
        "seed": options.seed,
        "edits": options.edits,
        "photographs": len(plan.photos),
        "verifier": dict(EvidenceVerifier(options.version).identity),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    document = to_json(report, bars, outcomes, settings)
    options.out.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    _print(console, report, bars)
    print(options.out)
    return 0 if options.no_bars or all(bar.holds for bar in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
