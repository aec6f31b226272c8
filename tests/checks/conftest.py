"""Copies of an up-to-date lake, to plant bad partitions in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from lakes import built_home


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    built = built_home(tmp_path_factory.getbasetemp() / "scripted-home")
    return Path(shutil.copytree(built, tmp_path / "home"))
