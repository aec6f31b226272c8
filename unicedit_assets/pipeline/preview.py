"""Small pictures for the Dagster UI: a few rows of a partition as markdown."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

from unicedit_assets.domain import codec
from unicedit_assets.domain.markdown import table
from unicedit_assets.domain.schemas import ROWS
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import MAIN, Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.verifier_eval import QwenVerifyEval
from unicedit_assets.pipeline.verifier_figures import marks_of
from unicedit_assets.pipeline.verifier_sets import PREFERENCE, SFT
from unicedit_assets.pipeline.verifier_training import PREFERRED, SUPERVISED, curves_of
from unicedit_assets.qwen_verify.figures import figures_of
from unicedit_assets.qwen_verify.plots import curves_png, data_uri, reliability_png
from unicedit_assets.storage.manifests import Manifest

# Previews live in Dagster's event log, so they stay tiny.
_PAIRS = 4
_SIDE = 160
_LONGEST = 300
_PAIR = ("source", "edit")


def preview(project: Project, manifest: Manifest) -> str:
    """Return markdown with a few examples of a partition; empty where there is nothing to show."""
    show = _SHOWN.get(manifest.stage)
    return show(project, manifest) if show and manifest.rows() else ""


def _cell(text: object) -> str:
    """Escape a text for a cell: it may come from a model or from a file name."""
    plain = html.escape(" ".join(str(text).split()))
    return plain.replace("|", "&#124;").replace("[", "&#91;").replace("`", "&#96;")


def _picture(data: bytes) -> str:
    return f"![]({codec.thumbnail_uri(codec.decode(data), _SIDE, 60)})"


def _some(project: Project, manifest: Manifest, columns: list[str]) -> list[Mapping[str, Any]]:
    rows = project.ledger.read(manifest, ROWS, columns).to_pylist()
    step = max(1, len(rows) // _PAIRS)
    return list(rows[::step][:_PAIRS])


def _photographs(project: Project, manifest: Manifest) -> str:
    pictures = Pictures(project.ledger, manifest, "image_id", "image")
    rows = _some(project, manifest, ["image_id", "source", "width", "height"])
    return table(
        ["photograph", "source", "size"],
        [
            [_picture(pictures[r["image_id"]]), _cell(r["source"]), f"{r['width']}x{r['height']}"]
            for r in rows
        ],
    )


def _instructions(project: Project, manifest: Manifest) -> str:
    rows = _some(project, manifest, ["subtask", "en", "cn"])
    return table(
        ["subtask", "English", "Chinese"],
        [[_cell(row[name]) for name in ("subtask", "en", "cn")] for row in rows],
    )


def _edits(project: Project, manifest: Manifest) -> str:
    return _pairs(project, manifest, manifest, ["en"])


def _verified(project: Project, manifest: Manifest) -> str:
    edits = project.require(Ref("edits", manifest.partition))
    return _pairs(project, manifest, edits, ["en", "rewritten_en"])


def _pairs(project: Project, manifest: Manifest, edits: Manifest, texts: list[str]) -> str:
    shard = manifest.partition.split("/")[0]
    sources = Pictures(
        project.ledger, project.require(Ref("raw_images", shard)), "image_id", "image"
    )
    edited = Pictures(project.ledger, edits, "edit_id", "edit_image")
    rows = _some(project, manifest, ["image_id", "edit_id", "subtask", *texts])
    return table(
        ["before", "after", "subtask", *texts],
        [
            [
                _picture(sources[row["image_id"]]),
                _picture(edited[row["edit_id"]]),
                _cell(row["subtask"]),
                *(_cell(row[name]) for name in texts),
            ]
            for row in rows
        ],
    )


def _samples(project: Project, manifest: Manifest) -> str:
    pictures = Pictures(project.ledger, manifest, "key", "image")
    rows = _some(project, manifest, ["key", "subtask", "en", "cn"])
    return table(
        ["sample", "subtask", "English", "Chinese"],
        [
            [_picture(pictures[row["key"]]), *(_cell(row[n]) for n in ("subtask", "en", "cn"))]
            for row in rows
        ],
    )


def _sample_edits(project: Project, manifest: Manifest) -> str:
    rows = _some(project, manifest, ["key", "subtask", "prompt"])
    return _sample_pairs(project, manifest, rows, ["subtask", "prompt"])


def _worst_scores(project: Project, manifest: Manifest) -> str:
    """Show the samples with the lowest overall: those are what a person should look at."""
    edits = project.require(Ref("unicbench_edits", manifest.partition))
    metrics = ["overall", "instruction_following", "non_edit_consistency", "visual_quality"]
    columns = ["key", "subtask", "prompt", *metrics, "reasoning_accuracy"]
    rows = project.ledger.read(manifest, ROWS, columns).to_pylist()
    worst = sorted(rows, key=lambda row: (row["overall"], row["key"]))[:_PAIRS]
    for row in worst:
        marks = [row[name] for name in [*metrics, "reasoning_accuracy"]]
        row["scores"] = " / ".join("-" if mark is None else f"{mark:.1f}" for mark in marks)
    head = ["subtask", "prompt", "scores"]
    table = _sample_pairs(project, edits, worst, head)
    return table.replace("| scores |", "| overall / IF / NC / VQ / RA |", 1)


def _sample_pairs(
    project: Project, edits: Manifest, rows: list[Mapping[str, Any]], texts: list[str]
) -> str:
    samples = project.require(Ref("unicbench", MAIN))
    sources = Pictures(project.ledger, samples, "key", "image")
    edited = Pictures(project.ledger, edits, "key", "edit_image")
    return table(
        ["before", "after", *texts],
        [
            [
                _picture(sources[row["key"]]),
                _picture(edited[row["key"]]),
                *(_cell(row[name]) for name in texts),
            ]
            for row in rows
        ],
    )


def _training_set(project: Project, manifest: Manifest) -> str:
    columns = ["split", "kind", "prompt_en", "target", "images.list.element.bytes"]
    shown: list[list[str]] = []
    for batch in project.ledger.iter_batches(manifest, ROWS, columns, 1):
        row = batch.to_pylist()[0]
        pictures = [_picture(picture["bytes"]) for picture in row["images"]]
        target = str(row["target"])[:_LONGEST]
        texts = [_cell(text) for text in (row["split"], row["kind"], row["prompt_en"], target)]
        shown.append([*pictures, *texts])
        if len(shown) == _PAIRS:
            break
    return table(["source", "edited", "split", "kind", "instruction", "target"], shown)


def _curves(project: Project, manifest: Manifest) -> str:
    curves = curves_of(project.ledger.read(manifest, ROWS).to_pylist())
    try:
        return f"![training curves]({data_uri(curves_png(curves))})"
    except ValueError:
        return "nothing was logged that can be drawn"


def _evaluation(project: Project, manifest: Manifest) -> str:
    whole = figures_of(marks_of(project, manifest))
    rows = [
        [_cell(kind), f"{group.score.value:.2f}", f"{group.score.low:.2f}-{group.score.high:.2f}"]
        for kind, group in whole.kinds.items()
    ]
    shown = table(["kind", "score 0-10", "95 %"], rows)
    if whole.calibration is None:
        return shown
    plot = reliability_png(manifest.partition, whole.calibration)
    return f"{shown}\n\n![reliability]({data_uri(plot)})"


def _synthetic(project: Project, manifest: Manifest) -> str:
    texts = ["kind", "said_en", "true_en"]
    rows = _some(project, manifest, ["key", "subtask", *texts])
    pictures = [Pictures(project.ledger, manifest, "key", f"{name}_image") for name in _PAIR]
    return table(
        ["before", "after", "subtask", *texts],
        [
            [
                *(_picture(each[row["key"]]) for each in pictures),
                *(_cell(row[name]) for name in ("subtask", *texts)),
            ]
            for row in rows
        ],
    )


_SHOWN: Mapping[str, Callable[[Project, Manifest], str]] = {
    "raw_images": _photographs,
    "instructions": _instructions,
    "edits": _edits,
    "verified_edits": _verified,
    "unicbench": _samples,
    "unicbench_edits": _sample_edits,
    "unicbench_scores": _worst_scores,
    **dict.fromkeys((SFT, PREFERENCE), _training_set),
    **dict.fromkeys((SUPERVISED, PREFERRED), _curves),
    QwenVerifyEval.name: _evaluation,
    "synthetic_pairs": _synthetic,
}
