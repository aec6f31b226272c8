"""Asking Dagster for runs of single partitions, without ever asking twice for one in progress."""

from collections.abc import Iterable, Iterator

import dagster as dg

from unicedit_assets.jobs import job_name
from unicedit_assets.partitions import dagster_key
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref

TARGET_TAG = "unicedit/target"
_IN_VAIN = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
_FINISHED = (dg.DagsterRunStatus.SUCCESS, *_IN_VAIN)

# A partition that failed this often under the same settings waits for a person.
MAX_ATTEMPTS = 3


def requests_for(
    project: Project, instance: dg.DagsterInstance, refs: Iterable[Ref], limit: int
) -> Iterator[dg.RunRequest]:
    """Yield at most ``limit`` run requests for partitions that are not under way.

    The run key carries the fingerprint and the number of runs before: Dagster deduplicates run keys
    for good, so what failed, or was made and then rotted, could otherwise never be asked for again.
    Only runs that made nothing count as attempts.
    """
    asked = 0
    for ref in refs:
        if asked >= limit:
            return
        target = f"{ref}@{project.spec(ref).fingerprint}"
        runs = instance.get_runs(dg.RunsFilter(tags={TARGET_TAG: target}))
        failures = sum(run.status in _IN_VAIN for run in runs)
        if any(run.status not in _FINISHED for run in runs) or failures >= MAX_ATTEMPTS:
            continue
        asked += 1
        yield dg.RunRequest(
            run_key=f"{target}:{len(runs)}",
            job_name=job_name(ref.stage),
            partition_key=dagster_key(ref.stage, ref.partition),
            tags={TARGET_TAG: target},
        )
