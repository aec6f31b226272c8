"""New photographs become shards, and their first stages are asked for."""

import dagster as dg

from resources.project import ProjectResource
from sensors.requests import requests_for
from unicedit_assets.jobs import JOBS
from unicedit_assets.partitions import SHARDS
from unicedit_assets.pipeline.pending import State, standings
from unicedit_assets.pipeline.sources import SourceRootError
from unicedit_assets.pipeline.watch import BUDGET, Watch, Watched

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
    """Register what is new below ``source`` and request raw_images for the new shards.

    A tick works for a bounded time and the next one goes on by the cursor; see ``pipeline.watch``.
    """
    opened = project.open()
    source = opened.settings.source
    if not source:
        return dg.SkipReason("no source is configured: set `source` in unicedit.toml")
    try:
        watched = Watch(opened, source, BUDGET).look(context.cursor)
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
    cursor = watched.cursor.model_dump_json()
    if not shards and not requests and cursor == context.cursor:
        return dg.SkipReason(f"nothing new below {source}")
    return dg.SensorResult(
        dynamic_partitions_requests=[SHARDS.build_add_request(shards)] if shards else [],
        run_requests=requests,
        skip_reason=None if requests else dg.SkipReason(_progress(watched, source)),
        cursor=cursor,
    )


def _progress(watched: Watched, source: str) -> str:
    if watched.finished:
        return f"looked through {source}: nothing to ask for"
    doing = "registering" if watched.cursor.registering else "looking through"
    return f"{doing} {source}, at {watched.cursor.after!r}; the next tick goes on from there"
