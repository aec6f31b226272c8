"""A guardian ends an engine's processes when their parent is killed, and no others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resources.vlms.guardian import Guardian, descendants

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

ROOT = Path(__file__).parents[2]
PARENT = """
import os, subprocess, sys, time
sys.path.insert(0, sys.argv[1])
from resources.vlms.guardian import descendants, guard_new
old = subprocess.Popen(["sleep", "600"], start_new_session=True)
before = descendants(os.getpid())
engine = subprocess.Popen(
    ["sh", "-c", "sleep 600 & echo $!; wait"],
    start_new_session=True, stdout=subprocess.PIPE, text=True,
)
below = engine.stdout.readline().strip()
guardian = guard_new(before)
print(old.pid, engine.pid, below, flush=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def gone(pid: int, seconds: float = 20) -> bool:
    ends = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < ends:
        time.sleep(0.05)
    return not alive(pid)


def test_a_killed_parent_takes_its_engine_with_it_and_nothing_else() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(ROOT)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    old, engine, below = map(int, parent.stdout.readline().split())
    try:
        assert alive(old) and alive(engine) and alive(below)
        parent.kill()
        parent.wait()
        assert gone(engine)
        assert gone(below)
        assert alive(old)
    finally:
        parent.stdout.close()
        for pid in (old, engine, below):
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


def test_a_number_that_was_used_again_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "600"]) as other:
        Guardian({other.pid: "1"}).dismiss()
        assert other.poll() is None
        Guardian({other.pid: descendants(os.getpid())[other.pid]}).dismiss()
        assert other.wait(20) == -signal.SIGKILL
