"""The embedded judge: UnicBench's four metrics from pixels and text, as the verifier measures.

IF asks whether the pictures show what the text says, NC whether anything else changed, VQ whether
the picture is damaged, RA how many of the sample's reasoning points hold. A picture that did not
change follows no instruction (IF 0) and keeps everything (NC 10).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unicedit_assets.domain import language, libraries
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.language import Intent
from unicedit_assets.domain.roles import Pixels, Scores
from unicedit_assets.evidence import explain, gates, geometry_checks
from unicedit_assets.evidence.comparison import Comparison
from unicedit_assets.evidence.damage import Damage, damage_of
from unicedit_assets.evidence.finding import Finding, ramp
from unicedit_assets.evidence.gates import Stray
from unicedit_assets.evidence.pair import Pair
from unicedit_assets.evidence.settings import VERSIONS

_HIGHEST = 10.0
_SLIPPED = 4.0
_WRONG_SLOT = 3.0
_WRONG_OPERATION = 1.0


@dataclass(frozen=True)
class _Seen:
    finding: Finding
    damage: Damage
    stray: Stray
    slip: float


class EmbeddedJudge:
    """Scores an edit from its pixels and text.

    Args:
        version: thresholds, a key of ``VERSIONS``.

    Raises:
        KeyError: no such version.
    """

    def __init__(self, version: str = "evidence-1") -> None:
        self._settings = VERSIONS[version]

    @property
    def identity(self) -> Mapping[str, Json]:
        """What can change a score."""
        return {
            "name": "evidence-judge",
            "version": self._settings.version,
            "code": gates.CODE_VERSION,
            "settings": self._settings.digest,
            "wordings": language.prompt().sha256,
            "libraries": libraries.versions("opencv", "numpy"),
        }

    def score(
        self, source: Pixels, edited: Pixels, prompt: str, reasoning_points: Sequence[str]
    ) -> Scores:
        """Return the metrics; all None when the text is not in the instruction language.

        Raises:
            ValueError: the pictures are not (H, W, 3) uint8 of one shape.
        """
        intent = language.parse(prompt)
        if intent is None:
            reply = "the instruction cannot be read"
            return Scores(None, None, None, None, {"instruction_following": reply})
        view = Comparison(Pair(source, edited), self._settings)
        if view.is_unchanged:
            return _unchanged_scores(reasoning_points)
        seen = _look(view, intent)
        following, consistency = _following(seen), _consistency(seen)
        return Scores(
            following,
            consistency,
            _quality(seen),
            _reasoning(seen, reasoning_points, following, consistency),
            _replies(seen),
        )


def _unchanged_scores(points: Sequence[str]) -> Scores:
    return Scores(0.0, _HIGHEST, _HIGHEST, 0.0 if points else None, {"all": "nothing changed"})


def _look(view: Comparison, intent: Intent) -> _Seen:
    """Check the text, on a picture moved back first where its content slipped."""
    slip = gates.slipped(view, intent)
    steady = view
    if slip:
        steady = geometry_checks.undone(view, geometry_checks.correction(view, view.slip))
    finding = explain.check(steady, intent)
    damage = damage_of(view, intent, finding.laid)
    return _Seen(finding, damage, gates.stray_of(view, finding), slip)


def _following(seen: _Seen) -> float:
    finding = seen.finding
    if finding.holds:
        return round(7.5 + 2.5 * ramp(finding.fit, 0.5, 1.0), 2)
    if finding.steps:
        kept = sum(step.holds for step in finding.steps) / len(finding.steps)
        return round(_WRONG_OPERATION + 5.0 * kept, 2)
    return _WRONG_SLOT if finding.fit >= 0.5 else _WRONG_OPERATION


def _consistency(seen: _Seen) -> float:
    """Return NC: full marks minus what changed without being asked."""
    score = _HIGHEST - 1.5 * min(1.0, seen.stray.share)
    score -= 6.5 * ramp(seen.stray.share, 0.9, 5.0) + (1.5 if seen.stray.share >= 1.0 else 0.0)
    if not seen.finding.holds:
        score = min(score, 7.0)
    if seen.slip:
        score = min(score, _SLIPPED)
    return round(max(0.5, score), 2)


def _quality(seen: _Seen) -> float:
    if seen.damage.blank:
        return 0.5
    score = _HIGHEST - 3.0 * ramp(seen.damage.strength, 0.5, 1.0)
    score -= 5.0 * ramp(seen.damage.strength, 0.99, 2.0)
    return round(score - 1.5 * ramp(seen.stray.share, 1.0, 4.0), 2)


def _reasoning(
    seen: _Seen, points: Sequence[str], following: float, consistency: float
) -> float | None:
    """Return RA: the mean over the points; a step counts by its own finding."""
    if not points:
        return None
    closing = set(language.prompt().data["closing_point"].values())
    steps = {step.operation: step for step in seen.finding.steps}
    marks = []
    for point in points:
        intent = language.parse(point)
        step = None if intent is None else steps.get(intent.operation)
        if point in closing:
            marks.append(consistency)
        elif step is not None:
            marks.append(_HIGHEST if step.holds else _WRONG_OPERATION)
        else:
            marks.append(following)
    return round(sum(marks) / len(marks), 2)


def _replies(seen: _Seen) -> dict[str, str]:
    finding = seen.finding
    return {
        "instruction_following": "; ".join(finding.conflicts) or f"fit {finding.fit:.2f}",
        "non_edit_consistency": f"{seen.stray.area:.2%} of the picture changed elsewhere",
        "visual_quality": "; ".join(seen.damage.notes) or f"damage {seen.damage.strength:.2f}",
    }
