"""New photographs become shards, and their first stages are asked for."""

import dagster as dg

from resources.project import ProjectResource
from sensors.requests import requests_for
from unicedit_assets.jobs import JOBS
from unicedit_assets.partitions import SHARDS
from unicedit_assets.pipeline.intake import listing_digest, register_source
from unicedit_assets.pipeline.pending import State, standings
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.sources import SourceRootError

# Requests a tick; the backfill schedule picks up what a burst leaves behind.
MAX_REQUESTS = 20


@dg.sensor(
    jobs=list(JOBS.values()),
    minimum_interval_seconds=60,
    description="Registers new photographs of the configured source as shards and takes them in.",
)
def new_images(
    context: dg.SensorEvaluationContext, project: ProjectResource
) -> dg.SensorResult | dg.SkipReason:
    """Register what is new below ``source`` and request raw_images for the new shards."""
    opened = project.open()
    source = opened.settings.source
    if not source:
        return dg.SkipReason("no source is configured: set `source` in unicedit.toml")
    try:
        seen = _registered(opened, source, context.cursor)
    except SourceRootError as error:
        return dg.SkipReason(f"{error}; waiting for it to come back")
    # What Dagster does not know yet: the new shards, and those of a tick that died on its way.
    known = set(context.instance.get_dynamic_partitions(str(SHARDS.name)))
    shards = [shard for shard in opened.registry.shards() if shard not in known]
    # Not only the new ones: also those that a burst or a tick that died on its way left behind.
    refs = [
        found.ref
        for found in standings(opened, ["raw_images"])
        if found.ref.partition in shards or found.state in (State.MISSING, State.STALE)
    ]
    requests = list(requests_for(opened, context.instance, refs, MAX_REQUESTS))
    if not shards and not requests and seen == context.cursor:
        return dg.SkipReason(f"nothing new below {source}")
    return dg.SensorResult(
        dynamic_partitions_requests=[SHARDS.build_add_request(shards)] if shards else [],
        run_requests=requests,
        cursor=seen,
    )


def _registered(project: Project, source: str, cursor: str | None) -> str:
    """Register what is new unless the listing is that of the cursor; return the listing's digest.

    Raises:
        SourceRootError: the source cannot be listed.
    """
    # Taken before registering: what comes in between is found at the next tick.
    seen = listing_digest(source)
    if seen != cursor:
        register_source(project, source)
    return seen
