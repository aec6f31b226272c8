"""Whether a verifier version may take over: not when it is measurably worse on any class.

Both versions answered the same pairs, so their differences are compared pair by pair: the interval
of the mean difference is much narrower than the two intervals side by side. Photographs are few
among the test pairs and all that a pipeline verifies, so they are also looked at by themselves: who
has learnt drawn scenes alone is not to displace who knows photographs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from unicedit_assets.qwen_verify.evaluation import Marks
from unicedit_assets.qwen_verify.figures import TABLE_5
from unicedit_assets.qwen_verify.intervals import Estimate, mean_of
from unicedit_assets.qwen_verify.photographs import TEST as PHOTOGRAPHS

Measure = Callable[[Marks], float | None]

# What a version may not be worse in; None: of this pair nothing can be said.
MEASURES: Mapping[str, Measure] = {
    "score": lambda mark: mark.score,
    "right class": lambda mark: float(mark.right),
}
# What else two versions can be told apart by.
ALL_MEASURES: Mapping[str, Measure] = {
    **MEASURES,
    "is changed": lambda mark: float(mark.said.is_changed is mark.truth.is_changed),
    "exact text": lambda mark: None if mark.exact is None else float(mark.exact),
}


@dataclass(frozen=True)
class Comparison:
    """The candidate against the promoted version on one class.

    Attributes:
        kind: a value of ``synthetic.pair.Kind``.
        measure: a name of ``ALL_MEASURES``.
        difference: candidate - promoted, with its 95 % interval.
        test: the test set that it was compared on; empty: all pairs.
    """

    kind: str
    measure: str
    candidate: float
    promoted: float
    difference: Estimate
    test: str = ""

    @property
    def is_worse(self) -> bool:
        """Whether the candidate is worse beyond the interval."""
        return self.difference.high < 0

    @property
    def is_better(self) -> bool:
        """Whether the candidate is better beyond the interval."""
        return self.difference.low > 0

    def __str__(self) -> str:
        on = f"{self.test}, " if self.test else ""
        return (
            f"{on}{self.kind} {self.measure}: {self.candidate:.3f} against {self.promoted:.3f} "
            f"(difference {self.difference.low:+.3f} to {self.difference.high:+.3f})"
        )


class NotComparable(ValueError):
    """Two versions were not measured on the same pairs, or on too few of a class."""


class TooFewPairs(NotComparable):
    """Measuring again would not help: there are too few pairs of a class."""


# Scenes or photographs of a class below which nothing is known of it.
LEAST_CLUSTERS = 10
# Photographs of a class from which on being worse on all of them is no accident.
LEAST_PHOTOGRAPHS = 5


def compare(
    candidate: Sequence[Marks],
    promoted: Sequence[Marks],
    measures: Mapping[str, Measure] = MEASURES,
) -> list[Comparison]:
    """Compare two versions on every class of which there are enough pairs.

    Raises:
        NotComparable: they did not answer the same pairs.
        TooFewPairs: one of the paper's three classes has pairs of fewer than ``LEAST_CLUSTERS``
            scenes or photographs.
    """
    one, two = ({mark.truth.key: mark for mark in marks} for marks in (candidate, promoted))
    if one.keys() != two.keys() or not one:
        raise NotComparable("the two versions were measured on different test pairs")
    enough = _by_kind(candidate, LEAST_CLUSTERS)
    missing = [kind.value for kind in TABLE_5 if kind not in enough]
    if missing:
        raise TooFewPairs(
            f"{', '.join(missing)}: test pairs of at least {LEAST_CLUSTERS} scenes or photographs "
            "are needed to compare versions on a class: make more synthetic pairs, or register "
            "more photographs"
        )
    return _each(enough, two, measures)


def on_photographs(candidate: Sequence[Marks], promoted: Sequence[Marks]) -> list[Comparison]:
    """Compare two versions on every class of which there are enough photographs.

    Args:
        candidate, promoted: marks of the same pairs, as ``compare`` takes them.
    """
    two = {mark.truth.key: mark for mark in promoted}
    seen = [mark for mark in candidate if mark.truth.test == PHOTOGRAPHS]
    enough = _by_kind(seen, LEAST_PHOTOGRAPHS)
    return [replace(one, test=PHOTOGRAPHS) for one in _each(enough, two, MEASURES)]


def _each(
    kinds: Mapping[str, Sequence[Marks]],
    others: Mapping[str, Marks],
    measures: Mapping[str, Measure],
) -> list[Comparison]:
    found = (
        _compared(kind, measure, value, [(mark, others[mark.truth.key]) for mark in own])
        for kind, own in kinds.items()
        for measure, value in measures.items()
    )
    return [one for one in found if one]


def _by_kind(marks: Sequence[Marks], least: int) -> dict[str, list[Marks]]:
    """Return the marks of each kind of which there are pairs of so many scenes or photographs."""
    found: dict[str, list[Marks]] = {}
    for mark in marks:
        found.setdefault(mark.truth.kind, []).append(mark)
    return {
        kind: own
        for kind, own in sorted(found.items())
        if len({mark.truth.cluster for mark in own}) >= least
    }


def _compared(
    kind: str, measure: str, value: Measure, pairs: Sequence[tuple[Marks, Marks]]
) -> Comparison | None:
    """Return the comparison; None where no pair of the kind can be measured so."""
    ours: list[float] = []
    theirs: list[float] = []
    clusters: list[str] = []
    for one, two in pairs:
        mine, other = value(one), value(two)
        if mine is not None and other is not None:
            ours.append(mine)
            theirs.append(other)
            clusters.append(one.truth.cluster)
    difference = mean_of([a - b for a, b in zip(ours, theirs, strict=True)], clusters)
    if difference is None:
        return None
    count = len(ours)
    return Comparison(kind, measure, sum(ours) / count, sum(theirs) / count, difference)
