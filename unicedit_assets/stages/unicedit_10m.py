"""Chapter 5: the release in the published schema."""

import dagster as dg

from resources.project import ProjectResource
from unicedit_assets.partitions import RELEASES
from unicedit_assets.pipeline.stages import STAGES
from unicedit_assets.stages.materialize import OWNERS, materialize
from unicedit_assets.stages.unicbench import unicbench
from unicedit_assets.stages.verified_edits import verified_edits


@dg.asset(
    partitions_def=RELEASES,
    group_name="4_publish",
    kinds={"parquet", "huggingface"},
    owners=OWNERS,
    code_version=STAGES["unicedit_10m"].code_version,
    deps=[
        dg.AssetDep(verified_edits, partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep(unicbench, partition_mapping=dg.AllPartitionMapping()),
    ],
    description="All accepted edits in the published UnicEdit-10M schema, with provenance, "
    "rejects, statistics and a data card; near-duplicates across shards and pictures of the "
    "benchmark are left out.",
)
def unicedit_10m(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Publish one release."""
    return materialize(context, project, "unicedit_10m")
