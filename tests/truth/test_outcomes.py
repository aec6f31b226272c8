"""The figures of the truth harness: intervals, counts, and bars that can fail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicedit_assets.truth.outcomes import (
    FAULTS,
    Outcome,
    bars_of,
    calibration,
    fault_figures,
    rate,
    report_of,
    to_json,
)


def outcome(fault: str = "none", reason: str = "none", **changes: object) -> Outcome:
    fields: dict[str, object] = {
        "group": 0,
        "subtask": "Color Alteration",
        "operation": "recolor",
        "en": "text",
        "fault": fault,
        "reason": reason,
        "named": "recolor" if reason == "none" else "",
        "confidence": 0.95,
        "seconds": 0.1,
        "detail": {},
    }
    return Outcome(**{**fields, **changes})  # type: ignore[arg-type]


def perfect() -> list[Outcome]:
    return [outcome(kind, kind) for kind in FAULTS for _ in range(40)] + [outcome()] * 200


def test_wilson_interval_matches_the_published_example() -> None:
    found = rate(81, 263)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=1e-4)


@given(cases=st.integers(1, 5000), share=st.floats(0, 1))
def test_the_interval_holds_its_share(cases: int, share: float) -> None:
    found = rate(round(cases * share), cases)
    assert 0 <= found.low <= found.share + 1e-12
    assert found.share - 1e-12 <= found.high <= 1


def test_recall_counts_only_a_faults_own_reason() -> None:
    figures = fault_figures(
        [outcome("shifted", "shifted"), outcome("shifted", "degraded"), outcome("shifted")],
        "shifted",
    )
    assert figures.recall.share == pytest.approx(1 / 3)
    assert figures.recall_any.share == pytest.approx(2 / 3)
    assert figures.precision.share == 1.0


def test_a_perfect_run_holds_every_bar() -> None:
    assert all(bar.holds for bar in bars_of(report_of(perfect())))


@pytest.mark.parametrize(
    ("bad", "bar"),
    [
        ([outcome("no_edit")], "no_edit recall"),
        ([outcome(reason="no_edit")] * 5, "no_edit false alarms"),
        ([outcome("shifted")] * 3, "shifted recall"),
        ([outcome("degraded", "misaligned")] * 3, "degraded recall"),
        ([outcome("misaligned", "collateral")] * 12, "misaligned F1"),
        ([outcome("collateral")] * 10, "collateral recall"),
        ([outcome(reason="collateral")] * 8, "valid edits rejected"),
        ([outcome(named="tone")] * 20, "rewritten text names the operation"),
    ],
)
def test_each_bar_can_be_missed(bad: list[Outcome], bar: str) -> None:
    missed = [b.name for b in bars_of(report_of(perfect() + bad)) if not b.holds]
    assert bar in missed


def test_a_fault_that_was_never_drawn_holds_no_bar() -> None:
    drawn = [o for o in perfect() if o.fault != "shifted"]
    assert "shifted recall" in [b.name for b in bars_of(report_of(drawn)) if not b.holds]


def test_calibration_compares_confidence_with_right_verdicts() -> None:
    sure = [outcome(confidence=0.9)] * 9 + [outcome("shifted", confidence=0.9)]
    assert calibration(sure).error == pytest.approx(0.0, abs=1e-9)
    assert calibration([outcome("shifted", confidence=0.9)] * 4).error == pytest.approx(0.9)


def test_wrong_verdicts_are_listed_for_people() -> None:
    outcomes = [*perfect(), outcome("shifted", "none", en="look at me")]
    report = report_of(outcomes)
    document = to_json(report, bars_of(report), outcomes, {"seed": 1})
    wrong = document["wrong"]
    assert isinstance(wrong, list)
    assert [item["en"] for item in wrong] == ["look at me"]
