"""The verifier's gates in order, each a small test on measured figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from unicedit_assets.domain.language import Intent
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.evidence import explain, hints
from unicedit_assets.evidence.change import find_changes
from unicedit_assets.evidence.comparison import Comparison
from unicedit_assets.evidence.damage import Damage, damage_of
from unicedit_assets.evidence.finding import Finding, ramp

CODE_VERSION = 2
_MANY_TILES = 0.6  # the same share of more tiles is less likely chance


@dataclass(frozen=True)
class Ruling:
    """The gates' answer.

    Attributes:
        reason: None for accepted.
        confidence: probability that the answer is right, 0-1.
        finding: what was found about the text's operation; None when it was not looked for.
        evidence: measured figures, finite.
        notes: one statement each, what spoke against the edit.
        instead: the operation that explains the pixels where the text's own does not.
    """

    reason: Reason | None
    confidence: float
    finding: Finding | None
    evidence: Mapping[str, float]
    notes: tuple[str, ...] = ()
    instead: Finding | None = None


def _base_figures(view: Comparison) -> dict[str, float]:
    return {
        "changed_area": view.changes.area,
        "net_area": view.net_area,
        "mean_difference": float(view.difference.mean()),
        "noise_floor": view.noise,
        "slip_pixels": view.slip_reach,
        "slip_zoom": view.slip.zoom,
        "slip_support": view.slip.support,
        "slip_still": view.slip.still,
        "tiles": float(view.slip.tiles),
    }


def _finite(figures: Mapping[str, float]) -> dict[str, float]:
    """Return the finite figures, rounded so that no library's last bit shows."""
    return {name: round(float(v), 4) for name, v in figures.items() if math.isfinite(v)}


def _sure(margin: float) -> float:
    """Turn a margin (0 = on the threshold, 1 = far from it) into a confidence."""
    return round(0.55 + 0.43 * min(1.0, max(0.0, margin)), 4)


def slipped(view: Comparison, intent: Intent | None) -> float:
    """Return how far beyond the threshold the content slipped; 0 when it did not."""
    settings = view.settings
    if intent is not None and explain.moves_frame(intent):
        return 0.0
    slip = view.slip
    needed = settings.slip_support * (1.0 if slip.tiles < 40 else _MANY_TILES)
    agreed = slip.support >= needed and slip.still < 0.5 * slip.support
    agreed = agreed and slip.support * slip.tiles >= 5 and abs(slip.zoom) < 0.06
    if not agreed or view.slip_reach < settings.slip_pixels:
        return 0.0
    return view.slip_reach / settings.slip_pixels


def rule(view: Comparison, en: str, cn: str, intent: Intent | None) -> Ruling:
    """Return the first gate's answer, or acceptance."""
    figures = _base_figures(view)
    if not en.strip() and not cn.strip():
        return Ruling(Reason.UNPARSEABLE, 0.99, None, _finite(figures), ("there is no text",))
    if view.is_unchanged:
        figures["unchanged"] = 1.0
        room = view.settings.no_edit_area
        return Ruling(Reason.NO_EDIT, _sure(1 - view.net_area / room), None, _finite(figures))
    slip = slipped(view, intent)
    known = intent is not None and explain.knows(intent)
    finding = explain.check(view, intent) if intent is not None and known else None
    damage = damage_of(view, intent, None if finding is None else finding.laid)
    figures |= damage.figures
    if finding is not None:
        figures |= {"fit": finding.fit, **finding.figures}
    else:
        slip, damage = _hinted(f"{en} {cn}", slip, damage)
    ruling = _decide(view, _Seen(slip, finding, damage, figures))
    unnamed = finding is None and ruling.reason is None
    if unnamed or ruling.reason is Reason.MISALIGNED:
        return replace(ruling, instead=explain.search(view))
    return ruling


def _hinted(text: str, slip: float, damage: Damage) -> tuple[float, Damage]:
    """Hold back alarms that free text may have asked for; a blank picture stays one."""
    if hints.may_move_frame(text):
        slip = 0.0
    if hints.may_change_texture(text) and not damage.blank:
        damage = replace(damage, strength=0.0)
    return slip, damage


@dataclass(frozen=True)
class _Seen:
    slip: float
    finding: Finding | None
    damage: Damage
    figures: dict[str, float]

    def ruling(
        self, reason: Reason | None, confidence: float, notes: tuple[str, ...] = ()
    ) -> Ruling:
        return Ruling(reason, confidence, self.finding, _finite(self.figures), notes)


def _decide(view: Comparison, seen: _Seen) -> Ruling:
    """Ask the gates in order; the first that speaks rules."""
    for gate in (_blank, _shifted, _damaged, _misaligned, _collateral):
        ruling = gate(view, seen)
        if ruling is not None:
            return ruling
    if seen.finding is None:
        return seen.ruling(None, 0.5)
    stray = stray_of(view, seen.finding)
    return seen.ruling(None, _sure(min(2 * (seen.finding.fit - 0.5), 1.2 * (1 - stray.share))))


def _blank(_: Comparison, seen: _Seen) -> Ruling | None:
    return seen.ruling(Reason.DEGRADED, 0.97, seen.damage.notes) if seen.damage.blank else None


def _shifted(view: Comparison, seen: _Seen) -> Ruling | None:
    if not seen.slip:
        return None
    note = f"the content moved by up to {view.slip_reach:.1f} pixels"
    return seen.ruling(Reason.SHIFTED, _sure((seen.slip - 1) / 1.5), (note,))


def _damaged(_: Comparison, seen: _Seen) -> Ruling | None:
    if seen.damage.strength < 1.0:
        return None
    return seen.ruling(Reason.DEGRADED, _sure(seen.damage.strength - 1.0), seen.damage.notes)


def _misaligned(_: Comparison, seen: _Seen) -> Ruling | None:
    finding = seen.finding
    if finding is None or finding.holds:
        return None
    notes = finding.conflicts or ("the pictures do not show what the text says",)
    return seen.ruling(Reason.MISALIGNED, _sure(0.4 + 0.6 * (1 - finding.fit)), notes)


def _collateral(view: Comparison, seen: _Seen) -> Ruling | None:
    if seen.finding is None:
        return None
    stray = stray_of(view, seen.finding)
    seen.figures.update(stray_area=stray.area, stray_strength=stray.strength)
    if stray.share < 1.0:
        return None
    note = f"{stray.area:.1%} of the picture changed elsewhere"
    return seen.ruling(Reason.COLLATERAL, _sure(stray.share - 1), (note,))


@dataclass(frozen=True)
class Stray:
    """The largest unexplained change: its area, mean strength, and area over the allowed one."""

    area: float
    strength: float
    share: float


@dataclass(frozen=True)
class _Allowance:
    """How large a difference, over how large an area, an operation may leave unexplained."""

    change: float
    area: float


def _allowance(view: Comparison, finding: Finding) -> _Allowance:
    settings = view.settings
    parts = (finding, *finding.steps)
    names = {part.operation for part in parts}
    words = {word for part in parts for word in part.slots.values()}
    effects = [settings.stray_effects[word] for word in words & set(settings.stray_effects)]
    if "style" in names and effects:
        return _Allowance(max(effects), settings.stray_style_area)
    if "scenario" in names and effects:
        return _Allowance(max(effects), settings.stray_wide_area)
    if "background" in names:
        return _Allowance(settings.stray_backdrop, settings.stray_wide_area)
    if names & explain.VIEWS or "stretch" in finding.figures:
        return _Allowance(settings.stray_view, 1.5 * settings.stray_area)
    if "tone" in names:
        return _Allowance(settings.stray_view, 1.5 * settings.stray_area)
    return _Allowance(settings.stray_change, settings.stray_area)


def stray_of(view: Comparison, finding: Finding) -> Stray:
    """Measure what the finding leaves unexplained."""
    if finding.stray is None:
        return Stray(0.0, 0.0, 0.0)
    allowed = _allowance(view, finding)
    found = find_changes(finding.stray, allowed.change, allowed.area / 4, bridge=9)
    if not found.regions:
        return Stray(0.0, 0.0, 0.0)
    weight = [r.area * ramp(r.strength, 0.0, 1.3 * allowed.change) for r in found.regions]
    top = found.regions[int(np.argmax(weight))]
    return Stray(top.area, top.strength, max(weight) / allowed.area)
