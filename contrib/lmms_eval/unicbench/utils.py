"""UnicBench's functions for lmms-eval; what a score is comes from ``resources.bench_scorer``."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from resources.bench_scorer import Scorer

NAMES = ("if", "nc", "vq", "ra", "overall")


@cache
def scorer() -> Scorer:
    """Return the scorer that ``UNICBENCH_*`` variables describe."""
    return Scorer.from_environment()


def doc_to_visual(doc: dict[str, Any]) -> list[Image.Image]:
    """Return the picture to edit."""
    data = scorer().sample(doc["key"]).source.read()
    return [Image.open(io.BytesIO(data)).convert("RGB")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: Any = None) -> str:
    """Return the instruction."""
    return scorer().sample(doc["key"]).prompts[scorer().language]


def doc_to_target(doc: dict[str, Any]) -> str:
    """Return what samples are known by."""
    return str(doc["key"])


def edited_path(doc: dict[str, Any], results: Sequence[Any]) -> Path:
    """Return the edited picture: one that lies in UNICBENCH_IMAGES, else the model's own.

    Models that make pictures reply with JSON: ``{"text": ..., "images": [path]}``.
    """
    images = os.environ.get("UNICBENCH_IMAGES", "")
    if images:
        model = os.environ.get("UNICBENCH_IMAGES_MODEL", "")
        return scorer().output(Path(images), model, doc["key"])
    try:
        said = json.loads(results[0])
        return Path(said["images"][0])
    except (IndexError, KeyError, TypeError, ValueError):
        return Path("the model made no picture")


def process_results(doc: dict[str, Any], results: Sequence[Any], **_: Any) -> dict[str, Any]:
    """Return a sample's scores; what has none is NaN, which the means leave out."""
    found = scorer().score(doc["key"], edited_path(doc, results)).values
    scores = {f"unicbench_{name}": found.get(name, math.nan) for name in NAMES}
    return {**scores, "unicbench_coverage": float("overall" in found)}


def mean(values: Sequence[float]) -> float:
    """Return the mean of what was scored; NaN when nothing was."""
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan


def share(values: Sequence[float]) -> float:
    """Return the share of samples that have an overall score."""
    return math.fsum(values) / len(values) if values else math.nan
