"""``unicedit verify demo``: the small Qwen-Verify, from nothing to the pipeline's verifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from unicedit_assets.cli.home import enter, instance, prepare_home
from unicedit_assets.cli.photographs import fetch
from unicedit_assets.cli.training import Options, train_version
from unicedit_assets.cli.verifiers import evaluate_all
from unicedit_assets.pipeline.intake import register_source
from unicedit_assets.qwen_verify.training import Method
from unicedit_assets.report.page import write_report

# Edits whose every claim can be seen in a small picture.
SUBTASKS = (
    "Subject Addition",
    "Subject Removal",
    "Subject Replacement",
    "Object Extraction",
    "Counting Change",
    "Color Alteration",
    "Background Change",
    "Style Transfer",
    "Tone Transformation",
)
SETTINGS: Mapping[str, object] = {
    "synthetic_pairs.shards": 30,
    "synthetic_pairs.side": 140,  # what the small model sees
    "synthetic_pairs.style": "plain",
    "synthetic_pairs.subtasks": SUBTASKS,
    # The paper's three classes.
    "synthetic_pairs.kinds": ("normal", "no_edit", "hallucination"),
    "synthetic_pairs.held_out": 0.01,
    "synthetic_pairs.vague": 0.5,
    "verifier_sets.origins": ("synthetic",),
    "verifier_sets.validation": 0.01,
    # Most of what is measured on are new scenes: about 300 hallucinated ones tell methods apart.
    "verifier_sets.test": 0.05,
    "verifier_tests.most": 1400,
}
NAME = "small"
# By steps, so that a busy machine trains the same model, later.
_LONG = ("sft.epochs=4", "sft.minutes=0", "preference.epochs=0.8", "preference.minutes=0")


@dataclass(frozen=True)
class Run:
    """One training of the table."""

    name: str
    sft_of: str = ""
    method: Method = Method.D2PO
    changes: tuple[str, ...] = ()


# Each differs from the small one in what its name says, and in nothing else.
ABLATION = (
    Run("small-dpo", sft_of=NAME, method=Method.DPO),
    Run("small-two-images", method=Method.SFT, changes=('difference="none"', "context_dropout=0")),
    # One step at a rate at which nothing moves: the architecture, and what it knows at birth.
    Run(
        "small-untrained",
        method=Method.SFT,
        changes=("sft.epochs=0.001", "sft.learning_rate=1e-12"),
    ),
)


def run_verify_demo(top: Path, minutes: float | None, ablation: bool, console: Console) -> Path:
    """Make the pairs, train, measure, and write the report; each part goes on where it was.

    Args:
        top: where the photographs, the home and the report go.
        minutes: of training; None: as many as the small one needs.
        ablation: whether its rivals are trained as well.
        console: where progress and tables are shown.

    Returns:
        The report's path.
    """
    chosen = fetch(top / "photographs")
    home = top / "home"
    fixed = {"source": str(chosen.folder.absolute()), "raw_images.licence": chosen.licence}
    prepare_home(home, {**fixed, **SETTINGS})
    project = enter(home)
    register_source(project, str(chosen.folder))
    runs: Sequence[Run] = (Run(NAME), *(ABLATION if ablation else ()))
    for run in runs:
        console.rule(run.name)
        options = Options(
            base="",
            small=not run.sft_of,
            method=run.method,
            sft_of=run.sft_of,
            minutes=minutes,
            changes=(*(() if minutes else _LONG), *run.changes),
        )
        train_version(enter(home), instance(), run.name, options, console)
    project = enter(home)
    evaluate_all(project, instance(), (), console, top / "verifiers.json")
    return write_report(project, top / "report.html")
