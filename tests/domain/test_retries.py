"""When a server is asked again: what it says itself, growing jittered waits, and the deadline."""

from __future__ import annotations

import random

import pytest

from unicedit_assets.domain.retries import RetryPolicy, is_retried, retry_after

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


class Highest(random.Random):
    """Draws the upper end always."""

    def uniform(self, a: float, b: float) -> float:
        return b


@pytest.mark.parametrize("status", [None, 408, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_retried(status: int | None) -> None:
    assert is_retried(status)


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 413, 422])
def test_what_stays_is_not_retried(status: int) -> None:
    assert not is_retried(status)
    assert RetryPolicy().delay(status, {}, 1, 0, NOW, Highest()) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"Retry-After-Ms": "250", "Retry-After": "3"}, 0.25),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"Retry-After": "Tue, 14 Nov 2023 22:00:00 GMT"}, 0.0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_the_server_says_when(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


def test_waits_double_up_to_the_longest_and_end_after_the_attempts() -> None:
    policy = RetryPolicy(attempts=5, base=1, longest=3)
    waits = [policy.delay(503, {}, attempt, 0, NOW, Highest()) for attempt in range(1, 6)]
    assert waits == [1, 2, 3, 3, None]


def test_nobody_comes_back_before_the_server_said_nor_all_together() -> None:
    policy = RetryPolicy()
    waits = {
        policy.delay(429, {"Retry-After": "10"}, 1, 0, NOW, random.Random(seed))
        for seed in range(50)
    }
    assert len(waits) == 50
    assert all(wait is not None and 10 <= wait <= 11 for wait in waits)


def test_jitter_spreads_over_the_whole_wait() -> None:
    waits = [RetryPolicy().delay(None, {}, 3, 0, NOW, random.Random(seed)) for seed in range(200)]
    assert min(filter(None, waits)) < 0.4 < 3.6 < max(filter(None, waits))


def test_no_wait_reaches_beyond_the_deadline() -> None:
    policy = RetryPolicy(deadline=60)
    assert policy.delay(429, {"Retry-After": "30"}, 1, 20, NOW, Highest()) == 33
    assert policy.delay(429, {"Retry-After": "30"}, 1, 40, NOW, Highest()) is None
