"""Beside the pipeline: synthetic pairs."""

import dagster as dg

from resources.project import ProjectResource
from unicedit_assets.partitions import SYNTHETIC_SHARDS
from unicedit_assets.pipeline.stages import STAGES
from unicedit_assets.stages.materialize import OWNERS, materialize
from unicedit_assets.stages.raw_images import raw_images
from unicedit_assets.stages.unicbench import unicbench


@dg.asset(
    partitions_def=SYNTHETIC_SHARDS,
    group_name="6_train",
    kinds={"opencv", "parquet"},
    owners=OWNERS,
    code_version=STAGES["synthetic_pairs"].code_version,
    # Read only where `synthetic_pairs.backgrounds` asks for photographs.
    deps=[
        dg.AssetDep(asset, partition_mapping=dg.AllPartitionMapping())
        for asset in (raw_images, unicbench)
    ],
    description="Drawn pairs of pictures with instructions, planted failures and the exact truth; "
    "all 22 subtasks, by seed.",
)
def synthetic_pairs(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Draw the pairs of one shard."""
    return materialize(context, project, "synthetic_pairs")
