"""The rows that did not go on: how many for each reason, and a few of them with the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from unicedit_assets.domain.reasons import FAILURES
from unicedit_assets.domain.schemas import REJECTS
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import Project
from unicedit_assets.report.examples import Limits, Reject, input_of, thumbnail, within
from unicedit_assets.report.sampling import Columns, Row, draw, rows_at
from unicedit_assets.report.text import bounded, boxes, figures, parsed
from unicedit_assets.report.wording import meaning
from unicedit_assets.storage.manifests import Manifest

# Where the lake holds the photograph a reject speaks of, and where the edited picture too.
_HAS_SOURCE = frozenset({"instructions", "edits", "verified_edits"})
_HAS_EDIT = frozenset({"verified_edits"})


@dataclass(frozen=True)
class RejectGroup:
    """All rejects of one reason in one stage, with examples."""

    stage: str
    reason: str
    meaning: str
    failed: bool
    count: int
    share: float
    examples: tuple[Reject, ...]


def collect_rejects(
    project: Project, manifests: Mapping[str, Sequence[Manifest]], limits: Limits
) -> tuple[RejectGroup, ...]:
    """Return the rejects of every stage by reason, the most frequent first.

    Args:
        manifests: stage -> its up-to-date partitions, in pipeline order.
    """
    groups = [
        group
        for stage, found in manifests.items()
        for group in _stage(project, stage, found, limits)
    ]
    return _thinned(groups, limits.rejects_chars)


def _stage(
    project: Project, stage: str, manifests: Sequence[Manifest], limits: Limits
) -> list[RejectGroup]:
    columns = Columns(REJECTS, "reason", "unit_id")
    sample = draw(project.ledger, manifests, columns, limits.rejects)
    inputs = sum(manifest.counts.inputs for manifest in manifests)
    examples: dict[str, list[Reject]] = {reason: [] for reason in sample.totals}
    for number, groups in sorted(sample.by_manifest().items()):
        rows = rows_at(project.ledger, manifests[number], REJECTS, groups)
        loaded = _examples(project, manifests[number], list(rows.values()), limits)
        for place, example in zip(rows, loaded, strict=True):
            examples[groups[place]].append(example)
    return [
        RejectGroup(
            stage=stage,
            reason=reason,
            meaning=meaning(reason),
            failed=reason in FAILURES,
            count=count,
            share=count / inputs if inputs else 0.0,
            examples=tuple(examples[reason]),
        )
        for reason, count in sample.totals.most_common()
    ]


def _examples(
    project: Project, manifest: Manifest, rows: Sequence[Row], limits: Limits
) -> Iterator[Reject]:
    sources = _pictures(project, manifest, "raw_images", "image_id", "image", _HAS_SOURCE)
    edited = _pictures(project, manifest, "edits", "edit_id", "edit_image", _HAS_EDIT)
    wanted = [(sources, str(row["image_id"])) for row in rows]
    wanted += [(edited, str(row["unit_id"])) for row in rows]
    held = [pictures is not None and key in pictures for pictures, key in wanted]
    data = [
        pictures[key]
        for (pictures, key), there in zip(wanted, held, strict=True)
        if pictures and there
    ]
    small = project.engine.map(partial(thumbnail, limits.side, limits.quality), data)
    uris = [next(iter(small), "") if there else "" for there in held]
    for row, source, after in zip(rows, uris[: len(rows)], uris[len(rows) :], strict=True):
        yield _reject(manifest, row, source, after)


def _pictures(
    project: Project, manifest: Manifest, stage: str, key: str, column: str, held: frozenset[str]
) -> Pictures | None:
    above = input_of(project, manifest, stage) if manifest.stage in held else None
    return Pictures(project.ledger, above, key, column) if above and above.rows() else None


def _reject(manifest: Manifest, row: Row, source: str, edited: str) -> Reject:
    extra = parsed(row["extra"])
    extra = extra if isinstance(extra, dict) else {}
    confidence = extra.get("confidence")
    return Reject(
        unit_id=bounded(row["unit_id"], 200),
        partition=manifest.partition,
        subtask=bounded(row["subtask"], 60),
        en=bounded(row["en"]),
        cn=bounded(row["cn"]),
        detail=bounded(row["detail"]),
        source=source,
        edited=edited,
        confidence=float(confidence) if isinstance(confidence, int | float) else None,
        evidence=figures(extra.get("evidence")),
        boxes=boxes(extra.get("regions")),
        provenance={
            "Unit": bounded(row["unit_id"], 200),
            "Photograph": bounded(row["image_id"], 200),
            "Partition": f"{manifest.stage}/{manifest.partition}",
            "Fingerprint": manifest.fingerprint,
            "Verifier version": bounded(extra.get("verifier_version"), 60),
        },
    )


def _thinned(groups: Sequence[RejectGroup], budget: int) -> tuple[RejectGroup, ...]:
    """Leave out pictures beyond the budget: first the last example of every group."""
    most = max((len(group.examples) for group in groups), default=0)
    ranked = [
        (rank, number)
        for rank in range(most)
        for number, group in enumerate(groups)
        if rank < len(group.examples)
    ]
    sizes = (groups[number].examples[rank].size for rank, number in ranked)
    kept = set(ranked[: within(sizes, budget)])
    return tuple(
        replace(
            group,
            examples=tuple(
                example for rank, example in enumerate(group.examples) if (rank, number) in kept
            ),
        )
        for number, group in enumerate(groups)
    )
