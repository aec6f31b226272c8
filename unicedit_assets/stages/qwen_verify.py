"""Chapter 8: verifiers of our own, trained in two stages."""

import dagster as dg

from resources.project import ProjectResource
from unicedit_assets.partitions import TRAININGS
from unicedit_assets.pipeline.stages import STAGES
from unicedit_assets.pools import POOLS, op_tags
from unicedit_assets.stages.materialize import OWNERS, materialize
from unicedit_assets.stages.verifier_sets import GROUP, verify_preference_set, verify_sft_set

_KINDS = {"pytorch", "huggingface"}


@dg.asset(
    partitions_def=TRAININGS,
    group_name=GROUP,
    kinds=_KINDS,
    owners=OWNERS,
    code_version=STAGES["qwen_verify_sft"].code_version,
    pool=POOLS["qwen_verify_sft"],
    op_tags=op_tags("qwen_verify_sft"),
    deps=[dg.AssetDep(verify_sft_set, partition_mapping=dg.AllPartitionMapping())],
    description="A verifier after supervised training, registered as NAME-sft; resumes at its last "
    "checkpoint.",
)
def qwen_verify_sft(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Train one verifier's first stage."""
    return materialize(context, project, "qwen_verify_sft")


@dg.asset(
    partitions_def=TRAININGS,
    group_name=GROUP,
    kinds=_KINDS,
    owners=OWNERS,
    code_version=STAGES["qwen_verify"].code_version,
    pool=POOLS["qwen_verify"],
    op_tags=op_tags("qwen_verify"),
    deps=[
        qwen_verify_sft,
        dg.AssetDep(verify_preference_set, partition_mapping=dg.AllPartitionMapping()),
    ],
    description="A verifier after preference training (D2PO, or plain DPO), registered as NAME.",
)
def qwen_verify(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Train one verifier's second stage."""
    return materialize(context, project, "qwen_verify")
