"""What every asset does: open the project, make the partition, tell what happened."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from resources.failures import told_as_failure
from resources.gpu.leases import name_run
from resources.gpu.usage import Usage, watching
from resources.project import ProjectResource
from unicedit_assets.partitions import lake_partition
from unicedit_assets.pipeline import progress
from unicedit_assets.pipeline.preview import preview
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.unicbench_figures import stage_figures
from unicedit_assets.storage.terms import Committed
from unicedit_assets.vlm.accounting import USAGE

OWNERS = ["team:data-engine"]


def materialize(
    context: dg.AssetExecutionContext, resource: ProjectResource, stage: str
) -> dg.MaterializeResult[None]:
    """Make one partition of a stage and report its counts, rates, reasons and a preview."""
    with told_as_failure():
        return _materialize(context, resource, stage)


def _materialize(
    context: dg.AssetExecutionContext, resource: ProjectResource, stage: str
) -> dg.MaterializeResult[None]:
    project = resource.open()
    ref = Ref(stage, lake_partition(stage, context.partition_key))

    def on_chunk(finished: int, chunks: int) -> None:
        context.log.info(f"{ref}: chunk {finished} of {chunks}")
        progress.tell(ref, finished, chunks)

    before = USAGE.snapshot()
    name_run(context.run.run_id)
    with watching() as usage:
        committed = project.run(ref, on_chunk)
    if not committed.fresh:
        context.log.info(f"{ref}: nothing to do, {committed.manifest.fingerprint} is there")
    return dg.MaterializeResult(
        metadata={**metadata_of(project, committed), **usage_since(before), **measured(usage)},
        data_version=dg.DataVersion(committed.manifest.fingerprint),
    )


def usage_since(before: Mapping[tuple[str, str], float]) -> dict[str, dg.MetadataValue]:
    """Return what this run asked of vision-language models, and what that cost."""
    return {
        name: dg.MetadataValue.float(float(number)) for name, number in USAGE.since(before).items()
    }


def measured(usage: Usage) -> dict[str, dg.MetadataValue]:
    """Return what was seen of the GPUs while the partition was made."""
    return {name: dg.MetadataValue.float(float(value)) for name, value in usage.figures().items()}


def metadata_of(project: Project, committed: Committed) -> dict[str, dg.MetadataValue]:
    """Return what the UI shows of a partition; numbers become plots over time."""
    manifest = committed.manifest
    counts = manifest.counts
    metadata: dict[str, dg.MetadataValue] = {
        "dagster/row_count": dg.MetadataValue.int(counts.accepted),
        "inputs": dg.MetadataValue.int(counts.inputs),
        "accepted": dg.MetadataValue.int(counts.accepted),
        "rejected": dg.MetadataValue.int(counts.rejected),
        "failed": dg.MetadataValue.int(counts.failed),
        "accepted_share": dg.MetadataValue.float(counts.accepted / max(1, counts.inputs)),
        "recomputed": dg.MetadataValue.bool(committed.fresh),
        "chunks_resumed": dg.MetadataValue.int(committed.resumed),
        "fingerprint": dg.MetadataValue.text(manifest.fingerprint),
        "dagster/uri": dg.MetadataValue.text(f"{project.ledger.store.url}/{manifest.folder}"),
        "made_from": dg.MetadataValue.json(dict(manifest.inputs)),
    }
    for reason, number in sorted(counts.reasons.items()):
        metadata[f"reason/{reason}"] = dg.MetadataValue.int(number)
    for name, figure in sorted(committed.figures.items()):
        metadata[name] = dg.MetadataValue.float(figure)
    for name, figure in stage_figures(project, manifest).items():
        metadata[name] = dg.MetadataValue.float(figure)
    picture = preview(project, manifest)
    if picture:
        metadata["preview"] = dg.MetadataValue.md(picture)
    return metadata
