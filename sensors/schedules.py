"""Schedules: a steady backfill of what is missing, the release, and the scores.

Each schedule asks for a few single-partition runs, those whose inputs are all there: a backfill
must leave room for what people launch by hand.
"""

import dagster as dg

from resources.project import ProjectResource
from sensors.requests import requests_for
from unicedit_assets.jobs import JOBS
from unicedit_assets.partitions import sync_partitions
from unicedit_assets.pipeline.pending import State, standings
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref

MAX_REQUESTS = 4

_CRON = {
    "raw_images": "*/10 * * * *",
    "instructions": "*/10 * * * *",
    "unicbench": "0 * * * *",
    "edits": "*/10 * * * *",
    "verified_edits": "*/10 * * * *",
    "unicedit_10m": "0 3 * * *",
    "unicbench_edits": "0 * * * *",
    "unicbench_scores": "0 * * * *",
}


def makeable(project: Project, stage: str) -> list[Ref]:
    """Return a stage's partitions that are missing or stale while their inputs are all there."""
    return [
        found.ref
        for found in standings(project, [stage])
        if found.ready and found.state in (State.MISSING, State.STALE)
    ]


def backfill_of(stage: str) -> dg.ScheduleDefinition:
    """Return the schedule that makes what is missing of one stage, a few partitions at a time."""

    @dg.schedule(
        name=f"backfill_{stage}",
        job=JOBS[stage],
        cron_schedule=_CRON[stage],
        description=f"Makes missing or stale partitions of {stage}, at most {MAX_REQUESTS} a tick.",
    )
    def backfill(
        context: dg.ScheduleEvaluationContext, project: ProjectResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        opened = project.open()
        refs = makeable(opened, stage)
        sync_partitions(opened, context.instance)
        requests = list(requests_for(opened, context.instance, refs, MAX_REQUESTS))
        return requests or dg.SkipReason(f"nothing of {stage} is missing and ready")

    return backfill


BACKFILLS = [backfill_of(stage) for stage in _CRON]
