"""The engine: order, bounded look-ahead, and workers that neither outlive nor poison anything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from unicedit_assets.pipeline.engine import LocalEngine, ThreadEngine, WorkerDiedError

SCRIPT = """
import os, sys, time
from unicedit_assets.pipeline.engine import LocalEngine

def nap(number):
    os.write(1, f"{os.getpid()}\\n".encode())  # one write: lines of two workers do not mix
    time.sleep(600)

if __name__ == "__main__":
    list(LocalEngine(2).map(nap, range(2)))
"""


def square(number: int) -> int:
    time.sleep(0.01 * (3 - number % 3))
    return number * number


def die(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuse(number: int) -> int:
    raise ValueError(f"not {number}")


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_inputs(workers: int) -> None:
    assert list(LocalEngine(workers).map(square, range(20))) == [n * n for n in range(20)]


def test_items_are_taken_only_as_needed() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    results = LocalEngine(2).map(square, items())
    assert next(results) == 0
    assert len(taken) < 10


def test_an_error_reaches_the_caller() -> None:
    with pytest.raises(ValueError, match="not 0"):
        list(LocalEngine(2).map(refuse, range(3)))


def test_a_worker_that_dies_is_told_and_the_next_map_has_new_ones() -> None:
    with pytest.raises(WorkerDiedError, match="finished chunks are kept"):
        list(LocalEngine(2).map(die, range(8)))
    assert list(LocalEngine(2).map(square, range(3))) == [0, 1, 4]


def test_after_an_error_no_thread_begins_what_was_only_waiting() -> None:
    begun = []

    def nap(number: int) -> None:
        begun.append(number)
        time.sleep(0.2 if number else 0.05)
        if number == 0:
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(ThreadEngine(2).map(nap, range(100)))
    assert len(begun) <= 4


def test_there_is_at_least_one_worker() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        LocalEngine(0)


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        try:
            workers = [int(parent.stdout.readline()) for _ in range(2)]
            assert all(_runs(pid) for pid in workers)
        finally:
            parent.kill()
        # The pipe ends when the last process that holds it does: no clock decides this test.
        assert parent.stdout.read() == ""
    assert not any(_runs(pid) for pid in workers)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
