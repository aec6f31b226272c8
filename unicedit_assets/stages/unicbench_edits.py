"""Chapter 7: the benchmark's edits."""

import dagster as dg

from resources.project import ProjectResource
from unicedit_assets.partitions import MODELS_BY_LANGUAGE
from unicedit_assets.pipeline.stages import STAGES
from unicedit_assets.pools import POOLS, op_tags
from unicedit_assets.stages.materialize import OWNERS, materialize
from unicedit_assets.stages.unicbench import unicbench


@dg.asset(
    partitions_def=MODELS_BY_LANGUAGE,
    group_name="5_measure",
    kinds={"opencv", "parquet"},
    owners=OWNERS,
    code_version=STAGES["unicbench_edits"].code_version,
    pool=POOLS["unicbench_edits"],
    op_tags=op_tags("unicbench_edits"),
    deps=[dg.AssetDep(unicbench, partition_mapping=dg.AllPartitionMapping())],
    description="Each benchmark sample edited by one model as one language says; scored apart, so "
    "another judge needs no new edits.",
)
def unicbench_edits(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Edit the benchmark with one model in one language."""
    return materialize(context, project, "unicbench_edits")
