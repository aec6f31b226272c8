"""Remove, duplicate, move and resize: a thing's pixels vanish, recur, or change size."""

from __future__ import annotations

import cv2
import numpy as np

from unicedit_assets.domain.language import Intent
from unicedit_assets.evidence import registration
from unicedit_assets.evidence.change import place_gap, place_of
from unicedit_assets.evidence.comparison import Comparison, distance
from unicedit_assets.evidence.finding import Finding, ramp, worst
from unicedit_assets.evidence.paint_checks import is_local, nothing_found, outside
from unicedit_assets.evidence.pair import Lab, Mask, Plane, blur
from unicedit_assets.evidence.regions import Group, gather, named_conflicts, pointed_at
from unicedit_assets.evidence.structure import Copy, blend_of, find_copy, kept_structure

COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5}
_LIKENESS = 0.35
_GROWING = (1.35, 1.5, 1.6, 1.7, 1.85)
_SHRINKING = (1.5, 1.65, 1.82, 2.0, 2.2)


def check_remove(view: Comparison, intent: Intent) -> Finding:
    """Check that the named thing gave way to what surrounds it."""
    group = pointed_at(view, gather(view, 4), intent.slots)
    if group is None:
        return nothing_found(intent)
    blend = blend_of(view.before, view.after, group.mask)
    kept = kept_structure(view.before[..., 0], view.after[..., 0], group.mask)
    calmer = ramp(blend.rim_after / max(blend.rim_before, 1e-3), 1.0, 0.75)
    closer = ramp(blend.after / max(blend.before, 1e-3), 1.0, 0.7)
    return Finding(
        "remove",
        dict(intent.slots),
        worst(max(calmer, closer), ramp(kept, 0.85, 0.5), is_local(view)),
        tuple(named_conflicts(view, group, intent.slots)),
        outside(view, group.mask),
        group.mask,
        {"rim_ratio": blend.rim_after / max(blend.rim_before, 1e-3), "kept_structure": kept},
    )


def _half(lab: Lab) -> Lab:
    return np.asarray(
        cv2.resize(lab, (lab.shape[1] // 2, lab.shape[0] // 2), interpolation=cv2.INTER_AREA),
        np.float32,
    )


def _half_mask(mask: Mask) -> Mask:
    size = (mask.shape[1] // 2, mask.shape[0] // 2)
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5)


def copy_in(view: Comparison, group: Group, scales: tuple[float, ...] = (1.0,)) -> Copy | None:
    """Search the source for what the edited picture shows in a group."""
    return find_copy(_half(view.before), _half(view.after), _half_mask(group.mask), scales)


def _is_copy(copy: Copy | None) -> bool:
    return copy is not None and (copy.likeness >= _LIKENESS or copy.error < 2.5)


def _start_conflicts(view: Comparison, copy: Copy, intent: Intent) -> bool:
    return place_gap(copy.start, intent.slots["place"]) > view.settings.place_margin


def check_duplicate(view: Comparison, intent: Intent) -> Finding:
    """Check that copies of the named thing appeared, as many as the text says."""
    groups = [g for g in gather(view, 3) if g.area >= 0.15 * gather(view, 3)[0].area]
    if not groups:
        return nothing_found(intent)
    copies = [(group, copy_in(view, group)) for group in groups]
    real = [(g, c) for g, c in copies if c is not None and _is_copy(c)]
    target = np.any([g.mask for g, _ in real], axis=0) if real else groups[0].mask
    wanted = COUNTS[intent.slots["count"]] - 1
    conflicts = []
    if len(real) != wanted:
        conflicts.append(f"{len(real)} copies appeared, not {wanted}")
    if real and all(_start_conflicts(view, c, intent) for _, c in real):
        conflicts.append(f"what was copied is not {intent.slots['place']}")
    likeness = max((c.likeness for _, c in real), default=0.0)
    return Finding(
        "duplicate",
        dict(intent.slots),
        worst(is_local(view), 1.0 if real else 0.0),
        tuple(conflicts),
        outside(view, np.asarray(target)),
        np.asarray(target),
        {"copies": float(len(real)), "likeness": likeness},
    )


def check_move(view: Comparison, intent: Intent) -> Finding:
    """Check that the named thing left its place and stands at the other one."""
    said = intent.slots
    groups = gather(view, 2)
    if not groups:
        return nothing_found(intent)
    margin = view.settings.place_margin
    arrived = min(groups, key=lambda g: place_gap(g.centre, said["to_place"]) - g.area)
    copy = copy_in(view, arrived)
    left = [
        g
        for g in groups
        if copy is not None
        and np.hypot(g.centre[0] - copy.start[0], g.centre[1] - copy.start[1]) < 0.06
    ]
    conflicts = []
    if place_gap(arrived.centre, said["to_place"]) > margin:
        conflicts.append(f"nothing arrived {said['to_place']}")
    if copy is not None and _start_conflicts(view, copy, intent):
        conflicts.append(f"what moved was not {said['place']}")
    if left and left[0].gap_to(said["colour"]) > view.settings.named_margin:
        conflicts.append(f"what moved is not {said['colour']}")
    target = np.any([g.mask for g in [arrived, *left]], axis=0)
    return Finding(
        "move",
        dict(said) if not conflicts else {**said, "to_place": place_of(*arrived.centre)},
        worst(is_local(view), 1.0 if _is_copy(copy) else 0.0, 1.0 if left else 0.2),
        tuple(conflicts),
        outside(view, np.asarray(target)),
        np.asarray(target),
        {"likeness": copy.likeness if copy else 0.0},
    )


def check_resize(view: Comparison, intent: Intent) -> Finding:
    """Check that the named thing is there at another size."""
    if intent.slots["size"] in ("taller", "shorter"):
        return _check_stretch(view, intent)
    group = pointed_at(view, gather(view, 4), intent.slots)
    if group is None:
        return nothing_found(intent)
    before, after, mask = _half(view.before), _half(view.after), _half_mask(group.mask)
    grew = find_copy(before, after, mask, _GROWING)
    fell = find_copy(after, before, mask, _SHRINKING)
    sizes = {"larger": grew, "smaller": fell}
    said = sizes[intent.slots["size"]]
    other = sizes["smaller" if intent.slots["size"] == "larger" else "larger"]
    likeness = said.likeness if said else 0.0
    against = other.likeness if other else 0.0
    conflicts = named_conflicts(view, group, intent.slots)
    if against > likeness + 0.1:
        conflicts.append("the size changed the other way")
    return Finding(
        "resize",
        dict(intent.slots),
        worst(is_local(view), ramp(likeness, 0.1, 0.35)),
        tuple(conflicts),
        outside(view, group.mask),
        group.mask,
        {"likeness": likeness, "likeness_other_way": against},
    )


def _stretch_of(view: Comparison) -> tuple[float, float] | None:
    """Return (horizontal, vertical) growth of the lower part, by matched features."""
    first, second = (
        np.ascontiguousarray(lab[..., 0] * np.float32(2.55)) for lab in (view.before, view.after)
    )
    start, end = registration.matches(first, second)
    low = start[:, 1] > 0.45 * first.shape[0] if len(start) else np.zeros(0, bool)
    if int(low.sum()) < 12:
        return None
    matrix, kept = cv2.estimateAffine2D(start[low], end[low], ransacReprojThreshold=3.0)
    if matrix is None or kept is None or int(kept.sum()) < 10:
        return None
    return float(matrix[0, 0]), float(matrix[1, 1])


def _check_stretch(view: Comparison, intent: Intent) -> Finding:
    growth = _stretch_of(view)
    if growth is None:
        return Finding("resize", dict(intent.slots), 0.0)
    across, down = growth
    size = "taller" if down > 1 else "shorter"
    conflicts = () if size == intent.slots["size"] else (f"the land is {size}",)
    return Finding(
        "resize",
        {**intent.slots, "size": size},
        worst(ramp(abs(np.log(down)), 0.08, 0.16), ramp(abs(across - 1), 0.12, 0.05)),
        conflicts,
        _stretch_stray(view, down),
        None,
        {"stretch": down},
    )


def _stretch_stray(view: Comparison, growth: float) -> Plane:
    """Return what neither a land stretched from below nor a sky stretched from above explains."""
    height, width = view.pair.shape
    after = blur(view.after, 2.0)
    skies = [(scale, 0.0) for scale in np.linspace(0.5, 1.7, 13)]
    stray = np.full((height, width), np.inf, np.float32)
    for scale, offset in [(growth, height * (1.0 - growth)), *skies]:
        matrix = np.array([[1.0, 0.0, 0.0], [0.0, scale, offset]])
        moved = cv2.warpAffine(view.before, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
        stray = np.minimum(stray, distance(blur(np.asarray(moved, np.float32), 2.0), after))
    return stray
