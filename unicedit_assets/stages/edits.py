"""Chapter 3: edits."""

import dagster as dg

from resources.project import ProjectResource
from unicedit_assets.partitions import SHARDS_BY_EDITOR
from unicedit_assets.pipeline.stages import STAGES
from unicedit_assets.pools import POOLS, op_tags
from unicedit_assets.stages.materialize import OWNERS, materialize


@dg.asset(
    partitions_def=SHARDS_BY_EDITOR,
    group_name="2_edit",
    kinds={"opencv", "parquet"},
    owners=OWNERS,
    code_version=STAGES["edits"].code_version,
    pool=POOLS["edits"],
    op_tags=op_tags("edits"),
    deps=["raw_images", "instructions"],
    description="Each instruction carried out on its photograph by one editor; "
    "same size as the source.",
)
def edits(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Carry out the instructions of one shard with one editor."""
    return materialize(context, project, "edits")
