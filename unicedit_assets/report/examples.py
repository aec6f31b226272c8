"""The pairs that the report shows: accepted ones by subtask, rejected ones by reason.

Only what was chosen is ever read whole, one partition at a time. The hidden truth of planted faults
is not read: the report shows what the pipeline knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from unicedit_assets.domain import codec
from unicedit_assets.domain.schemas import REJECTS, ROWS
from unicedit_assets.domain.taxonomy import SUBTASKS, is_subtask
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import Project
from unicedit_assets.report.sampling import Columns, Row, draw, rows_at, rows_named
from unicedit_assets.report.text import Box, bounded, boxes, figures, flat
from unicedit_assets.storage.manifests import Manifest

_RAW, _EDITS = "raw_images", "edits"


@dataclass(frozen=True)
class Limits:
    """How much the page may hold.

    Attributes:
        pairs: most accepted pairs of one subtask.
        rejects: most examples of one reason.
        side: the longer side of a picture, in pixels.
        quality: WebP quality of a picture.
        gallery_chars, rejects_chars: most characters that all pictures of a section may have.
    """

    pairs: int = 6
    rejects: int = 4
    side: int = 384
    quality: int = 74
    gallery_chars: int = 8_000_000
    rejects_chars: int = 2_500_000


@dataclass(frozen=True)
class Pair:
    """One accepted pair. Pictures are ``data:`` URIs.

    Attributes:
        rewritten: whether the verifier's text differs from the instructor's.
        provenance: what made the pair, name -> text.
        manifests: the partitions it lies in, name -> fingerprint.
    """

    key: str
    task: str
    subtask: str
    source: str
    edited: str
    en: str
    cn: str
    rewritten_en: str
    rewritten_cn: str
    rewritten: bool
    confidence: float
    differences: tuple[str, ...]
    evidence: Mapping[str, float]
    boxes: tuple[Box, ...]
    provenance: Mapping[str, str]
    manifests: Mapping[str, str]

    @property
    def size(self) -> int:
        """Characters of the pictures."""
        return len(self.source) + len(self.edited)


@dataclass(frozen=True)
class Reject:
    """One row that did not go on; a picture is empty where the lake holds none."""

    unit_id: str
    partition: str
    subtask: str
    en: str
    cn: str
    detail: str
    source: str = ""
    edited: str = ""
    confidence: float | None = None
    evidence: Mapping[str, float] = field(default_factory=dict)
    boxes: tuple[Box, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Characters of the pictures."""
        return len(self.source) + len(self.edited)


@dataclass(frozen=True)
class Gallery:
    """What is shown, and of how many by subtask; ``cut`` tells that pictures were left out."""

    pairs: tuple[Pair, ...]
    totals: Mapping[str, int]
    cut: bool

    def shown(self, subtask: str) -> int:
        """Return how many pairs of a subtask are shown."""
        return sum(pair.subtask == subtask for pair in self.pairs)


class _Upstream(NamedTuple):
    """The partitions that a verified partition was made from."""

    edits: Manifest
    raw: Manifest


def thumbnail(side: int, quality: int, data: bytes) -> str:
    """Turn a picture of the lake into a small ``data:`` URI."""
    return codec.thumbnail_uri(codec.decode(data), side, quality)


def within(sizes: Iterable[int], budget: int) -> int:
    """Return how many leading sizes fit into the budget together."""
    fitting = 0
    for size in sizes:
        budget -= size
        if budget < 0:
            break
        fitting += 1
    return fitting


def input_of(project: Project, manifest: Manifest, stage: str) -> Manifest | None:
    """Return the partition of a stage that this one was directly made from."""
    for name, fingerprint in manifest.inputs.items():
        above, _, partition = name.partition("/")
        if above == stage:
            return project.ledger.find(stage, partition, fingerprint)
    return None


def collect_gallery(
    project: Project, verified: Sequence[Manifest], releases: Sequence[Manifest], limits: Limits
) -> Gallery:
    """Choose accepted pairs of each subtask and load them; ``releases`` tell where each went."""
    columns = Columns(ROWS, "subtask", "edit_id")
    sample = draw(project.ledger, verified, columns, limits.pairs)
    loaded: dict[str, Pair] = {}
    for number, places in sample.by_manifest().items():
        loaded.update(
            (pair.key, pair) for pair in _pairs(project, verified[number], list(places), limits)
        )
    for key, where in _released(project, releases, loaded).items():
        known = {**loaded[key].provenance, "Release": where}
        loaded[key] = replace(loaded[key], provenance=known)
    # The first of every subtask before the second of any: a tight budget thins all alike.
    ranked = [
        loaded[picks[rank].key]
        for rank in range(limits.pairs)
        for _, picks in sorted(sample.picks.items(), key=_taxonomy_order)
        if rank < len(picks) and picks[rank].key in loaded
    ]
    fitting = within((pair.size for pair in ranked), limits.gallery_chars)
    return Gallery(tuple(ranked[:fitting]), dict(sample.totals), fitting < len(ranked))


def _taxonomy_order(group: tuple[str, Any]) -> tuple[int, str]:
    subtask = group[0]
    return (SUBTASKS.index(subtask) if is_subtask(subtask) else len(SUBTASKS), subtask)


def _released(
    project: Project, releases: Sequence[Manifest], keys: Iterable[str]
) -> dict[str, str]:
    """Return key -> where the releases have it, or why they have not."""
    told: dict[str, list[str]] = {key: [] for key in keys}
    for release in releases:
        name = release.partition
        kept = rows_named(project.ledger, release, "edit_id", told)
        left = rows_named(project.ledger, release, "unit_id", told, REJECTS)
        for key, row in kept.items():
            told[key].append(f"{name}: {row['file']}, row {row['row']}")
        for key, row in left.items():
            told[key].append(f"{name}: left out, {row['reason']}")
    return {key: bounded("; ".join(where) or "in none yet", 300) for key, where in told.items()}


def _pairs(
    project: Project, verified: Manifest, places: Sequence[int], limits: Limits
) -> Iterator[Pair]:
    edits, raw = input_of(project, verified, _EDITS), input_of(project, verified, _RAW)
    if edits is None or raw is None:
        return
    ledger = project.ledger
    rows = list(rows_at(ledger, verified, ROWS, places).values())
    edit_of = rows_named(ledger, edits, "edit_id", [row["edit_id"] for row in rows])
    image_of = rows_named(ledger, raw, "image_id", [row["image_id"] for row in rows])
    sources = Pictures(ledger, raw, "image_id", "image")
    edited = Pictures(ledger, edits, "edit_id", "edit_image")
    wanted = [sources[row["image_id"]] for row in rows] + [edited[row["edit_id"]] for row in rows]
    small = list(project.engine.map(partial(thumbnail, limits.side, limits.quality), wanted))
    own = {f"{one.stage}/{one.partition}": one.fingerprint for one in (raw, edits, verified)}
    manifests = {**edits.inputs, **own}
    for row, before, after in zip(rows, small[: len(rows)], small[len(rows) :], strict=True):
        known = _provenance(row, edit_of[row["edit_id"]], image_of[row["image_id"]])
        yield _pair(row, before, after, known, manifests)


def _pair(
    row: Row, before: str, after: str, known: Mapping[str, str], manifests: Mapping[str, str]
) -> Pair:
    texts = {name: bounded(row[name]) for name in ("en", "cn", "rewritten_en", "rewritten_cn")}
    return Pair(
        key=row["edit_id"],
        task=bounded(row["task"], 60),
        subtask=bounded(row["subtask"], 60),
        source=before,
        edited=after,
        **texts,
        rewritten=bool(texts["rewritten_en"]) and texts["rewritten_en"] != texts["en"],
        confidence=row["confidence"],
        differences=tuple(bounded(text, 200) for text in row["differences"][:8]),
        evidence=figures(row["evidence"]),
        boxes=boxes(row["regions"]),
        provenance=known,
        manifests=manifests,
    )


def _provenance(row: Row, edit: Row, image: Row) -> dict[str, str]:
    told = {
        "Key": row["edit_id"],
        "Instruction": row["instruction_id"],
        "Photograph": row["image_id"],
        "Source": f"{image['root'].rstrip('/')}/{image['source']}",
        "Licence": image["licence"],
        "Size": f"{edit['width']} × {edit['height']}",
        "Instructor": flat(edit["instructor"]),
        "Prompts (sha256)": edit["prompt_sha256"],
        "Editor": edit["editor"],
        "Revision": edit["revision"],
        "Seed": edit["seed"],
        "Settings": flat(edit["settings"]),
        "Verifier": f"{row['verifier']}, version {row['verifier_version']}",
        "Confidence": f"{row['confidence']:.3f}",
        "Before, as the verifier sees it": row["source_caption"],
        "After, as the verifier sees it": row["edit_caption"],
    }
    return {name: bounded(value, 400) for name, value in told.items()}
