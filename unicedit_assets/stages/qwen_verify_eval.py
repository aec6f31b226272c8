"""Chapter 9: verifiers measured against known truth."""

import dagster as dg

from resources.project import ProjectResource
from unicedit_assets.partitions import VERIFIERS
from unicedit_assets.pipeline.stages import STAGES
from unicedit_assets.pools import POOLS, op_tags
from unicedit_assets.stages.materialize import OWNERS, materialize
from unicedit_assets.stages.verifier_sets import GROUP, verify_preference_set


@dg.asset(
    partitions_def=VERIFIERS,
    group_name=GROUP,
    kinds={"python", "parquet"},
    owners=OWNERS,
    code_version=STAGES["qwen_verify_eval"].code_version,
    pool=POOLS["qwen_verify_eval"],
    op_tags=op_tags("qwen_verify_eval"),
    deps=[dg.AssetDep(verify_preference_set, partition_mapping=dg.AllPartitionMapping())],
    description="One verifier's answers to frozen pairs with known truth: Table 5, failure "
    "detection, calibration and rewritten texts, with 95 % intervals.",
)
def qwen_verify_eval(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Measure one verifier, or one baseline."""
    return materialize(context, project, "qwen_verify_eval")
