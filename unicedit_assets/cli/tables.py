"""Tables for the terminal: funnel, reasons, standing, benchmark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from unicedit_assets.domain.reasons import Outcome, Reason, outcome_of
from unicedit_assets.domain.unicbench import METRICS, Line
from unicedit_assets.pipeline.pending import PIPELINE, Standing, State
from unicedit_assets.storage.catalogue import FunnelRow, Lineage

_SHORT = {
    "instruction_following": "IF",
    "non_edit_consistency": "NC",
    "visual_quality": "VQ",
    "reasoning_accuracy": "RA",
    "overall": "overall",
}


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _table(title: str, first: str, *numbers: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column(first, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def funnel_table(funnel: Iterable[FunnelRow]) -> Table:
    """Return counts and rates per stage and reason."""
    table = _table("Funnel", "stage / reason", "parts", "in", "accepted", "rejected", "failed")
    table.add_column("share", justify="right")
    for row in funnel:
        counts = row.counts
        table.add_row(
            row.stage,
            str(row.partitions),
            str(counts.inputs),
            str(counts.accepted),
            str(counts.rejected),
            str(counts.failed),
            _share(counts.accepted, counts.inputs),
        )
        for reason, number in sorted(counts.reasons.items(), key=lambda pair: -pair[1]):
            failed = outcome_of(Reason(reason)) is Outcome.FAILED
            cells = ("", str(number)) if failed else (str(number), "")
            share = _share(number, counts.inputs)
            table.add_row(f"  {reason}", "", "", "", *cells, share, style="dim")
    return table


def standing_table(found: Sequence[Standing]) -> Table:
    """Return how many partitions of each stage stand how."""
    table = _table("Partitions", "stage", *(state.value for state in State))
    counts = Counter((each.ref.stage, each.state) for each in found)
    for stage in PIPELINE:
        table.add_row(stage, *(str(counts[stage, state]) for state in State))
    return table


def scores_table(lines: Sequence[Line]) -> Table:
    """Return the benchmark table; a mean that does not exist is a dash, never a zero."""
    names = [_SHORT[metric] for metric in METRICS]
    table = _table("UnicBench (0-10)", "model / language", *names, "scored")
    for line in lines:
        cells = [_number(line.means[metric]) for metric in METRICS]
        table.add_row(line.group, *cells, f"{line.scored}/{line.samples}")
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def lineage_tree(key: str, lineage: Lineage) -> Tree:
    """Return everything known about one pair, stage by stage, with the partitions it lies in."""
    tree = Tree(f"[bold]{key}[/] {lineage.outcome}")
    chapters = {
        "raw_images": lineage.source,
        "instructions": lineage.instruction,
        "edits": lineage.edit,
        "verified_edits": lineage.verdict,
    }
    for stage, row in chapters.items():
        manifest = lineage.manifests.get(stage)
        where = f" [dim]{manifest.folder}[/]" if manifest else " [dim]not there[/]"
        branch = tree.add(f"[bold]{stage}[/]{where}")
        for name, value in (row or {}).items():
            branch.add(Text(f"{name}: {value}", overflow="fold"))
    return tree
