"""A home with scripted backends as Dagster sees it: resource, instance, jobs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from backends import scripted_backends
from lakes import write_settings

import resources.project
from resources.project import ProjectResource, open_project
from unicedit_assets.definitions import defs
from unicedit_assets.jobs import job_name
from unicedit_assets.partitions import dagster_key
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.settings import HOME_VARIABLE


@dataclass(frozen=True)
class World:
    """One home and one Dagster instance."""

    home: Path
    instance: dg.DagsterInstance

    @property
    def resource(self) -> ProjectResource:
        return ProjectResource(home=str(self.home))

    def project(self) -> Project:
        """Open the project as it is now."""
        return open_project(self.home)

    def execute(self, ref: Ref, tags: dict[str, str] | None = None) -> dg.ExecuteInProcessResult:
        """Run the job of one partition, as the daemon would."""
        return defs.resolve_job_def(job_name(ref.stage)).execute_in_process(
            instance=self.instance,
            partition_key=dagster_key(ref.stage, ref.partition),
            tags=tags,
            raise_on_error=False,
        )

    def grant(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Execute a run that a sensor or schedule asked for."""
        assert request.job_name is not None
        return defs.resolve_job_def(request.job_name).execute_in_process(
            instance=self.instance,
            partition_key=request.partition_key,
            tags=dict(request.tags),
            raise_on_error=False,
        )


def enter(
    home: Path,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, object] | None = None,
) -> World:
    """Let the `embedded` profile mean the scripted backends, and Dagster find this home."""
    write_settings(home, changes)
    monkeypatch.setenv(HOME_VARIABLE, str(home))
    monkeypatch.setitem(
        resources.project.BACKENDS, "embedded", lambda settings: scripted_backends()
    )
    return World(home, instance)
