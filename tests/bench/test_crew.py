"""The crew: bounded, as results come, and it ends without waiting for anybody."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from unicedit_assets.bench.crew import Crew


def test_every_task_comes_back_once_and_no_group_exceeds_its_threads() -> None:
    lock, running, most = threading.Lock(), Counter(), Counter()

    def work(task: tuple[str, int]) -> int:
        with lock:
            running[task[0]] += 1
            most[task[0]] = max(most[task[0]], running[task[0]])
        time.sleep(0.002)
        with lock:
            running[task[0]] -= 1
        return task[1] * 2

    crew = Crew(work, lambda task: task[0], {"a": 1, "b": 4})
    tasks = [("ab"[number % 2], number) for number in range(60)]
    assert dict(crew.map(tasks)) == {task: task[1] * 2 for task in tasks}
    assert most["a"] == 1
    assert 1 < most["b"] <= 4


def test_tasks_are_taken_only_as_they_are_needed() -> None:
    taken: list[int] = []
    crew = Crew(lambda task: task, lambda _: "a", {"a": 2})
    came = crew.map(taken.append(number) or number for number in range(1000))
    next(came)
    assert len(taken) <= 8
    came.close()


def test_a_failure_ends_it_and_what_came_before_it_is_still_to_be_had() -> None:
    def work(task: int) -> int:
        if task == 0:
            raise ValueError("no more")
        return task

    crew = Crew(work, lambda _: "a", {"a": 1})
    with pytest.raises(ValueError, match="no more"):
        list(crew.map([1, 2, 0, 3]))
    crew = Crew(work, lambda _: "a", {"a": 1})
    came = crew.map([1, 2])
    assert next(came) == (1, 1)
    time.sleep(0.2)  # the second came, and nobody has looked
    came.close()
    assert list(crew.ready()) == [(2, 2)]
    assert list(crew.ready()) == []


def test_nobody_waits_for_a_task_that_takes_its_time() -> None:
    release = threading.Event()

    def work(task: int) -> int:
        if task:
            release.wait(30)
        return task

    crew = Crew(work, lambda _: "a", {"a": 4})
    started = time.monotonic()
    for _ in crew.map(range(100)):
        break
    assert time.monotonic() - started < 5
    release.set()
