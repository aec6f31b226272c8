"""The one rule by which failures end a run."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

from resources.breaker import Breaker


def told(breaker: Breaker, story: str) -> list[bool]:
    """Play failures (f), refusals (r) and successes (s); return whether each was too many."""
    found = []
    for letter in story:
        if letter == "s":
            breaker.succeeded()
        found.append(letter != "s" and breaker.failed(letter == "r"))
    return found


def test_each_kind_has_its_own_limit() -> None:
    assert told(Breaker(2, 4), "ff") == [False, True]
    assert told(Breaker(2, 4), "rrrr") == [False] * 3 + [True]


def test_both_kinds_add_up() -> None:
    assert told(Breaker(2, 4), "rfr") == [False, False, True]
    assert told(Breaker(3, 3), "frf") == [False, False, True]


def test_a_success_starts_anew_and_refusals_count_on() -> None:
    assert told(Breaker(2, 2), "fsfrr") == [False, False, False, True, True]


def test_a_forgiving_one_counts_refusals_only_until_it_saw_a_success() -> None:
    assert told(Breaker(2, 2, forgiving=True), "rsrrrrfrf") == [False] * 8 + [True]
    assert told(Breaker(2, 2, forgiving=True), "rr") == [False, True]


def test_it_travels_as_a_new_count() -> None:
    used = Breaker(2, 2, forgiving=True)
    assert told(used, "sf") == [False, False]
    assert told(pickle.loads(pickle.dumps(used)), "rr") == [False, True]


def test_threads_share_one_count() -> None:
    breaker = Breaker(1000, 1000)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: breaker.failed(), range(1000)))
    assert found.count(True) == 1
