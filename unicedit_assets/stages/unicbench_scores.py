"""Chapter 8: benchmark scores."""

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
    code_version=STAGES["unicbench_scores"].code_version,
    pool=POOLS["unicbench_scores"],
    op_tags=op_tags("unicbench_scores"),
    deps=[
        dg.AssetDep(unicbench, partition_mapping=dg.AllPartitionMapping()),
        "unicbench_edits",
    ],
    description="IF, NC, VQ, RA and overall of each model on photographs "
    "that no release contains; unscored is never zero.",
)
def unicbench_scores(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Score one model in one language."""
    return materialize(context, project, "unicbench_scores")
