"""One job a stage: what sensors, schedules and the command line launch for single partitions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import dagster as dg

from unicedit_assets.pipeline.pending import EVERYTHING
from unicedit_assets.pools import run_tags


def job_name(stage: str) -> str:
    """Return the name of the job that makes a stage's partitions."""
    return f"make_{stage}"


JOBS: Mapping[str, dg.UnresolvedAssetJobDefinition] = MappingProxyType(
    {
        stage: dg.define_asset_job(
            job_name(stage),
            selection=dg.AssetSelection.assets(stage),
            tags=run_tags(stage),
            description=f"Make one partition of {stage} and run its checks.",
        )
        for stage in EVERYTHING
    }
)
