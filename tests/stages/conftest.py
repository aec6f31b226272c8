"""A world with an up-to-date lake and an empty Dagster instance."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from lakes import built_home
from worlds import World, enter


@pytest.fixture
def world(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    built = built_home(tmp_path_factory.getbasetemp() / "scripted-home")
    home = Path(shutil.copytree(built, tmp_path / "home"))
    with dg.DagsterInstance.ephemeral() as instance:
        yield enter(home, instance, monkeypatch)
