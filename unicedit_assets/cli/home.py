"""The home of a project on disk: settings, Dagster instance, lake; made on first use."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from resources.project import open_project
from unicedit_assets.partitions import sync_partitions
from unicedit_assets.pipeline.project import Project
from unicedit_assets.settings import HOME_VARIABLE, SETTINGS_FILE, SettingsError, settings_text

INSTANCE_FILE = Path(__file__).parents[2] / "dagster.yaml"
WORKSPACE_FILE = Path(__file__).parents[2] / "workspace.yaml"


def prepare_home(home: Path, changed: Mapping[str, object] | None = None) -> None:
    """Make a home: a commented settings file and a Dagster instance; what exists is kept.

    Args:
        home: the folder.
        changed: dotted setting -> value where a new settings file differs from the defaults.
    """
    dagster_home = home / "dagster"
    try:
        dagster_home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{home} cannot be a project's home: {error.strerror}") from error
    if not (dagster_home / INSTANCE_FILE.name).exists() and INSTANCE_FILE.exists():
        shutil.copyfile(INSTANCE_FILE, dagster_home / INSTANCE_FILE.name)
    settings = home / SETTINGS_FILE
    if not settings.exists():
        settings.write_text(settings_text(changed or {}), encoding="utf-8")


def enter(home: Path) -> Project:
    """Point this process at a home, for Dagster too, and open its project."""
    prepare_home(home)
    os.environ[HOME_VARIABLE] = str(home.absolute())
    os.environ["DAGSTER_HOME"] = str((home / "dagster").absolute())
    return open_project(home.absolute())


def instance() -> dg.DagsterInstance:
    """Return the persistent Dagster instance of the home that was entered."""
    return dg.DagsterInstance.get()


def serve(home: Path, port: int) -> None:
    """Run Dagster's web server and daemon over a home until interrupted; binds to 127.0.0.1."""
    project = enter(home)
    with instance() as here:
        # Two processes that initialise a fresh SQLite home at once would corrupt it.
        sync_partitions(project, here)
    os.chdir(WORKSPACE_FILE.parent)
    command = ["dagster", "dev", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workspace", str(WORKSPACE_FILE)]
    os.execv(sys.executable, [sys.executable, "-m", *command])  # noqa: S606
