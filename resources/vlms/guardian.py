"""Ends an engine's processes when the process that started them is gone, however it ended.

vLLM's engine runs in processes of its own that outlive a killed parent, and would hold the GPU's
memory while its lease is free again. A small process waits on a pipe that only the parent holds:
the kernel closes it with the parent. It needs /proc; elsewhere nothing is guarded. A parent that is
killed while the engine still loads is not covered.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_PROCESSES = Path("/proc")

# A process is known by its number and its start: numbers are used again.
_SCRIPT = """
import os, signal, sys
sys.stdin.read()
for pid, born in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        with open(f"/proc/{pid}/stat") as file:
            if file.read().rpartition(")")[2].split()[19] == born:
                os.kill(int(pid), signal.SIGKILL)
    except OSError:
        pass
"""


def _parent_and_birth(pid: int) -> tuple[int, str] | None:
    try:
        fields = (_PROCESSES / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return None
    values = fields.rpartition(")")[2].split()
    return int(values[1]), values[19]


def descendants(of: int) -> dict[int, str]:
    """Return pid -> start time of all processes below one."""
    known = {}
    for entry in _PROCESSES.glob("[0-9]*"):
        told = _parent_and_birth(int(entry.name))
        if told:
            known[int(entry.name)] = told
    found: dict[int, str] = {}
    level = {of}
    while level:
        level = {pid for pid, (parent, _) in known.items() if parent in level} - found.keys()
        found |= {pid: known[pid][1] for pid in level}
    return found


class Guardian:
    """Watches over processes from now on; ``dismiss`` ends those that are left, and the watch."""

    def __init__(self, processes: dict[int, str]) -> None:
        marks = [text for pid, born in processes.items() for text in (str(pid), born)]
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", _SCRIPT, *marks],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a signal to the run's group must not end its guardian first
        )

    def dismiss(self) -> None:
        """End what is left of the watched processes."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()


def guard_new(before: dict[int, str]) -> Guardian:
    """Guard all processes below this one that were not there before."""
    now = descendants(os.getpid())
    return Guardian({pid: born for pid, born in now.items() if before.get(pid) != born})
