"""Lakes for the report's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from report.lake import HOSTILE, PLAIN, fill, open_empty
from unicedit_assets.pipeline.project import Project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small project with everything up to date and calm texts; not to be changed."""
    return fill(open_empty(tmp_path_factory.mktemp("plain")), PLAIN)


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The same, with texts that try to break out of the page wherever a text can come from."""
    return fill(open_empty(tmp_path_factory.mktemp("hostile")), HOSTILE)


@pytest.fixture
def empty(tmp_path: Path) -> Project:
    """A project in which nothing has been registered."""
    return open_empty(tmp_path / "empty")
