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
from unicedit_assets.evidence.damage import Damage, damage_of, without_damage
from unicedit_assets.evidence.finding import Finding, ramp
from unicedit_assets.evidence.gates import Stray
from unicedit_assets.evidence.pair import Pair
from unicedit_assets.evidence.settings import VERSIONS

_HIGHEST = 10.0
_SLIPPED = 4.0
_WRONG_SLOT = 3.0
_WRONG_OPERATION = 1.0


# Damage up to this costs nothing.
_HARMLESS = 0.5
# Of this module alone: raised whenever a score can change.
_CODE = 2


@dataclass(frozen=True)
class _Seen:
    intent: Intent
    view: Comparison
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
            "judge": _CODE,
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
        clear = self._past_damage(seen)
        following, consistency = _following(clear), _consistency(clear)
        return Scores(
            following,
            consistency,
            _quality(seen),
            _reasoning(clear, reasoning_points, following, consistency),
            {**_replies(clear), "visual_quality": _damage_told(seen.damage)},
        )

    def _past_damage(self, seen: _Seen) -> _Seen:
        """Return what is seen past damage: that costs visual quality, and nothing else as well.

        The pictures are compared again where damage is out of the way (see ``without_damage``);
        that look counts when the edit is better seen in it.
        """
        if seen.damage.strength <= _HARMLESS or seen.damage.blank:
            return seen
        pair = seen.view.pair
        coarse = Comparison(Pair(*without_damage(pair.source, pair.edited)), self._settings)
        if coarse.is_unchanged:
            return seen
        again = _look(coarse, seen.intent)
        before, after = (_following(each) + _consistency(each) for each in (seen, again))
        return again if after > before else seen


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
    return _Seen(intent, steady, finding, damage, gates.stray_of(view, finding), slip)


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
    score = _HIGHEST - 3.0 * ramp(seen.damage.strength, _HARMLESS, 1.0)
    score -= 5.0 * ramp(seen.damage.strength, 0.99, 2.0)
    return round(score, 2)


def _reasoning(
    seen: _Seen, points: Sequence[str], following: float, consistency: float
) -> float | None:
    """Return RA: the mean over the points, each held against the pictures by itself."""
    if not points:
        return None
    marks = [_point_mark(seen, point, following, consistency) for point in points]
    return round(sum(marks) / len(marks), 2)


def _point_mark(seen: _Seen, point: str, following: float, consistency: float) -> float:
    """Return how far one point holds, 0-10.

    A point that says what the instruction says is as true as the instruction was followed. One that
    says something else is checked on the pictures; where nothing can check it, it counts as the
    instruction does.
    """
    if language.is_closing_point(point):
        return consistency
    step, claim = language.parse(point), language.parse_point(point)
    asked = {each.operation: each for each in (seen.intent, *seen.intent.steps)}
    if step is None and claim is not None:
        known = asked.get(claim.operation)
        step = Intent(claim.operation, {**(known.slots if known else {}), **claim.slots})
    if step is None or step == seen.intent:
        return following
    if step in seen.intent.steps:
        return _step_mark(seen, step, following)
    if not _is_checkable(step):
        return following
    return _HIGHEST if explain.check(seen.view, step).holds else _WRONG_OPERATION


def _step_mark(seen: _Seen, step: Intent, following: float) -> float:
    """Return the mark of a compound's own step: its finding's; findings are in the text's order."""
    if len(seen.finding.steps) != len(seen.intent.steps):
        return following
    found = seen.finding.steps[seen.intent.steps.index(step)]
    return _HIGHEST if found.holds else _WRONG_OPERATION


def _is_checkable(intent: Intent) -> bool:
    if intent.operation == language.COMPOUND or not explain.knows(intent):
        return False
    return set(language.slots_of(intent.operation)) <= set(intent.slots)


def _replies(seen: _Seen) -> dict[str, str]:
    finding = seen.finding
    return {
        "instruction_following": "; ".join(finding.conflicts) or f"fit {finding.fit:.2f}",
        "non_edit_consistency": f"{seen.stray.area:.2%} of the picture changed elsewhere",
        "visual_quality": _damage_told(seen.damage),
    }


def _damage_told(damage: Damage) -> str:
    return "; ".join(damage.notes) or f"damage {damage.strength:.2f}"
