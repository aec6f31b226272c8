"""Compares checkpoints on the same held-out pairs: one table, with 95 % intervals.

    python -m resources.qwen_verify.ablation PAIRS name=CHECKPOINT name=CHECKPOINT:blind ...

``PAIRS`` is a folder of rendered examples; ``:blind`` switches the difference context off.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from resources.qwen_verify.measuring import COLUMNS, tally
from resources.qwen_verify.predict import Predictor
from resources.qwen_verify.store import ExampleFolder
from unicedit_assets.qwen_verify.question import Example
from unicedit_assets.truth.outcomes import rate

_BLIND = ":blind"


def balanced(examples: ExampleFolder, each: int) -> list[Example]:
    """Return the first ``each`` examples of every kind."""
    left: dict[str, int] = {}
    chosen = []
    for index, row in enumerate(examples.rows()):
        if left.setdefault(row["kind"], each):
            left[row["kind"]] -= 1
            chosen.append(examples[index])
    return chosen


def measured(checkpoint: str, examples: Sequence[Example]) -> dict[str, Any]:
    """Return what a checkpoint gets right, by kind and by subtask, and how fast it is."""
    folder, blind, _ = checkpoint.partition(_BLIND)
    predictor = Predictor(folder, context=not blind)
    started = time.monotonic()
    said = predictor.chains(examples)
    return {
        "pairs_per_second": len(examples) / (time.monotonic() - started),
        "kind": tally(examples, said),
        "subtask": tally(examples, said, "subtask"),
    }


def lines(found: dict[str, dict[str, Any]], by: str = "kind") -> Iterator[str]:
    """Yield the table in Markdown: a row for each checkpoint and kind."""
    yield "| run | pairs | n | " + " | ".join(COLUMNS) + " |"
    yield "|---" * (3 + len(COLUMNS)) + "|"
    for name, figures in found.items():
        for group, counts in figures[by].items():
            cells = [_cell(*counts[figure]) for figure in COLUMNS]
            yield f"| {name} | {group} | {counts['readable'][1]} | " + " | ".join(cells) + " |"


def _cell(right: int, of: int) -> str:
    if not of:
        return "-"
    share = rate(right, of)
    return f"{share.share:.3f} ({share.low:.3f}-{share.high:.3f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table; with ``--json`` keep the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("checkpoints", nargs="+", metavar="name=CHECKPOINT[:blind]")
    parser.add_argument("--each", type=int, default=160)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    examples = balanced(ExampleFolder(chosen.pairs), chosen.each)
    found = {}
    for one in chosen.checkpoints:
        name, _, checkpoint = one.partition("=")
        found[name] = measured(checkpoint, examples)
        print(f"{name}: {found[name]['pairs_per_second']:.1f} pairs/s", flush=True)
    for by in ("kind", "subtask"):
        print(*lines(found, by), sep="\n", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
