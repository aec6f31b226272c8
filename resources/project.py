"""The project as a Dagster resource, and the one place where its parts are put together."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from resources.embedded import embedded_backends
from unicedit_assets.checks.runner import ensure_checked
from unicedit_assets.pipeline.engine import LocalEngine
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.registry import Registry
from unicedit_assets.pipeline.stages import STAGES
from unicedit_assets.settings import HOME_VARIABLE, Settings
from unicedit_assets.storage.blobs import open_store
from unicedit_assets.storage.ledger import Ledger

BACKENDS = {"embedded": embedded_backends}


def open_project(home: Path, settings: Settings | None = None) -> Project:
    """Open a project: its settings, its lake and the backends of its profile.

    Raises:
        SettingsError: the settings cannot be used.
        StorageError: the lake cannot be reached.
    """
    settings = settings or Settings.load(home)
    store = open_store(settings.lake_url(home))
    return Project(
        home=home,
        settings=settings,
        ledger=Ledger(store),
        registry=Registry(store),
        backends=BACKENDS[settings.profile](settings),
        engine=LocalEngine(settings.worker_count()),
        stages=STAGES,
        inspect=ensure_checked,
    )


class ProjectResource(dg.ConfigurableResource["ProjectResource"]):
    """Opens the project anew for each run and tick, so that changed settings count at once."""

    home: str = dg.EnvVar(HOME_VARIABLE)

    def open(self) -> Project:
        """Return the project as it is now."""
        return open_project(Path(self.home))
