"""Tones and scenarios: the whole picture's colours changed; did they change as the words say?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np

from unicedit_assets.domain.language import Intent
from unicedit_assets.evidence.comparison import Comparison
from unicedit_assets.evidence.finding import Finding, ramp, worst
from unicedit_assets.evidence.pair import Plane, blur
from unicedit_assets.evidence.tone import Grade


def _mono(grade: Grade) -> float:
    """Return 1 for a one-ink picture (gray or tinted), 0 for a coloured one."""
    return ramp(grade.spread, 6.0, 3.0)


def _black_and_white(g: Grade) -> float:
    return worst(ramp(g.chroma_after, 3.0, 1.0), ramp(abs(g.light), 16.0, 8.0))


def _sepia(g: Grade) -> float:
    brown = worst(ramp(g.hue, 50.0, 60.0), ramp(g.hue, 118.0, 110.0))
    return worst(_mono(g), ramp(g.tint, 1.5, 4.0), brown)


def _warm(g: Grade) -> float:
    level = worst(ramp(abs(g.light), 16.0, 10.0), ramp(g.contrast, 0.6, 0.75))
    return worst(ramp(g.neutral, 4.0, 9.0), level, ramp(g.spread, 1.0, 2.5))


def _cool(g: Grade) -> float:
    return worst(
        ramp(-g.neutral, 4.0, 9.0), ramp(abs(g.light), 18.0, 11.0), ramp(g.contrast, 0.6, 0.75)
    )


def _bright(g: Grade) -> float:
    untinted = ramp(abs(g.neutral), 12.0, 7.0) if g.grays > 0.02 else ramp(g.turn, 25.0, 12.0)
    return worst(ramp(g.light, 4.0, 8.0), untinted, ramp(g.contrast, 0.5, 0.6))


def _dark(g: Grade) -> float:
    pale = ramp(g.chroma_ratio, 1.05, 0.9)
    untinted = ramp(abs(g.neutral), 12.0, 8.0) if g.grays > 0.02 else 1.0
    faint = 1.0 - worst(ramp(g.contrast, 0.6, 0.5), ramp(g.light, -12.0, -4.0))
    return worst(ramp(-g.light, 2.5, 5.0), untinted, pale, max(faint, 0.0))


def _high_contrast(g: Grade) -> float:
    # A picture that was nearly gray before is no black and white for being so after.
    coloured = max(ramp(g.spread, 3.0, 4.5), ramp(g.chroma_ratio, 0.6, 0.8))
    return worst(ramp(g.contrast, 1.02, 1.08), coloured)


def _faded(g: Grade) -> float:
    return worst(ramp(g.contrast, 0.75, 0.6), ramp(g.chroma_ratio, 0.7, 0.5))


def _vivid(g: Grade) -> float:
    untinted = ramp(abs(g.neutral), 12.0, 6.0) if g.grays > 0.02 else ramp(g.turn, 25.0, 12.0)
    return worst(ramp(g.chroma_ratio, 1.05, 1.15), ramp(abs(g.light), 12.0, 8.0), untinted)


TONES: Mapping[str, Callable[[Grade], float]] = MappingProxyType(
    {
        "black_and_white": _black_and_white,
        "sepia": _sepia,
        "warm": _warm,
        "cool": _cool,
        "bright": _bright,
        "dark": _dark,
        "high_contrast": _high_contrast,
        "faded": _faded,
        "vivid": _vivid,
    }
)


def tone_name(grade: Grade) -> tuple[str, float]:
    """Return the tone word that a grade shows best, and how well (0-1)."""
    scores = {name: score(grade) for name, score in TONES.items()}
    name = max(scores, key=lambda key: scores[key])
    return name, scores[name]


def check_tone(view: Comparison, intent: Intent) -> Finding:
    """Check that one colour map explains the picture, and that it does what the word says."""
    fit, said = view.tone, intent.slots["tone"]
    score = TONES[said](view.grade)
    best, _ = tone_name(view.grade)
    named = said if score >= 0.5 else best
    return Finding(
        "tone",
        {"tone": named},
        worst(
            ramp(fit.slow_error, 6.0, 3.0),
            ramp(fit.shift, 0.6, 1.5),
            ramp(view.structure, 0.1, 0.35),
        ),
        () if score >= 0.5 else (f"the tone became {best}, not {said}",),
        fit.residual,
        figures={"tone_error": fit.error, "tone_score": score, "tone_shift": fit.shift},
    )


def _fog(view: Comparison) -> float:
    g = view.grade
    return worst(
        ramp(g.contrast, 1.0, 0.85), ramp(g.chroma_ratio, 0.95, 0.8), ramp(g.light, -2.0, 2.0)
    )


def _night(view: Comparison) -> float:
    g = view.grade
    tinted = worst(ramp(g.hue, 235.0, 250.0), ramp(g.hue, 320.0, 305.0), ramp(g.tint, 2.0, 6.0))
    bluer = max(ramp(-g.neutral, 1.0, 4.0), tinted)
    return worst(ramp(-g.light, 3.0, 6.0), ramp(g.contrast, 0.7, 0.6), bluer)


def speckle(view: Comparison) -> float:
    """Return the share of the picture in small bright specks that the colour map leaves over."""
    extra = view.after[..., 0] - view.tone.mapped[..., 0]
    return float((extra - blur(extra, 6.0) > 8.0).mean())


def _snow(view: Comparison) -> float:
    return worst(ramp(speckle(view), 0.008, 0.02), ramp(view.grade.light, -6.0, 0.0))


def _aged(view: Comparison) -> float:
    g = view.grade
    brown = worst(ramp(g.hue, 55.0, 65.0), ramp(g.hue, 105.0, 95.0))
    return worst(_mono(g), ramp(g.tint, 3.0, 6.0), brown, ramp(view.tone.error, 0.8, 1.5))


SCENARIOS: Mapping[str, Callable[[Comparison], float]] = MappingProxyType(
    {"fog": _fog, "night": _night, "snow": _snow, "aged": _aged}
)


def scenario_name(view: Comparison) -> tuple[str, float]:
    """Return the scenario that the pictures show best, and how well (0-1)."""
    scores = {name: score(view) for name, score in SCENARIOS.items()}
    name = max(scores, key=lambda key: scores[key])
    return name, scores[name]


def check_scenario(view: Comparison, intent: Intent) -> Finding:
    """Check that the whole scene changed as the circumstances would change it."""
    said = intent.slots["scenario"]
    score = SCENARIOS[said](view)
    best, _ = scenario_name(view)
    named = said if score >= 0.5 else best
    return Finding(
        "scenario",
        {"scenario": named},
        worst(
            ramp(view.tone.error, 12.0, 6.0),
            ramp(view.tone.shift, 1.0, 2.5),
            ramp(view.structure, 0.05, 0.2),
            ramp(view.wiped, 0.5, 0.25),
        ),
        () if score >= 0.5 else (f"it does not look like {said}",),
        slow_residual(view),
        figures={
            "tone_error": view.tone.error,
            "scenario_score": score,
            "structure": view.structure,
        },
    )


def slow_residual(view: Comparison) -> Plane:
    """Return the residual of the colour map without its thin parts (flakes, stars, scratches)."""
    delta = view.after - view.tone.mapped
    slow = blur(np.asarray(delta, np.float32), 5.0)
    size = np.sqrt(np.einsum("ijk,ijk->ij", slow, slow))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (17, 17))
    return np.asarray(cv2.morphologyEx(size, cv2.MORPH_OPEN, disc), np.float32)
