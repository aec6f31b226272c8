"""Worlds with an up-to-date lake and an empty Dagster instance."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from lakes import built_home
from worlds import World, enter


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    built = built_home(tmp_path_factory.getbasetemp() / "scripted-home")
    return Path(shutil.copytree(built, tmp_path / "home"))


@pytest.fixture
def world(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    source = str(home / "photographs")
    with dg.DagsterInstance.ephemeral() as instance:
        yield enter(home, instance, monkeypatch, {"source": source})


@pytest.fixture
def lasting_world(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world whose instance is on disk: schedules open it by reference."""
    with dg.instance_for_test() as instance:
        yield enter(home, instance, monkeypatch)
