"""What became of each drawn triplet, and the figures and bars that follow from all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from unicedit_assets.domain.identity import Json
from unicedit_assets.truth.sampling import NO_FAULT

FAULTS = ("no_edit", "misaligned", "degraded", "shifted", "collateral")
_Z95 = 1.959963984540054
_BINS = 10


@dataclass(frozen=True)
class Outcome:
    """One triplet after the verifier.

    Attributes:
        group: the drawn picture; with the seed it reproduces the triplet.
        fault: ``none`` or the planted kind.
        reason: ``none`` for accepted, else the verifier's reason.
        named: the operation that the rewritten text names; empty when there is none.
    """

    group: int
    subtask: str
    operation: str
    en: str
    fault: str
    reason: str
    named: str
    confidence: float
    seconds: float
    detail: Mapping[str, Json]

    @property
    def right(self) -> bool:
        """Whether the verdict is the planted truth."""
        return self.fault == self.reason


@dataclass(frozen=True)
class Rate:
    """A share with its 95 % Wilson interval; all zero for no cases."""

    hits: int
    cases: int
    share: float
    low: float
    high: float


def rate(hits: int, cases: int) -> Rate:
    """Return hits over cases with the Wilson score interval."""
    if cases == 0:
        return Rate(0, 0, 0.0, 0.0, 0.0)
    return Rate(hits, cases, hits / cases, *wilson(hits / cases, cases))


def wilson(share: float, cases: float) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a share of so many independent cases."""
    denominator = 1 + _Z95**2 / cases
    centre = (share + _Z95**2 / (2 * cases)) / denominator
    half = _Z95 * math.sqrt(share * (1 - share) / cases + _Z95**2 / (4 * cases**2)) / denominator
    return max(0.0, centre - half), min(1.0, centre + half)


def share_of(
    outcomes: Iterable[Outcome], among: Callable[[Outcome], bool], hit: Callable[[Outcome], bool]
) -> Rate:
    """Return the rate of ``hit`` among the outcomes that ``among`` picks."""
    picked = [outcome for outcome in outcomes if among(outcome)]
    return rate(sum(map(hit, picked)), len(picked))


@dataclass(frozen=True)
class FaultFigures:
    """How one fault kind was found.

    Attributes:
        recall: rejected under its own reason, of those planted.
        recall_any: rejected for any reason, of those planted.
        precision: planted so, of those rejected under the reason.
        false_alarm: rejected under the reason, of all that were not planted so.
        f1: harmonic mean of precision and recall.
    """

    recall: Rate
    recall_any: Rate
    precision: Rate
    false_alarm: Rate
    f1: float


def fault_figures(outcomes: Sequence[Outcome], kind: str) -> FaultFigures:
    """Count one fault kind."""

    def planted(outcome: Outcome) -> bool:
        return outcome.fault == kind

    def called(outcome: Outcome) -> bool:
        return outcome.reason == kind

    recall = share_of(outcomes, planted, called)
    precision = share_of(outcomes, called, planted)
    total = recall.share + precision.share
    return FaultFigures(
        recall,
        share_of(outcomes, planted, lambda o: o.reason != NO_FAULT),
        precision,
        share_of(outcomes, lambda o: not planted(o), called),
        2 * recall.share * precision.share / total if total else 0.0,
    )


def _is_valid(outcome: Outcome) -> bool:
    return outcome.fault == NO_FAULT


def _is_rejected(outcome: Outcome) -> bool:
    return outcome.reason != NO_FAULT


@dataclass(frozen=True)
class SubtaskFigures:
    """How the verifier did on one subtask (or operation)."""

    edits: int
    valid_rejected: Rate
    faults_found: Rate


def subtask_figures(outcomes: Sequence[Outcome], subtask: str) -> SubtaskFigures:
    """Count one subtask: valid edits rejected, and faults rejected for any reason."""
    own = [outcome for outcome in outcomes if outcome.subtask == subtask]
    return SubtaskFigures(
        len(own),
        share_of(own, _is_valid, _is_rejected),
        share_of(own, lambda o: not _is_valid(o), _is_rejected),
    )


@dataclass(frozen=True)
class Calibration:
    """Stated confidence against the share of right verdicts.

    Attributes:
        error: expected calibration error over ten bins.
        bins: (mean confidence, share right, count) of each filled bin.
    """

    error: float
    bins: tuple[tuple[float, float, int], ...]


def calibration(outcomes: Sequence[Outcome]) -> Calibration:
    """Compare confidence with correctness, bin by bin."""
    return calibration_of([(outcome.confidence, outcome.right) for outcome in outcomes])


def calibration_of(stated: Sequence[tuple[float, bool]]) -> Calibration:
    """Compare stated confidences (0-1) with whether they were right, bin by bin."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for confidence, right in stated:
        bins.setdefault(min(_BINS - 1, int(confidence * _BINS)), []).append((confidence, right))
    rows = []
    for _, members in sorted(bins.items()):
        sure = sum(confidence for confidence, _ in members) / len(members)
        share = sum(right for _, right in members) / len(members)
        rows.append((round(sure, 4), round(share, 4), len(members)))
    total = max(1, len(stated))
    error = sum(abs(sure - right) * count for sure, right, count in rows) / total
    return Calibration(error, tuple(rows))


@dataclass(frozen=True)
class Report:
    """All figures of one run of the truth harness."""

    edits: int
    faults: Mapping[str, FaultFigures]
    subtasks: Mapping[str, SubtaskFigures]
    valid_rejected: Rate
    named_right: Rate
    calibration: Calibration
    seconds: float


def report_of(outcomes: Sequence[Outcome]) -> Report:
    """Count everything."""
    return Report(
        len(outcomes),
        {kind: fault_figures(outcomes, kind) for kind in FAULTS},
        {name: subtask_figures(outcomes, name) for name in sorted({o.subtask for o in outcomes})},
        share_of(outcomes, _is_valid, _is_rejected),
        share_of(
            outcomes,
            lambda o: _is_valid(o) and not _is_rejected(o),
            lambda o: o.named == o.operation,
        ),
        calibration(outcomes),
        sum(outcome.seconds for outcome in outcomes) / max(1, len(outcomes)),
    )


@dataclass(frozen=True)
class Bar:
    """One promise, what was measured, and whether it holds."""

    name: str
    wanted: str
    measured: float
    holds: bool


def bars_of(report: Report) -> tuple[Bar, ...]:
    """Return the bars of issue 2, section 5."""
    faults = report.faults

    def least(name: str, measured: float, limit: float) -> Bar:
        return Bar(name, f">= {limit:g}", measured, measured >= limit)

    def most(name: str, measured: float, limit: float) -> Bar:
        return Bar(name, f"<= {limit:g}", measured, measured <= limit)

    return (
        least("no_edit recall", faults["no_edit"].recall.share, 0.99),
        most("no_edit false alarms", faults["no_edit"].false_alarm.share, 0.01),
        least("shifted recall", faults["shifted"].recall.share, 0.95),
        least("degraded recall", faults["degraded"].recall.share, 0.95),
        least("misaligned F1", faults["misaligned"].f1, 0.90),
        least("collateral recall", faults["collateral"].recall.share, 0.85),
        most("valid edits rejected", report.valid_rejected.share, 0.03),
        least("rewritten text names the operation", report.named_right.share, 0.95),
    )


def to_json(
    report: Report, bars: Sequence[Bar], outcomes: Sequence[Outcome], settings: Mapping[str, Json]
) -> dict[str, Json]:
    """Return the whole run as JSON; wrong verdicts are listed so that a person can look."""
    return {
        "settings": dict(settings),
        "report": asdict(report),
        "bars": [asdict(bar) for bar in bars],
        "wrong": [asdict(outcome) for outcome in outcomes if not outcome.right],
    }
