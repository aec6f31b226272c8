"""Tables for the terminal: funnel, reasons, standing, benchmark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.table import Table

from unicedit_assets.domain.unicbench import METRICS, Line
from unicedit_assets.pipeline.pending import PIPELINE, Standing, State
from unicedit_assets.storage.catalogue import FunnelRow

_SHORT = {
    "instruction_following": "IF",
    "non_edit_consistency": "NC",
    "visual_quality": "VQ",
    "reasoning_accuracy": "RA",
    "overall": "overall",
}


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def funnel_table(funnel: Iterable[FunnelRow]) -> Table:
    """Return counts and rates per stage and reason."""
    table = Table(title="Funnel", title_justify="left")
    table.add_column("stage")
    table.add_column("reason")
    for name in ("partitions", "inputs", "accepted", "rejected", "failed", "share"):
        table.add_column(name, justify="right")
    for row in funnel:
        counts = row.counts
        table.add_row(
            row.stage,
            "",
            str(row.partitions),
            str(counts.inputs),
            str(counts.accepted),
            str(counts.rejected),
            str(counts.failed),
            _share(counts.accepted, counts.inputs),
        )
        for reason, number in sorted(counts.reasons.items(), key=lambda pair: -pair[1]):
            share = _share(number, counts.inputs)
            table.add_row("", f"[dim]{reason}[/]", "", "", "", f"[dim]{number}[/]", "", share)
    return table


def standing_table(found: Sequence[Standing]) -> Table:
    """Return how many partitions of each stage stand how."""
    table = Table(title="Partitions", title_justify="left")
    table.add_column("stage")
    for state in State:
        table.add_column(state.value, justify="right")
    counts = Counter((each.ref.stage, each.state) for each in found)
    for stage in PIPELINE:
        table.add_row(stage, *(str(counts[stage, state]) for state in State))
    return table


def scores_table(lines: Sequence[Line]) -> Table:
    """Return the benchmark table; a mean that does not exist is a dash, never a zero."""
    table = Table(title="UnicBench (0-10)", title_justify="left")
    table.add_column("model / language")
    for metric in METRICS:
        table.add_column(_SHORT[metric], justify="right")
    table.add_column("scored", justify="right")
    for line in lines:
        cells = [_number(line.means[metric]) for metric in METRICS]
        table.add_row(line.group, *cells, f"{line.scored}/{line.samples}")
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
