"""Re-verification: shards that another verifier version judged are judged again, never re-edited.

A reconciling sensor: at each tick it compares what every shard should be with what it is.
Automation conditions ignore data versions and would lose a shard that finishes with the old
verifier after a promotion; a comparison cannot.
"""

import dagster as dg

from resources.project import ProjectResource
from sensors.requests import requests_for
from unicedit_assets.jobs import JOBS
from unicedit_assets.partitions import sync_partitions
from unicedit_assets.pipeline.pending import State, standings

MAX_REQUESTS = 20


@dg.sensor(
    jobs=[JOBS["verified_edits"]],
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Re-verifies just those shards whose verdicts are not by the promoted verifier "
    "(`unicedit verify promote`).",
)
def re_verification(
    context: dg.SensorEvaluationContext, project: ProjectResource
) -> dg.SensorResult | dg.SkipReason:
    """Request verified_edits for shards that are stale while their edits are current."""
    opened = project.open()
    stale = [
        found.ref
        for found in standings(opened, ["verified_edits"])
        if found.state is State.STALE and found.ready
    ]
    if not stale:
        return dg.SkipReason("every verified shard is by the current verifier")
    sync_partitions(opened, context.instance)
    requests = list(requests_for(opened, context.instance, stale, MAX_REQUESTS))
    if not requests:
        return dg.SkipReason(f"{len(stale)} stale shards are under way or have failed repeatedly")
    return dg.SensorResult(run_requests=requests)
