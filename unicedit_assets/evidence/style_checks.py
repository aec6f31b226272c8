"""Style transfers: flat cells, flat inks, dots, lines or paint in place of photographic detail."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from unicedit_assets.domain.language import Intent
from unicedit_assets.evidence.artefacts import cell_share, palette_size
from unicedit_assets.evidence.comparison import Comparison
from unicedit_assets.evidence.finding import Finding, ramp, worst
from unicedit_assets.evidence.lettering import correlation
from unicedit_assets.evidence.pair import Plane, blur
from unicedit_assets.evidence.registration import relief
from unicedit_assets.evidence.tone import fit_look

_WINDOW = 512


@dataclass(frozen=True)
class Look:
    """What tells one style from another.

    Attributes:
        cells: share of all level steps that lie on few columns and rows: 1 for a pixel grid.
        screen: share of the fine energy in the few strongest frequencies: a halftone screen.
        inks: share of the picture in its six commonest colours.
        levels: number of levels that hold most of one channel: few for flat inks.
        chroma: median chroma.
        light: mean lightness.
        lines: correlation of dark lines with the source's relief.
        outlines: share of pixels that turned nearly black and were not.
        layout: correlation of slow lightness with the source's.
        likeness: correlation of slow colour with the source's.
        detail: fine contrast against the source's.
    """

    cells: float
    screen: float
    inks: float
    levels: int
    chroma: float
    light: float
    lines: float
    outlines: float
    layout: float
    likeness: float
    detail: float


def _screen(gray: Plane) -> float:
    height, width = gray.shape
    size = min(_WINDOW, height, width)
    top, left = (height - size) // 2, (width - size) // 2
    cut = gray[top : top + size, left : left + size]
    window = cv2.createHanningWindow((size, size), cv2.CV_32F)
    power = np.abs(np.fft.rfft2((cut - cut.mean()) * window)) ** 2
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    radius = np.hypot(fy, fx)
    band = power[(radius > 0.05) & (radius < 0.3)]
    return float(np.sort(band)[-60:].sum() / max(float(power[radius > 0.02].sum()), 1e-6))


def _inks(view: Comparison) -> float:
    cell = np.round(view.after[::2, ::2].reshape(-1, 3) / 12.0).astype(np.int64) + 32
    code = cell @ np.array([1 << 16, 1 << 8, 1])
    _, counts = np.unique(code, return_counts=True)
    return float(np.sort(counts)[-6:].sum() / len(code))


def look_of(view: Comparison) -> Look:
    """Measure the style features of a pair."""
    before, after = view.before, view.after
    light_before, light_after = (np.ascontiguousarray(lab[..., 0]) for lab in (before, after))
    slow = [blur(np.ascontiguousarray(lab), 8.0)[::4, ::4] for lab in (before, after)]
    fine = [float(np.abs(light - blur(light, 1.5)).mean()) for light in (light_before, light_after)]
    dark = (light_after < 14.0) & (light_before > 24.0)
    return Look(
        cells=cell_share(view.pair.gray_edited),
        screen=_screen(view.pair.gray_edited),
        inks=_inks(view),
        levels=palette_size(view.pair.edited, 0.85),
        chroma=float(np.median(np.hypot(after[..., 1], after[..., 2]))),
        light=float(light_after.mean()),
        lines=correlation(relief(light_before), relief(light_after)),
        outlines=float(dark.mean()),
        layout=correlation(slow[0][..., 0], slow[1][..., 0]),
        likeness=min(correlation(slow[0][..., i], slow[1][..., i]) for i in range(3)),
        detail=fine[1] / max(fine[0], 0.05),
    )


def style_scores(look: Look) -> dict[str, float]:
    """Return how well each style's features are met, 0-1."""
    plain = worst(ramp(look.cells, 0.7, 0.5), ramp(look.screen, 0.55, 0.4))
    return {
        "pixel_art": ramp(look.cells, 0.5, 0.75),
        "halftone": worst(ramp(look.screen, 0.3, 0.5), ramp(look.chroma, 14.0, 9.0)),
        "pop_art": worst(
            plain,
            ramp(look.inks, 0.6, 0.8),
            ramp(look.chroma, 25.0, 40.0),
            ramp(look.levels, 24.0, 10.0),
        ),
        "pencil_sketch": worst(plain, ramp(look.chroma, 5.0, 2.0), ramp(look.lines, 0.1, 0.3)),
        "cartoon": worst(plain, ramp(look.outlines, 0.005, 0.02), ramp(look.likeness, 0.1, 0.4)),
        "oil_painting": worst(
            plain, ramp(look.likeness, 0.2, 0.6), ramp(look.outlines, 0.03, 0.01)
        ),
    }


def check_style(view: Comparison, intent: Intent) -> Finding:
    """Check that the picture was redrawn in the named style."""
    look, said = look_of(view), intent.slots["style"]
    scores = style_scores(look)
    best = max(scores, key=lambda key: scores[key])
    score = scores[said]
    if said in ("cartoon", "oil_painting") and scores["pop_art"] >= 0.8:
        score = 0.0
    return Finding(
        "style",
        {"style": said if score >= 0.5 else best},
        worst(
            ramp(float(np.percentile(view.tone.residual[::4, ::4], 90)), 2.0, 4.0),
            max(ramp(look.layout, 0.2, 0.5), ramp(look.lines, 0.15, 0.35)),
        ),
        () if score >= 0.5 else (f"it looks like {best}, not {said}",),
        slow_colour_residual(view),
        figures={
            "style_cells": look.cells,
            "style_screen": look.screen,
            "style_inks": look.inks,
            "style_lines": look.lines,
            "style_outlines": look.outlines,
            "style_score": score,
        },
    )


def slow_colour_residual(view: Comparison) -> Plane:
    """Return what a map of colour and relief leaves of the slow colours.

    Strokes, dots and outlines average out; what remains is paint where none belongs.
    """
    mapped = fit_look(view.small_before, view.small_after)
    delta = view.small_after.astype(np.float32) - mapped
    slow = blur(np.asarray(delta, np.float32), 6.0)
    return np.asarray(np.sqrt(np.einsum("ijk,ijk->ij", slow, slow)) / np.float32(2.55), np.float32)
