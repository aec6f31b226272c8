"""The page on which people accept or reject candidates of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unicedit_assets.bench.build import REVIEW, Candidate
from unicedit_assets.domain import codec
from unicedit_assets.report.pages import asset, page_environment, policy
from unicedit_assets.storage.files import write_text

_SIDE = 640


def write_review_page(candidates: Sequence[Candidate], path: Path) -> Path:
    """Write the page and return its path; it saves the same columns as ``review.csv`` has."""
    environment = page_environment()
    style, script = (asset(environment, each) for each in ("style.css", "review.js"))
    pictures = {
        each.image_path: codec.thumbnail_uri(codec.decode(each.picture), _SIDE, 70)
        for each in candidates
    }
    page = environment.get_template("review.html.j2").render(
        title="Review of benchmark candidates",
        style=style,
        script=script,
        policy=policy(style, script),
        candidates=candidates,
        pictures=pictures,
        file_name=REVIEW,
    )
    return write_text(path, page)
