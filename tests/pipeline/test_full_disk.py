"""A full disk: one clear sentence, the old state intact, and the next run goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from lakes import open_scripted, refs_of, release_files, reopened, run_all

TESTS = Path(__file__).parents[1]


def run_limited(home: Path, stage: str, limit: int) -> str:
    """Return what the limited process printed."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("limited.py")), str(home), stage, str(limit)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("stage", "limit", "changes"),
    [
        ("raw_images", 2_000, {"raw_images": {"licence": "CC0"}}),
        ("unicedit_10m", 40_000, {"unicedit_10m": {"rows_per_file": 8}}),
    ],
)
def test_a_full_disk_leaves_the_old_state(
    home: Path, stage: str, limit: int, changes: dict[str, dict[str, object]]
) -> None:
    project = open_scripted(home)
    manifests = {ref: project.find(ref) for ref in refs_of(project)}
    release = release_files(project)

    told = run_limited(home, stage, limit)

    assert told.count("\n") == 1
    assert told.startswith("No room ")
    assert "nothing was changed" in told
    assert "run again" in told
    again = open_scripted(home)
    assert {ref: again.find(ref) for ref in manifests} == manifests
    assert release_files(again) == release
    changed = reopened(again, changes)
    assert changed.find(changed.refs(stage)[0]) is None
    assert all(done.fresh for done in run_all(changed, [stage]).values())
