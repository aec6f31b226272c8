"""Recolour, texture, write and add: something is painted over a part of the picture."""

from __future__ import annotations

import numpy as np

from unicedit_assets.domain.language import Intent
from unicedit_assets.evidence.change import place_gap, place_of
from unicedit_assets.evidence.colours import colour_gap, colour_name, gap_plane
from unicedit_assets.evidence.comparison import Comparison
from unicedit_assets.evidence.finding import Finding, ramp, worst
from unicedit_assets.evidence.lettering import spelling
from unicedit_assets.evidence.pair import Mask, Plane
from unicedit_assets.evidence.regions import Group, gather, named_conflicts, pointed_at
from unicedit_assets.evidence.structure import grown, kept_structure, pattern_of, roughness


def nothing_found(intent: Intent) -> Finding:
    """Return the finding for a picture in which no region changed."""
    return Finding(intent.operation, dict(intent.slots), 0.0, ("no region changed",))


def is_local(view: Comparison) -> float:
    """Return 1 when much of the picture is untouched, 0 when all of it changed."""
    untouched = float((view.difference < 1.5).mean())
    return ramp(untouched, 0.05, 0.25)


def outside(view: Comparison, target: Mask, margin: int = 5) -> Plane:
    """Return the difference outside the target and a margin for soft edges."""
    return np.asarray(np.where(grown(target, margin), 0.0, view.difference), np.float32)


def check_recolor(view: Comparison, intent: Intent) -> Finding:
    """Check that the named region took the named colour and kept its own structure."""
    group = pointed_at(view, gather(view, 3), intent.slots)
    if group is None:
        return nothing_found(intent)
    conflicts = named_conflicts(view, group, intent.slots)
    if colour_gap(group.now, intent.slots["to"]) > view.settings.colour_margin:
        conflicts.append(f"it became {colour_name(group.now)}, not {intent.slots['to']}")
    kept = kept_structure(view.before[..., 0], view.after[..., 0], group.mask)
    calm = ramp(roughness(np.ascontiguousarray(view.after[..., 0]), group.mask), 6.0, 3.0)
    slots = {
        **intent.slots,
        "colour": _measured_colour(view, group.was, intent.slots["colour"]),
        "place": _measured_place(view, group, intent.slots["place"]),
        "to": _measured_colour(view, group.now, intent.slots["to"]),
    }
    return Finding(
        "recolor",
        slots,
        worst(max(ramp(kept, 0.1, 0.4), calm), is_local(view)),
        tuple(conflicts),
        outside(view, group.mask),
        group.mask,
        {"kept_structure": kept},
    )


def _measured_colour(view: Comparison, lab: tuple[float, float, float], said: str) -> str:
    """Return the text's word while the colour is inside its range, else the nearest word."""
    return said if colour_gap(lab, said) <= view.settings.colour_margin / 2 else colour_name(lab)


def _measured_place(view: Comparison, group: Group, said: str) -> str:
    near = place_gap(group.centre, said) <= view.settings.place_margin / 2
    return said if near else place_of(*group.centre)


def check_texture(view: Comparison, intent: Intent) -> Finding:
    """Check that the named region is covered with the named pattern."""
    group = pointed_at(view, gather(view, 4), intent.slots)
    if group is None:
        return nothing_found(intent)
    pattern = pattern_of(np.ascontiguousarray(view.after[..., 0] - view.before[..., 0]), group.mask)
    conflicts = named_conflicts(view, group, intent.slots)
    if pattern.name != intent.slots["pattern"]:
        conflicts.append(f"the pattern is {pattern.name}, not {intent.slots['pattern']}")
    slots = {
        **intent.slots,
        "colour": _measured_colour(view, group.was, intent.slots["colour"]),
        "place": _measured_place(view, group, intent.slots["place"]),
        "pattern": pattern.name,
    }
    return Finding(
        "texture",
        slots,
        worst(ramp(pattern.strength, 0.5, 1.6), is_local(view)),
        tuple(conflicts),
        outside(view, group.mask),
        group.mask,
        {"pattern_strength": pattern.strength, "pattern_share": pattern.share},
    )


def _ink(view: Comparison, colour: str) -> Mask:
    delta = view.after - view.before
    changed = np.sqrt(np.einsum("ijk,ijk->ij", delta, delta)) > 8.0
    return np.asarray(changed & (gap_plane(view.after, colour) < 16.0))


def check_write(view: Comparison, intent: Intent) -> Finding:
    """Check that the named letters stand in the named colour at the named place."""
    said = intent.slots
    ink = _ink(view, said["colour"])
    height = view.pair.shape[0]
    groups = gather(view, max(3, round(0.035 * height)), ink)
    best: tuple[float, Group] | None = None
    for group in groups[:4]:
        score = spelling(_cut(ink, group), said["text"])
        if best is None or score > best[0]:
            best = (score, group)
    if best is None:
        return Finding("write", dict(said), 0.0, (f"there are no {said['colour']} letters",))
    score, group = best
    conflicts = [f'the letters do not read "{said["text"]}"'] if score < 0.6 else []
    if place_gap(group.box_centre, said["place"]) > view.settings.place_margin:
        conflicts.append(f"the letters are not {said['place']}")
    place = said["place"] if not conflicts else place_of(*group.box_centre)
    boxed = _boxed(ink.shape, group)
    return Finding(
        "write",
        {**said, "place": place},
        worst(is_local(view), ramp(score, 0.2, 0.6)),
        tuple(conflicts),
        outside(view, boxed, 7),
        boxed,
        {"spelling": score},
    )


def _cut(mask: Mask, group: Group) -> Mask:
    height, width = mask.shape
    x0, y0, x1, y1 = group.box
    part = group.mask
    return part[round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)]


def _boxed(shape: tuple[int, ...], group: Group) -> Mask:
    height, width = shape[:2]
    x0, y0, x1, y1 = group.box
    mask = np.zeros((height, width), bool)
    mask[round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)] = True
    return mask


def thing_scores(view: Comparison, group: Group) -> dict[str, float]:
    """Return how clearly a group of changed pixels shows each thing that can be added, 0-1."""
    was, now = view.before[group.mask], view.after[group.mask]
    light, chroma = now[:, 0], np.hypot(now[:, 1], now[:, 2])
    red = float(((gap_plane(now, "red") < 20) & (chroma > 12)).mean())
    orange = float((gap_plane(now, "orange") < 12).mean())
    gold = float(((gap_plane(now, "yellow") < 12) & (chroma > 30)).mean())
    fell = float((was[:, 0] - light > 10).mean())
    rose = float(((light - was[:, 0] > 6) & (chroma < 25)).mean())
    pale = float(((light > 60) & (chroma < 25)).mean())
    height, width = view.pair.shape
    slim = group.slimness * height / width
    box = (group.box[2] - group.box[0]) * (group.box[3] - group.box[1]) * height * width
    fill = float(group.mask.sum()) / max(box, 1.0)
    round_ = worst(ramp(fill, 0.4, 0.6), ramp(abs(float(np.log(slim))), 0.6, 0.3))
    tall = worst(ramp(slim, 0.8, 1.05), ramp(fill, 0.25, 0.4))
    return {
        "red_balloon": worst(ramp(red, 0.25, 0.5), tall),
        "hot_air_balloon": worst(ramp(orange + gold, 0.25, 0.5), ramp(gold, 0.04, 0.12), tall),
        "flock_of_birds": worst(ramp(fell, 0.2, 0.4), ramp(fill, 0.6, 0.4), ramp(slim, 1.1, 0.8)),
        "full_moon": worst(ramp(pale, 0.1, 0.25), ramp(rose, 0.5, 0.8), round_),
    }


def check_add(view: Comparison, intent: Intent) -> Finding:
    """Check that the named thing appeared at the named place."""
    said = intent.slots
    groups = gather(view, max(3, round(0.02 * view.pair.shape[1])))
    if not groups:
        return nothing_found(intent)
    margin = view.settings.place_margin

    def cost(group: Group) -> float:
        unlike = 1.0 - thing_scores(view, group)[said["thing"]]
        return place_gap(group.box_centre, said["place"]) / margin + 2.0 * unlike

    group = min(groups[:6], key=cost)
    scores = thing_scores(view, group)
    share = scores[said["thing"]]
    name = said["thing"] if share >= 0.3 else max(scores, key=lambda key: scores[key])
    conflicts = []
    if share < 0.3:
        conflicts.append(f"what appeared does not look like a {said['thing'].replace('_', ' ')}")
    if place_gap(group.box_centre, said["place"]) > margin:
        conflicts.append(f"it is not {said['place']}")
    place = place_of(*group.box_centre) if conflicts else said["place"]
    return Finding(
        "add",
        {"thing": name, "place": place},
        worst(is_local(view), ramp(0.5 - group.area, 0.1, 0.2), ramp(share, 0.1, 0.4)),
        tuple(conflicts),
        outside(view, group.mask, 6),
        group.mask,
        {"thing_share": share},
    )
