"""The report: one static HTML page."""

from __future__ import annotations

from pathlib import Path

from unicedit_assets.pipeline.project import Project


def write_report(project: Project, path: Path) -> Path:
    """Write the report and return its path."""
    return path
