"""The project as a Dagster resource, and the one place where its parts are put together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg

from resources.embedded import embedded_backends
from resources.neural import neural_backends
from resources.qwen_verify.in_pipeline import QwenVerifyTrainer
from resources.ray_engine import RayEngine
from resources.verifiers import registered_verifiers
from unicedit_assets.checks.runner import ensure_checked
from unicedit_assets.pipeline.engine import Engine, LocalEngine
from unicedit_assets.pipeline.project import Backends, Project
from unicedit_assets.pipeline.registry import Registry
from unicedit_assets.pipeline.stages import STAGES
from unicedit_assets.settings import HOME_VARIABLE, Settings, SettingsError
from unicedit_assets.storage.blobs import BlobStore, open_store
from unicedit_assets.storage.ledger import Ledger

BACKENDS = {"embedded": embedded_backends, "neural": neural_backends}


def open_project(home: Path, settings: Settings | None = None) -> Project:
    """Open a project: its settings, its lake and the backends of its profile.

    Raises:
        SettingsError: the settings cannot be used.
        StorageError: the lake cannot be reached.
    """
    settings = settings or Settings.load(home)
    store = open_store(settings.lake_url(home))
    backends = _backends(settings, store, home)
    return Project(
        home=home,
        settings=settings,
        ledger=Ledger(store),
        registry=Registry(store),
        backends=backends,
        engine=engine_of(settings),
        stages=STAGES,
        inspect=ensure_checked,
    )


def engine_of(settings: Settings) -> Engine:
    """Return what spreads the work of a partition; nothing is started yet."""
    if settings.engine == "ray":
        return RayEngine(settings.ray, settings.worker_count())
    return LocalEngine(settings.worker_count())


def _backends(settings: Settings, store: BlobStore, home: Path) -> Backends:
    try:
        backends = BACKENDS[settings.profile](settings)
        known = backends.verifiers
        added = registered_verifiers(settings, store, home, known)
        trainer = backends.trainer or QwenVerifyTrainer()
        backends = replace(backends, verifiers={**known, **added}, trainer=trainer)
    except ValueError as error:
        raise SettingsError(f"the {settings.profile} backends cannot be set up: {error}") from error
    version = settings.verified_edits.verifier
    if version not in backends.verifiers:
        names = ", ".join(backends.verifiers)
        raise SettingsError(f"verified_edits.verifier: no verifier {version!r}; there are: {names}")
    return backends


class ProjectResource(dg.ConfigurableResource["ProjectResource"]):
    """Opens the project anew for each run and tick, so that changed settings count at once."""

    home: str = dg.EnvVar(HOME_VARIABLE)

    def open(self) -> Project:
        """Return the project as it is now."""
        return open_project(Path(self.home))
