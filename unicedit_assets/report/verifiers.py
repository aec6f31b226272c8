"""Table 5 of this project: every evaluated verifier against known truth, with intervals.

No timing is told, so that the same project gives the same page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from unicedit_assets.domain.identity import Json
from unicedit_assets.pipeline.pending import State, standings
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.verified_edits import verifier_version
from unicedit_assets.pipeline.verifier_eval import QwenVerifyEval
from unicedit_assets.pipeline.verifier_figures import evaluated
from unicedit_assets.qwen_verify.evaluation import DEFINITION
from unicedit_assets.qwen_verify.figures import TABLE_5, Figures
from unicedit_assets.qwen_verify.intervals import Estimate
from unicedit_assets.qwen_verify.plots import data_uri, reliability_png
from unicedit_assets.truth.outcomes import Rate

WHOLE = "all"


@dataclass(frozen=True)
class VerifierLine:
    """One verifier.

    Attributes:
        note: what a baseline's threshold was fitted to; empty for others.
        tests: test set -> figures; ``all`` comes first.
        reliability: a picture as a ``data:`` URI; empty where no confidence was stated.
    """

    name: str
    note: str
    promoted: bool
    tests: Mapping[str, Figures]
    reliability: str

    @property
    def graded(self) -> bool:
        """Whether a judge has graded any of its texts."""
        return any(group.judged for group in self.whole.kinds.values())

    @property
    def whole(self) -> Figures:
        """The figures over all test pairs."""
        return self.tests[WHOLE]


@dataclass(frozen=True)
class VerifierTable:
    """All evaluated verifiers, baselines first; ``tests`` are the test sets with their pairs."""

    lines: tuple[VerifierLine, ...]
    kinds: tuple[str, ...]
    other_kinds: tuple[str, ...]
    subtasks: tuple[str, ...]
    tests: Mapping[str, int]
    definition: str


def collect_verifiers(project: Project) -> VerifierTable:
    """Return what was measured of verifiers and is up to date."""
    current = [
        each.ref.partition
        for each in standings(project, [QwenVerifyEval.name])
        if each.state is State.CURRENT
    ]
    lines = tuple(line for name in current if (line := _line(project, name)))
    whole = [line.whole for line in lines]
    kinds = tuple(kind.value for kind in TABLE_5)
    others = {kind for found in whole for kind in found.kinds} - set(kinds)
    return VerifierTable(
        lines=lines,
        kinds=kinds,
        other_kinds=tuple(sorted(others)),
        subtasks=tuple(sorted({name for found in whole for name in found.subtasks})),
        tests={name: found.pairs for name, found in lines[0].tests.items()} if lines else {},
        definition=DEFINITION,
    )


def _line(project: Project, name: str) -> VerifierLine | None:
    found = evaluated(project, name)
    if found is None:
        return None
    calibration = found.figures[WHOLE].calibration
    return VerifierLine(
        name=name,
        note=_fitted(found.fit),
        promoted=name == verifier_version(project),
        tests=found.figures,
        reliability=data_uri(reliability_png(name, calibration)) if calibration else "",
    )


def _fitted(fit: Json) -> str:
    if not isinstance(fit, Mapping):
        return ""
    return f"threshold {fit['threshold']:.3g}, fitted on {fit['pairs']} training pairs"


def estimate(found: Estimate | None) -> str:
    """Return a figure with its interval; a dash where there is none."""
    return f"{found.value:.2f} ({found.low:.2f}–{found.high:.2f})" if found else "–"


def rate(found: Rate) -> str:
    """Return a share in per cent with its interval; a dash where there were no cases."""
    if not found.cases:
        return "–"
    return f"{100 * found.share:.1f} % ({100 * found.low:.1f}–{100 * found.high:.1f})"
