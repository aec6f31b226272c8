"""SIGKILL at random moments: the resumed release is byte-identical to an undisturbed one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from unicedit_assets.pipeline.pending import PIPELINE

TORTURE = Path(__file__).parents[2] / "benchmarks" / "torture.py"


def torture(out: Path, *options: str) -> dict[str, Any]:
    """Run the script as `make torture` does and return its report."""
    command = [sys.executable, "-W", "ignore", str(TORTURE), "--out", str(out), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == str(out)
    report: dict[str, Any] = json.loads(out.read_text())
    return report


def test_a_few_kills_lose_nothing(tmp_path: Path) -> None:
    report = torture(tmp_path / "report.json", "--kills", "3", "--seed", "5")
    assert (report["kills"], report["verdict"]) == (3, "identical")


@pytest.mark.slow
def test_kills_in_every_stage_lose_nothing(tmp_path: Path) -> None:
    report = torture(tmp_path / "report.json", "--kills", "28", "--seed", "11", "--checks")
    assert (report["kills"], report["verdict"]) == (28, "identical")
    assert set(report["kills_by_stage"]) == {"registration", *PIPELINE}
    assert report["kills_while_writing"] > 0
