"""Chapter 1: photographs."""

import dagster as dg

from resources.project import ProjectResource
from unicedit_assets.partitions import SHARDS
from unicedit_assets.pipeline.stages import STAGES
from unicedit_assets.stages.materialize import OWNERS, materialize


@dg.asset(
    partitions_def=SHARDS,
    group_name="1_prepare",
    kinds={"python", "parquet"},
    owners=OWNERS,
    code_version=STAGES["raw_images"].code_version,
    description="Source files taken in: upright, sRGB, cropped to the nearest preferred size, "
    "hashed, measured. Everything refused is a row with a reason.",
)
def raw_images(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Take in the photographs of one shard."""
    return materialize(context, project, "raw_images")
