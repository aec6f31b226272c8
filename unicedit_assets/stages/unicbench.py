"""Chapter 6: the benchmark's samples."""

import dagster as dg

from resources.project import ProjectResource
from unicedit_assets.partitions import UNDIVIDED
from unicedit_assets.pipeline.stages import STAGES
from unicedit_assets.pools import POOLS, op_tags
from unicedit_assets.stages.materialize import OWNERS, materialize


@dg.asset(
    partitions_def=UNDIVIDED,
    group_name="1_prepare",
    kinds={"opencv", "parquet"},
    owners=OWNERS,
    code_version=STAGES["unicbench"].code_version,
    pool=POOLS["unicbench"],
    op_tags=op_tags("unicbench"),
    description="The benchmark: a list that the settings name, such as the official one, or "
    "samples frozen from photographs that were held out; versioned by its contents.",
)
def unicbench(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Take in or freeze the benchmark's samples."""
    return materialize(context, project, "unicbench")
