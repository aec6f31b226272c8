"""Chapter 7: what verifiers are trained on."""

import dagster as dg

from resources.project import ProjectResource
from unicedit_assets.partitions import UNDIVIDED
from unicedit_assets.pipeline.stages import STAGES
from unicedit_assets.stages.materialize import OWNERS, materialize
from unicedit_assets.stages.synthetic_pairs import synthetic_pairs
from unicedit_assets.stages.verified_edits import verified_edits

_DEPS = [
    dg.AssetDep(asset, partition_mapping=dg.AllPartitionMapping())
    for asset in (synthetic_pairs, verified_edits)
]
GROUP = "6_train"


@dg.asset(
    partitions_def=UNDIVIDED,
    group_name=GROUP,
    kinds={"parquet", "huggingface"},
    owners=OWNERS,
    code_version=STAGES["verify_sft_set"].code_version,
    deps=_DEPS,
    description="Chat rows for supervised training (Normal and No Edit): synthetic pairs, verified "
    "edits and people's verdicts, split by scene and photograph, capped by kind and subtask.",
)
def verify_sft_set(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Make the supervised training set."""
    return materialize(context, project, "verify_sft_set")


@dg.asset(
    partitions_def=UNDIVIDED,
    group_name=GROUP,
    kinds={"parquet", "huggingface"},
    owners=OWNERS,
    code_version=STAGES["verify_preference_set"].code_version,
    deps=_DEPS,
    description="Chat rows for preference training (all kinds): the true chain, and a hallucinated "
    "one that differs in one claim; split exactly like the supervised set.",
)
def verify_preference_set(
    context: dg.AssetExecutionContext, project: ProjectResource
) -> dg.MaterializeResult[None]:
    """Make the preference training set."""
    return materialize(context, project, "verify_preference_set")
