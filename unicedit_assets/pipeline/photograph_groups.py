"""Which photographs are one for whoever trains: near-duplicates, and those of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from unicedit_assets.domain import duplicates, schemas
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.release import benchmark_images, near_references
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.qwen_verify.splitting import joined_groups


class Known(NamedTuple):
    """A photograph: the partition that holds it, and its hashes.

    Attributes:
        phash: perceptual; None: it is featureless.
        pixel_sha256: of its pixels, however they are encoded.
    """

    ref: Ref
    phash: int | None
    pixel_sha256: str


def photographs(project: Project) -> dict[str, Known]:
    """Return image_id -> what is known of every photograph that may be edited or drawn upon."""
    found: dict[str, Known] = {}
    for ref in project.refs("raw_images"):
        manifest = project.require(ref)
        table = project.ledger.read(manifest, schemas.ROWS, ["image_id", "phash", "pixel_sha256"])
        for row in table.to_pylist():
            phash = int(row["phash"], 16) if row["phash"] else None
            found[row["image_id"]] = Known(ref, phash, row["pixel_sha256"])
    return found


def image_groups(project: Project, known: Mapping[str, Known]) -> dict[str, str]:
    """Return image_id -> group: near-duplicates over all shards share one."""
    distance = project.settings.unicedit_10m.duplicate_distance
    near = duplicates.near_pairs([each.phash for each in known.values()], distance)
    return joined_groups(list(known), near)


def contaminated_groups(
    project: Project, known: Mapping[str, Known], group_of: Mapping[str, str]
) -> frozenset[str]:
    """Return the groups that hold one of the benchmark's photographs or a near-duplicate."""
    held = benchmark_images(project)
    hashes = [None if each.phash is None else f"{each.phash:016x}" for each in known.values()]
    distance = project.settings.unicedit_10m.duplicate_distance
    near = near_references(hashes, held.phashes, distance)
    return frozenset(
        group_of[name]
        for (name, each), place in zip(known.items(), near, strict=True)
        if place is not None or name in held.image_ids or each.pixel_sha256 in held.pixel_hashes
    )
