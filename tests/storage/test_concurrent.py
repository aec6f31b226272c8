"""Many reads at once: in order, few ahead, and the first error ends it."""

from __future__ import annotations

import itertools
import threading

import pytest

from unicedit_assets.storage.concurrent import in_parallel


def test_results_come_in_the_order_of_the_items() -> None:
    assert list(in_parallel(lambda n: n * n, range(500), readers=8)) == [n * n for n in range(500)]


def test_items_wait_for_each_other_no_longer_than_they_must() -> None:
    met = threading.Barrier(8, timeout=20)
    assert len(list(in_parallel(lambda _: met.wait(), range(8), readers=8))) == 8


def test_only_a_few_items_are_taken_ahead() -> None:
    taken = itertools.count()
    results = in_parallel(lambda n: n, iter(lambda: next(taken), 1000), readers=4)
    assert [next(results) for _ in range(10)] == list(range(10))
    results.close()
    assert next(taken) < 30


def test_an_error_goes_to_the_caller_and_nothing_more_is_begun() -> None:
    asked: list[int] = []

    def look(number: int) -> int:
        asked.append(number)
        if number == 3:
            raise ValueError("three")
        return number

    with pytest.raises(ValueError, match="three"):
        list(in_parallel(look, range(1000), readers=2))
    assert len(asked) < 20
