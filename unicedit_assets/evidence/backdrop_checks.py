"""Background change and extraction: the subject stays as it is, all around it is replaced."""

from __future__ import annotations

import cv2
import numpy as np

from unicedit_assets.domain.language import Intent
from unicedit_assets.evidence.change import centroid, place_gap
from unicedit_assets.evidence.colours import colour_gap, gap_plane, median_colour
from unicedit_assets.evidence.comparison import Comparison
from unicedit_assets.evidence.finding import Finding, ramp, worst
from unicedit_assets.evidence.pair import Mask, Plane, blur
from unicedit_assets.evidence.structure import grain, grown, shrunk

_SOFT_EDGE = 7
_GROUNDS = {"white": (100.0, 0.0, 0.0), "black": (0.0, 0.0, 0.0)}


def _ground(view: Comparison) -> Mask:
    """Return the replaced part: what changed, with holes that do not differ by chance closed."""
    changed = view.difference > 2.0
    return shrunk(grown(np.asarray(changed), 3), 3)


def _backdrop_scores(view: Comparison, ground: Mask) -> dict[str, float]:
    core = shrunk(ground, 3)
    core = core if core.sum() > 200 else ground
    now = view.after[core]
    light, chroma = now[:, 0], np.hypot(now[:, 1], now[:, 2])
    rough = grain(np.ascontiguousarray(view.after[..., 0]), core)
    calm = ramp(rough, 2.0, 1.0)
    blue = float((gap_plane(now, "blue") < 14).mean())
    dark = float((light < 40).mean())
    warm = float(((now[:, 2] > 12) | (now[:, 1] > 14)).mean())
    white = float(((light > 86) & (chroma < 6)).mean())
    gray = float(((light > 45) & (chroma < 8)).mean())
    slow = [blur(np.ascontiguousarray(lab), 10.0)[core] for lab in (view.before, view.after)]
    near = float(np.median(np.linalg.norm(slow[0] - slow[1], axis=1)))
    before = grain(np.ascontiguousarray(view.before[..., 0]), core)
    return {
        "white_studio": worst(ramp(white, 0.6, 0.85), calm),
        "sunset": worst(ramp(warm, 0.45, 0.7), calm, ramp(near, 4.0, 8.0)),
        "starry_night": worst(ramp(dark, 0.6, 0.85), ramp(float(light.mean()), 40.0, 28.0)),
        "clear_blue": worst(ramp(blue, 0.3, 0.6), calm, ramp(dark, 0.5, 0.3)),
        "overcast": worst(ramp(gray, 0.5, 0.8), calm, ramp(white, 0.7, 0.4)),
        "blurred": worst(ramp(near, 14.0, 7.0), ramp(rough / max(before, 0.2), 0.9, 0.6)),
    }


def _kept(view: Comparison) -> float:
    """Return the share of the picture that is untouched."""
    return float((view.difference < 1.0).mean())


def check_background(view: Comparison, intent: Intent) -> Finding:
    """Check that the ground is the named backdrop and that a subject was left alone."""
    ground = _ground(view)
    if ground.mean() < 0.05:
        return Finding("background", dict(intent.slots), 0.0, ("the background did not change",))
    scores = _backdrop_scores(view, ground)
    said = intent.slots["backdrop"]
    best = max(scores, key=lambda key: scores[key])
    shown = scores[said] >= (0.15 if best == said else 0.4)
    conflicts = () if shown else (f"the background is {best}, not {said}",)
    return Finding(
        "background",
        {**intent.slots, "backdrop": best if conflicts else said},
        worst(ramp(_kept(view), 0.01, 0.04), ramp(float(ground.mean()), 0.05, 0.12)),
        conflicts,
        _ground_stray(view, ground, said),
        ground,
        {"backdrop_score": scores[said], "kept_share": _kept(view)},
    )


def _ground_stray(view: Comparison, ground: Mask, backdrop: str) -> Plane:
    """Return what does not belong: islands of change in the subject, and patches on the ground."""
    islands = _islands(view, ground)
    if backdrop == "blurred":
        soft = blur(view.before, max(view.pair.shape) / 60.0)
        model = np.linalg.norm(blur(view.after - soft, 3.0), axis=2)
    else:
        model = _row_residual(view, ground)
    inner = shrunk(ground, 8)
    return np.asarray(np.maximum(islands, np.where(inner, model, 0.0)), np.float32)


def _row_residual(view: Comparison, ground: Mask) -> Plane:
    """Return the distance from the ground's own colour in the same row (backdrops vary by row)."""
    out = np.zeros(ground.shape, np.float32)
    slow = blur(view.after, 4.0)
    for row in range(ground.shape[0]):
        inside = ground[row]
        if inside.sum() < 12:
            continue
        middle = np.median(slow[row][inside], axis=0)
        out[row] = np.linalg.norm(slow[row] - middle, axis=1)
    return out


def _islands(view: Comparison, ground: Mask) -> Plane:
    """Return the difference inside changed parts that do not touch the main ground."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(grown(ground, 2).astype(np.uint8))
    if count <= 2:
        return np.zeros(ground.shape, np.float32)
    main = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.asarray(np.where((labels != main) & ground, view.difference, 0.0), np.float32)


def ground_share(view: Comparison, name: str) -> Mask:
    """Return the pixels that show the plain ground's colour."""
    if name in _GROUNDS:
        gap = np.linalg.norm(view.after - np.array(_GROUNDS[name], np.float32), axis=2)
        return np.asarray(gap < 3.0)
    green = gap_plane(view.after, "green") < 6.0
    plain = blur(
        np.abs(view.after[..., 0] - blur(np.ascontiguousarray(view.after[..., 0]), 2.0)), 2.0
    )
    return np.asarray(green & (plain < 0.6))


def _unmixed(view: Comparison, plain: Mask) -> Plane:
    """Return the distance from any mixture of the source and the ground's colour.

    A cutout holds the source, the ground, and soft edges between the two, nothing else.
    """
    first, second = view.small_before.astype(np.float32), view.small_after.astype(np.float32)
    toward = np.median(second[plain], axis=0) - first
    length = np.einsum("ijk,ijk->ij", toward, toward) + 1e-3
    share = np.clip(np.einsum("ijk,ijk->ij", second - first, toward) / length, 0.0, 1.0)
    off = second - first - share[..., None] * toward
    raw = np.sqrt(np.einsum("ijk,ijk->ij", off, off)) / np.float32(2.55)
    to_end = np.minimum(share, 1.0 - share) * np.sqrt(length) / np.float32(2.55)
    inner = grown(shrunk(np.asarray(to_end > 6.0), _SOFT_EDGE), _SOFT_EDGE)
    return blur(np.asarray(np.maximum(raw, np.where(inner, to_end, 0.0)), np.float32), 1.5)


def check_extract(view: Comparison, intent: Intent) -> Finding:
    """Check that what is named stands alone on the plain ground."""
    said = intent.slots
    plain = ground_share(view, said["ground"])
    stray = _unmixed(view, plain) if plain.any() else None
    kept = ~grown(plain, 2) if stray is None else ~grown(plain, 2) & (stray < 8.0)
    share = float(plain.mean())
    conflicts = []
    if "place" in said and kept.any():
        if place_gap(centroid(kept), said["place"]) > view.settings.place_margin:
            conflicts.append(f"what is left is not {said['place']}")
        if (
            colour_gap(median_colour(view.before, kept), said["colour"])
            > view.settings.named_margin
        ):
            conflicts.append(f"what is left is not {said['colour']}")
    return Finding(
        intent.operation,
        dict(said),
        worst(ramp(share, 0.04, 0.12), ramp(float(kept.mean()), 0.0005, 0.002)),
        tuple(conflicts),
        stray,
        np.asarray(plain),
        {"plain_share": share},
    )
