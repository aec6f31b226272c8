"""What a judge is worth: planted faults, and how far each metric falls for each of them.

Every case is a right edit and the same edit with one fault, judged by the same questions; the drop
is right minus faulty. A metric must fall for its own fault. It may fall for faults that its
question covers too (nothing done violates reasoning points; a wrong edit is a change nobody asked
for), and must not fall for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from unicedit_assets.bench.judges import BenchJudge
from unicedit_assets.bench.sheet import JUDGED
from unicedit_assets.bench.statistics import Estimate, estimates
from unicedit_assets.classical import proposals
from unicedit_assets.classical.damage import lightly_degraded
from unicedit_assets.classical.editor import ClassicalEditor
from unicedit_assets.classical.faults import MIX, FaultyEditor
from unicedit_assets.classical.instructor import ClassicalInstructor
from unicedit_assets.classical.misreading import clearly_other
from unicedit_assets.domain import language
from unicedit_assets.domain.identity import seed_from
from unicedit_assets.domain.language import Intent
from unicedit_assets.domain.roles import Draft, EditorError, Pixels
from unicedit_assets.domain.taxonomy import needs_reasoning
from unicedit_assets.truth.sampling import draw_picture, photographs

IF, NC, VQ, RA = JUDGED
DEGRADED = "degraded"
POINT = "violated_point"
FAULTS = (*MIX, POINT)

# Fault -> the metric whose own fault it is, and those that may fall with it.
OWN: Mapping[str, str] = MappingProxyType(
    {"no_edit": IF, "misaligned": IF, "degraded": VQ, "shifted": NC, "collateral": NC, POINT: RA}
)
MAY: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "no_edit": frozenset({RA}),
        "misaligned": frozenset({NC, RA}),
        "degraded": frozenset(),
        "shifted": frozenset({RA}),
        "collateral": frozenset({RA}),
        POINT: frozenset(),
    }
)
LEAST_DROP, MOST_DROP = 2.0, 1.0
"""Points that a metric must fall at least for its own fault, and may at most for another's."""


@dataclass(frozen=True)
class Case:
    """A right edit and the same with one fault.

    Attributes:
        key: of the picture; cases of one picture are no independent evidence.
        points, faulty_points: reasoning points of the right and of the faulty sample; they differ
            only where a violated point is the fault.
    """

    key: str
    fault: str
    subtask: str
    instruction: str
    source: Pixels
    right: Pixels
    faulty: Pixels
    points: tuple[str, ...]
    faulty_points: tuple[str, ...]


@dataclass(frozen=True)
class Drops:
    """How far each metric fell in one case; NaN where one of the two has no score."""

    key: str
    fault: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix.

    Attributes:
        rule: ``own``, ``may`` or ``not``: whether this metric must, may or must not fall.
        drop: mean drop with its interval; None where there was no case.
        holds: whether the rule is kept; None where there is nothing to tell by.
    """

    fault: str
    metric: str
    rule: str
    drop: Estimate | None

    @property
    def holds(self) -> bool | None:
        if self.drop is None:
            return None
        if self.rule == "own":
            return self.drop.mean >= LEAST_DROP
        return self.rule == "may" or self.drop.mean <= MOST_DROP


class Planter:
    """Makes cases from photographs with the classical editor and its planted faults.

    Args:
        full_damage: whether pictures are degraded as the pipeline's fault injector does; else
            lightly, so that the edit can still be seen: what cannot be seen cannot be judged.
    """

    def __init__(self, full_damage: bool = False) -> None:
        self._instructor = ClassicalInstructor()
        self._editor = ClassicalEditor()
        self._planters = {
            fault: FaultyEditor(self._editor, self._instructor, 1.0, {fault: 1.0})
            for fault in MIX
            if fault != DEGRADED or full_damage
        }

    def cases(
        self, image: Pixels, key: str, seed: int, subtasks: Collection[str] = ()
    ) -> Iterator[Case]:
        """Yield a case a fault for each subtask that the photograph allows, or for these alone."""
        survey = self._instructor.survey(image)
        wanted = [each for each in survey.subtasks if each in subtasks or not subtasks]
        for draft in self._instructor.write(image, survey, wanted, seed):
            if not isinstance(draft, Draft):
                continue
            try:
                right = self._editor.edit(image, draft.en, seed).pixels
            except EditorError:
                continue
            case = Case(
                key,
                "",
                draft.subtask,
                draft.en,
                image,
                right,
                right,
                draft.reasoning_points,
                draft.reasoning_points,
            )
            yield from self._planted(case, seed)
            other = self._violated(case, seed)
            if other:
                points = (other, *case.points[1:])
                yield replace(case, fault=POINT, faulty_points=points)

    def _planted(self, case: Case, seed: int) -> Iterator[Case]:
        if DEGRADED not in self._planters:
            draw = np.random.default_rng(seed_from("degraded", seed, case.instruction))
            light = lightly_degraded(case.right, draw)
            if light:
                yield replace(case, fault=DEGRADED, faulty=light[0])
        for fault, editor in self._planters.items():
            found = editor.edit(case.source, case.instruction, seed)
            if found.truth and found.truth.fault == fault:
                yield replace(case, fault=fault, faulty=found.pixels)

    def _violated(self, case: Case, seed: int) -> str | None:
        """Return a reasoning point that the right edit does not meet, in the place of its first."""
        intent = language.parse(case.instruction)
        if not needs_reasoning(case.subtask) or intent is None:
            return None
        asked = intent.steps[0] if intent.steps else intent
        draw = np.random.default_rng(seed_from("violated", seed, case.instruction))
        small = self._instructor.look(case.source)
        subtask = language.subtask_of(asked.operation)
        others = [
            other
            for other in (*proposals.PROPOSERS[subtask](small), *_scenarios())
            if clearly_other(asked, other)
            and not any(not clearly_other(step, other) for step in intent.steps)
        ]
        if not others:
            return None
        chosen = others[int(draw.integers(len(others)))]
        points = language.reasoning_points(chosen).en
        return language.phrase(chosen).en if intent.steps or not points else points[0]


def _scenarios() -> Iterator[Intent]:
    """Yield every scenario: a claim about the whole picture that any other edit violates."""
    yield from (Intent("scenario", {"scenario": name}) for name in language.lexicon("scenario"))


def draw_cases(
    folder: Path,
    pictures: int,
    seed: int,
    full_damage: bool = False,
    subtasks: Collection[str] = (),
) -> Iterator[Case]:
    """Yield the cases of some drawn photographs of a folder, picture by picture.

    Args:
        folder: of photographs.
        pictures: how many are drawn.
        seed: decides pictures, instructions and faults.
        full_damage: see ``Planter``.
        subtasks: these alone; none: all that a photograph allows.

    Raises:
        FileNotFoundError: there are no photographs.
    """
    photos, planter = photographs(folder), Planter(full_damage)
    for number in range(pictures):
        draw = np.random.default_rng(seed_from("bench-truth", seed, number))
        image = draw_picture(photos, draw)
        yield from planter.cases(image, f"picture-{number}", int(draw.integers(1 << 60)), subtasks)


def measure(
    judge: BenchJudge, cases: Iterable[Case], tell: Callable[[], None] = lambda: None
) -> list[Drops]:
    """Judge both halves of every case; the right half of a picture is judged once a question."""
    found: list[Drops] = []
    known: dict[tuple[str, str, tuple[str, ...]], Sequence[float]] = {}
    last = ""
    for case in cases:
        if case.key != last:
            known.clear()
            last = case.key
        asked = (case.key, case.instruction, case.points)
        if asked not in known:
            known[asked] = marks(judge, case.source, case.right, case.instruction, case.points)
        faulty = marks(judge, case.source, case.faulty, case.instruction, case.faulty_points)
        pairs = zip(known[asked], faulty, strict=True)
        found.append(Drops(case.key, case.fault, tuple(right - wrong for right, wrong in pairs)))
        tell()
    return found


def marks(
    judge: BenchJudge, source: Pixels, edited: Pixels, instruction: str, points: Sequence[str]
) -> list[float]:
    """Return a judge's four scores; NaN where it gives none."""
    metrics = JUDGED if points else JUDGED[:-1]
    scores: dict[str, float | None] = {}
    for group in judge.groups(metrics):
        said = judge.judge((source, edited), instruction, points, group, 0)
        scores |= {metric: each.score for metric, each in said.items()}
    values = (scores.get(metric) for metric in JUDGED)
    return [float("nan") if value is None else value for value in values]


def matrix(drops: Sequence[Drops]) -> list[Cell]:
    """Return the matrix of faults and metrics, with 95 % intervals over pictures."""
    cells = []
    for fault in FAULTS:
        mine = [each for each in drops if each.fault == fault]
        values = np.array([each.values for each in mine]).reshape(len(mine), len(JUDGED))
        found: Sequence[Estimate | None] = [None] * len(JUDGED)
        if mine:
            found = estimates([each.key for each in mine], values)
        cells += [
            Cell(fault, metric, rule_of(fault, metric), drop)
            for metric, drop in zip(JUDGED, found, strict=True)
        ]
    return cells


def rule_of(fault: str, metric: str) -> str:
    """Return whether a metric must (``own``), ``may`` or must ``not`` fall for a fault."""
    if OWN[fault] == metric:
        return "own"
    return "may" if metric in MAY[fault] else "not"
