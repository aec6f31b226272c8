"""What marks add up to: one verifier's line of the table, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from unicedit_assets.domain.identity import Json
from unicedit_assets.qwen_verify.claims import CLAIMS
from unicedit_assets.qwen_verify.evaluation import UNREADABLE, Marks
from unicedit_assets.qwen_verify.intervals import Estimate, auroc_of, f1_of, mean_of, share_of
from unicedit_assets.synthetic.pair import Kind
from unicedit_assets.truth.outcomes import Calibration, Rate, calibration_of

# The columns of the paper's Table 5.
TABLE_5 = (Kind.NORMAL, Kind.NO_EDIT, Kind.HALLUCINATION)


@dataclass(frozen=True)
class Group:
    """One kind or one subtask.

    Attributes:
        right: right classes.
        exact: rewritten texts that claim exactly the truth, of those that are due.
        judged: a judge's grades of the texts that are due, missing ones counted as 0.
    """

    score: Estimate
    right: Rate
    exact: Rate
    judged: Estimate | None


@dataclass(frozen=True)
class Detection:
    """Finding what should not pass, whatever is wrong with it.

    Attributes:
        precision: failures among what was not let pass.
        recall: not let pass, of all failures.
        changed: right answers to whether anything changed.
    """

    precision: Rate
    recall: Rate
    f1: Estimate | None
    auroc: Estimate | None
    changed: Rate


@dataclass(frozen=True)
class Texts:
    """The rewritten instruction.

    Attributes:
        exact: both languages claim exactly the truth, of all pairs that have a true text.
        claims: claim -> made alike, of all that the truth makes.
        alike: both languages claim the same, of those that can be read back.
    """

    exact: Rate
    claims: Mapping[str, Rate]
    alike: Rate


@dataclass(frozen=True)
class Figures:
    """One verifier on one set of pairs.

    Attributes:
        unreadable: pairs to which there was no readable answer.
        kinds: kind -> its figures; Table 5 is three of them.
        calibration: None where no confidence was stated.
        seconds: mean time of an answer; None where it was not measured.
    """

    pairs: int
    unreadable: int
    kinds: Mapping[str, Group]
    subtasks: Mapping[str, Group]
    detection: Detection
    texts: Texts
    calibration: Calibration | None
    seconds: float | None

    def to_json(self) -> dict[str, Json]:
        """Return all of it as JSON."""
        return asdict(self)


def figures_of(marks: Sequence[Marks]) -> Figures:
    """Add up marks.

    Raises:
        ValueError: there are none.
    """
    if not marks:
        raise ValueError("no pair was marked, so there is nothing to add up")
    stated = [
        (mark.said.confidence, mark.right) for mark in marks if mark.said.confidence is not None
    ]
    timed = [mark.said.seconds for mark in marks if mark.said.seconds]
    return Figures(
        pairs=len(marks),
        unreadable=sum(mark.said.verdict == UNREADABLE for mark in marks),
        kinds=_groups(marks, lambda mark: mark.truth.kind, [kind.value for kind in Kind]),
        subtasks=_groups(
            marks, lambda mark: mark.truth.subtask, sorted({m.truth.subtask for m in marks})
        ),
        detection=_detection(marks),
        texts=_texts(marks),
        calibration=calibration_of(stated) if stated else None,
        seconds=sum(timed) / len(timed) if timed else None,
    )


def by_test(marks: Sequence[Marks]) -> dict[str, Figures]:
    """Return the figures of each test set, and of all together under ``all``."""
    names = sorted({mark.truth.test for mark in marks})
    parts = {name: [mark for mark in marks if mark.truth.test == name] for name in names}
    return {"all": figures_of(marks), **{name: figures_of(part) for name, part in parts.items()}}


def _groups(
    marks: Sequence[Marks], named: Callable[[Marks], str], names: Iterable[str]
) -> dict[str, Group]:
    members: dict[str, list[Marks]] = {name: [] for name in names}
    for mark in marks:
        members.setdefault(named(mark), []).append(mark)
    return {name: group for name, own in members.items() if (group := _group(own))}


def _group(marks: Sequence[Marks]) -> Group | None:
    score = mean_of([mark.score for mark in marks], _clusters(marks))
    if score is None:
        return None
    due = [mark for mark in marks if mark.exact is not None]
    exact = share_of([bool(mark.exact) for mark in due], _clusters(due))
    return Group(score, _rate(marks, lambda mark: mark.right), exact, _judged(due))


def _judged(due: Sequence[Marks]) -> Estimate | None:
    """Return a judge's mean grade; what a verifier left unsaid was not graded and is worth 0."""
    if all(mark.said.judged is None for mark in due):
        return None
    counted = [mark for mark in due if mark.said.judged is not None or not mark.said.en]
    return mean_of([mark.said.judged or 0.0 for mark in counted], _clusters(counted))


def _clusters(marks: Sequence[Marks]) -> list[str]:
    return [mark.truth.cluster for mark in marks]


def _rate(
    marks: Sequence[Marks],
    hit: Callable[[Marks], bool],
    among: Callable[[Marks], bool] = lambda _: True,
) -> Rate:
    chosen = [mark for mark in marks if among(mark)]
    return share_of([hit(mark) for mark in chosen], _clusters(chosen))


def _detection(marks: Sequence[Marks]) -> Detection:
    actual, called = [m.is_failure for m in marks], [m.called for m in marks]
    clusters = _clusters(marks)
    return Detection(
        precision=_rate(marks, lambda m: m.is_failure, lambda m: m.called),
        recall=_rate(marks, lambda m: m.called, lambda m: m.is_failure),
        f1=f1_of(actual, called, clusters),
        auroc=auroc_of(actual, [m.said.suspicion for m in marks], clusters),
        changed=_rate(marks, lambda m: m.said.is_changed is m.truth.is_changed),
    )


def _texts(marks: Sequence[Marks]) -> Texts:
    return Texts(
        exact=_rate(marks, lambda m: bool(m.exact), lambda m: m.exact is not None),
        claims={name: _claimed(marks, name) for name in CLAIMS},
        alike=_rate(marks, lambda m: bool(m.alike), lambda m: m.alike is not None),
    )


def _claimed(marks: Sequence[Marks], name: str) -> Rate:
    return _rate(marks, lambda mark: mark.claims[name], lambda mark: name in mark.claims)
