"""Lakes for the pipeline tests: one that is up to date, and S3 spoken over real HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from backends import write_photographs
from lakes import built_home, s3_bucket, s3_server


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose lake is up to date; not to be changed."""
    return built_home(tmp_path_factory.getbasetemp() / "scripted-home")


@pytest.fixture
def home(built: Path, tmp_path: Path) -> Path:
    """A copy of the home that is up to date."""
    return Path(shutil.copytree(built, tmp_path / "home"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_photographs(tmp_path / "photographs", range(4))


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(s3_endpoint: str) -> Iterator[str]:
    with s3_bucket(s3_endpoint) as url:
        yield url
