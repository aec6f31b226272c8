"""New photographs become shards, and their first stages are asked for."""

import dagster as dg

from resources.project import ProjectResource
from sensors.requests import requests_for
from unicedit_assets.jobs import JOBS
from unicedit_assets.partitions import SHARDS
from unicedit_assets.pipeline.intake import listing_digest, register_source
from unicedit_assets.pipeline.stage import Ref

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
    if not opened.settings.source:
        return dg.SkipReason("no source is configured: set `source` in unicedit.toml")
    seen = listing_digest(opened.settings.source)
    if seen == context.cursor:
        return dg.SkipReason(f"nothing new below {opened.settings.source}")
    report = register_source(opened, opened.settings.source)
    known = set(context.instance.get_dynamic_partitions(SHARDS.name or ""))
    shards = [shard for shard in opened.registry.shards() if shard not in known]
    refs = [Ref("raw_images", shard) for shard in report.shards]
    return dg.SensorResult(
        dynamic_partitions_requests=[SHARDS.build_add_request(shards)] if shards else [],
        run_requests=list(requests_for(opened, context.instance, refs, MAX_REQUESTS)),
        cursor=seen,
    )
