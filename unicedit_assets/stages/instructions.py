"""Chapter 2: instructions."""

import dagster as dg

from resources.project import ProjectResource
from unicedit_assets.partitions import SHARDS
from unicedit_assets.pipeline.stages import STAGES
from unicedit_assets.pools import POOLS, op_tags
from unicedit_assets.stages.materialize import OWNERS, materialize


@dg.asset(
    partitions_def=SHARDS,
    group_name="1_prepare",
    kinds={"python", "parquet"},
    owners=OWNERS,
    code_version=STAGES["instructions"].code_version,
    pool=POOLS["instructions"],
    op_tags=op_tags("instructions"),
    deps=["raw_images"],
    description="3-7 editing instructions a photograph in English and Chinese, "
    "inside the 22 subtasks, steered by quotas.",
)
def instructions(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Write the instructions of one shard."""
    return materialize(context, project, "instructions")
