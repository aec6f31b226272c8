"""Chapter 4: verified edits."""

import dagster as dg

from resources.project import ProjectResource
from unicedit_assets.partitions import SHARDS_BY_EDITOR
from unicedit_assets.pipeline.stages import STAGES
from unicedit_assets.pools import POOLS, op_tags
from unicedit_assets.stages.materialize import OWNERS, materialize


@dg.asset(
    partitions_def=SHARDS_BY_EDITOR,
    group_name="3_verify",
    kinds={"opencv", "parquet"},
    owners=OWNERS,
    code_version=STAGES["verified_edits"].code_version,
    pool=POOLS["verified_edits"],
    op_tags=op_tags("verified_edits"),
    deps=["raw_images", "edits"],
    description="A verdict on each edit from two pictures and the text alone, "
    "and the instruction rewritten to what really changed.",
)
def verified_edits(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Verify the edits of one shard by one editor."""
    return materialize(context, project, "verified_edits")
