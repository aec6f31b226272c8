"""Making what is missing through Dagster, one partition a run, with a progress bar."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from unicedit_assets.definitions import defs
from unicedit_assets.jobs import job_name
from unicedit_assets.partitions import dagster_key, sync_partitions
from unicedit_assets.pipeline.pending import EVERYTHING, Standing, State, standings
from unicedit_assets.pipeline.progress import watching
from unicedit_assets.pipeline.project import BlockedInputError, MissingInputError, Project
from unicedit_assets.pipeline.stage import Ref


class RunError(Exception):
    """A partition could not be made; the message says which and why."""


@dataclass
class RunReport:
    """What a run did.

    Attributes:
        made: partitions that were made, in order.
        waiting: partitions whose inputs are missing or blocked.
        failures: one sentence for each partition that could not be made.
        current: how many partitions were up to date already.
        seconds: stage -> seconds spent on it.
    """

    made: list[Ref] = field(default_factory=list)
    waiting: list[Ref] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    current: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


def recorded_versions(instance: dg.DagsterInstance, stage: str) -> dict[str, str]:
    """Return partition key -> data version of its newest materialization in Dagster."""
    tags = instance.event_log_storage.get_latest_tags_by_partition(
        dg.AssetKey(stage), dg.DagsterEventType.ASSET_MATERIALIZATION, ["dagster/data_version"]
    )
    return {key: found["dagster/data_version"] for key, found in tags.items() if found}


def run_stages(
    project: Project, instance: dg.DagsterInstance, stages: Sequence[str], console: Console
) -> RunReport:
    """Bring every partition of the stages up to date, in pipeline order.

    Raises:
        RunError: partitions failed, or blocking checks of them did; all others are made.
    """
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    sync_partitions(project, instance)
    report = RunReport()
    columns = (TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        for stage in (each for each in EVERYTHING if each in stages):
            # The runs open their own projects: what they gave up is known to nobody here.
            project.look_again()
            found = standings(project, [stage])
            versions = recorded_versions(instance, stage)
            stale = [each.ref for each in found if not _is_recorded(project, each, versions)]
            report.current += len(found) - len(stale)
            started = time.perf_counter()
            for ref in stale:
                _bring_up(project, instance, ref, progress, report)
            if stale:
                report.seconds[stage] = time.perf_counter() - started
    project.look_again()
    if report.failures or report.waiting:
        raise RunError(_summary(project, report))
    return report


def make_partitions(
    project: Project, instance: dg.DagsterInstance, refs: Sequence[Ref], console: Console
) -> RunReport:
    """Bring some partitions up to date, in their order; what is up to date is left alone.

    Raises:
        RunError: some could not be made; all others are.
    """
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    sync_partitions(project, instance)
    report = RunReport()
    columns = (TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        for ref in refs:
            if project.find(ref) is None:
                _bring_up(project, instance, ref, progress, report)
            else:
                report.current += 1
    project.look_again()
    if report.failures or report.waiting:
        raise RunError(_summary(project, report))
    return report


def _bring_up(
    project: Project,
    instance: dg.DagsterInstance,
    ref: Ref,
    progress: Progress,
    report: RunReport,
) -> None:
    """Make one partition; a failure is kept, so that it does not stop the others."""
    ups = project.stages[ref.stage].inputs(project, ref.partition)
    if not all(project.usable(up) for up in ups):
        report.waiting.append(ref)
        return
    is_new = project.find(ref) is None
    try:
        _make(instance, ref, progress)
    except RunError as error:
        report.failures.append(str(error))
        return
    if is_new:
        report.made.append(ref)
    else:
        report.current += 1


def _summary(project: Project, report: RunReport) -> str:
    """Return one sentence for what was not made; where nothing failed, what is waited for."""
    if not report.failures:
        first = report.waiting[0]
        for up in project.stages[first.stage].inputs(project, first.partition):
            try:
                project.require(up)
            except (MissingInputError, BlockedInputError) as error:
                return str(error)
    text = "; ".join(report.failures)
    if report.waiting:
        text += f" ({len(report.waiting)} partitions wait for that)"
    return text


def _is_recorded(project: Project, found: Standing, versions: dict[str, str]) -> bool:
    """Tell whether lake and Dagster agree that a partition is up to date and sound.

    A blocked partition is not made again, but its checks are: whatever failed them may be mended.
    """
    key = str(dagster_key(found.ref.stage, found.ref.partition))
    recorded = versions.get(key) == project.spec(found.ref).fingerprint
    return found.state is State.CURRENT and recorded


def _make(instance: dg.DagsterInstance, ref: Ref, progress: Progress) -> None:
    task = progress.add_task(str(ref), total=None)

    def watch(_: Ref, finished: int, chunks: int) -> None:
        progress.update(task, completed=finished, total=chunks)

    job = defs.resolve_job_def(job_name(ref.stage))
    with watching(watch):
        result = job.execute_in_process(
            instance=instance,
            partition_key=dagster_key(ref.stage, ref.partition),
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    if not result.success:
        raise RunError(f"{ref}: {_why(result)}")
    progress.update(task, completed=1, total=1)


def _why(result: dg.ExecuteInProcessResult) -> str:
    """Return one line for what went wrong: the innermost error, or the checks that failed."""
    failed = [
        evaluation.check_name
        for evaluation in result.get_asset_check_evaluations()
        if not evaluation.passed and evaluation.blocking
    ]
    if failed:
        return f"blocking checks failed: {', '.join(failed)}"
    for event in result.get_step_failure_events():
        told = event.step_failure_data.user_failure_data
        if told and told.description:
            return told.description
        error = event.step_failure_data.error
        while error and error.cause:
            error = error.cause
        if error:
            return " ".join(error.message.split())
    return "the run failed; see the Dagster UI"
