"""Which photographs are one for whoever trains: near-duplicates, and those of the benchmark."""

from __future__ import annotations

from typing import NamedTuple

from unicedit_assets.domain import duplicates, schemas
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.release import benchmark_images, near_references
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.qwen_verify.splitting import joined_groups


class Known(NamedTuple):
    """A photograph: the partition that holds it, and its perceptual hash where it has one."""

    ref: Ref
    phash: int | None


def photographs(project: Project) -> dict[str, Known]:
    """Return image_id -> what is known of every photograph that may be edited or drawn upon."""
    found: dict[str, Known] = {}
    for ref in project.refs("raw_images"):
        manifest = project.require(ref)
        table = project.ledger.read(manifest, schemas.ROWS, ["image_id", "phash"])
        for row in table.to_pylist():
            found[row["image_id"]] = Known(ref, int(row["phash"], 16) if row["phash"] else None)
    return found


def image_groups(project: Project) -> dict[str, str]:
    """Return image_id -> group: near-duplicates over all shards share one."""
    known = photographs(project)
    distance = project.settings.unicedit_10m.duplicate_distance
    near = duplicates.near_pairs([each.phash for each in known.values()], distance)
    return joined_groups(list(known), near)


def contaminated_groups(project: Project) -> frozenset[str]:
    """Return the groups that hold a near-duplicate of the benchmark's photographs."""
    held = benchmark_images(project)
    group_of = image_groups(project)
    known = photographs(project)
    hashes = [None if each.phash is None else f"{each.phash:016x}" for each in known.values()]
    distance = project.settings.unicedit_10m.duplicate_distance
    near = near_references(hashes, held.phashes, distance)
    return frozenset(
        group_of[name]
        for name, place in zip(known, near, strict=True)
        if place is not None or name in held.image_ids
    )
