"""Counting what models were asked: sums by model, differences since a moment, no lost updates."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from unicedit_assets.vlm.accounting import Usage
from unicedit_assets.vlm.roles import Answer, Failure, FailureKind


def test_answers_add_up_and_kept_ones_cost_nothing() -> None:
    usage = Usage()
    usage.add("a", Answer("x", tokens_in=5, tokens_out=2, seconds=0.5, tries=3))
    before = usage.snapshot()
    usage.add("a", Answer("x", tokens_in=5, tokens_out=2, cached=True, tries=0))
    usage.add("b", Answer(failure=Failure(FailureKind.TIMEOUT, ""), seconds=1.0))
    assert usage.since(before) == {
        "vlm/a/cached": 1,
        "vlm/a/questions": 1,
        "vlm/b/failed_timeout": 1,
        "vlm/b/questions": 1,
        "vlm/b/seconds": 1.0,
        "vlm/b/tries": 1,
    }
    assert usage.since({})["vlm/a/tokens_in"] == 5


def test_what_another_process_asked_is_added() -> None:
    there, here = Usage(), Usage()
    there.add("a", Answer("x", tokens_in=5, tokens_out=2))
    before = there.snapshot()
    for usage in (there, here):
        usage.add("a", Answer("x", tokens_in=7, tokens_out=1))
    here.take(there.added(before))
    assert here.since({}) == {
        "vlm/a/questions": 2,
        "vlm/a/tokens_in": 14,
        "vlm/a/tokens_out": 2,
        "vlm/a/tries": 2,
    }
    assert there.added(there.snapshot()) == {}


def test_no_answer_is_lost_between_threads() -> None:
    usage = Usage()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: usage.add("a", Answer("x", tokens_in=1)), range(2_000)))
    assert usage.since({})["vlm/a/tokens_in"] == usage.since({})["vlm/a/questions"] == 2_000
