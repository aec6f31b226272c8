"""Recolour, texture, write and add: something is painted over a part of the picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from unicedit_assets.domain.language import Intent
from unicedit_assets.evidence.change import PLACES, place_gap, place_of
from unicedit_assets.evidence.colours import colour_gap, colour_name, gap_plane
from unicedit_assets.evidence.comparison import Comparison
from unicedit_assets.evidence.finding import Finding, ramp, worst
from unicedit_assets.evidence.lettering import spelling
from unicedit_assets.evidence.pair import Mask, Plane
from unicedit_assets.evidence.regions import Group, gather, named_conflicts, pointed_at
from unicedit_assets.evidence.structure import (
    Pattern,
    grown,
    kept_structure,
    pattern_of,
    roughness,
)


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
    calm = ramp(roughness(np.ascontiguousarray(view.after[..., 0]), group.mask), 9.0, 6.0)
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


def _pattern(view: Comparison, mask: Mask, said: str) -> Pattern:
    """Name the pattern in a mask; what lay under it may show in the picture or in the change."""
    after = np.ascontiguousarray(view.after[..., 0])
    options = [pattern_of(plane, mask) for plane in (after - view.before[..., 0], after)]
    shown = next((option for option in options if option.may_be(said)), None)
    return options[0] if shown is None else replace(shown, name=said)


def check_texture(view: Comparison, intent: Intent) -> Finding:
    """Check that the named region is covered with the named pattern."""
    group = pointed_at(view, gather(view, 4), intent.slots)
    if group is None:
        return nothing_found(intent)
    pattern = _pattern(view, group.mask, intent.slots["pattern"])
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


@dataclass(frozen=True)
class _Lettering:
    """The block of pixels that spells a text best, and how well it does (0-1)."""

    score: float
    group: Group


def _window(shape: tuple[int, int], place: str) -> Mask:
    """Return the named cell with a wide margin."""
    height, width = shape
    y, x = (np.arange(size) + 0.5 for size in shape)
    row, column = next((i, cells.index(place)) for i, cells in enumerate(PLACES) if place in cells)
    rows = (y / height > row / 3 - 0.1) & (y / height < (row + 1) / 3 + 0.1)
    columns = (x / width > column / 3 - 0.2) & (x / width < (column + 1) / 3 + 0.2)
    return np.asarray(rows[:, None] & columns[None])


def _ink_masks(view: Comparison, said: Mapping[str, str]) -> Iterator[Mask]:
    """Yield masks of what could be the letters' ink: flat paint of the named colour.

    Letters are one flat colour, so the commonest exact shades at the named place come first.
    """
    delta = view.after - view.before
    changed = np.sqrt(np.einsum("ijk,ijk->ij", delta, delta)) > 8.0
    paint = changed & (gap_plane(view.after, said["colour"]) < 16.0)
    yield np.asarray(paint)
    near = paint & _window(view.pair.shape, said["place"])
    if not near.any():
        return
    shades, counts = np.unique(np.round(view.after[near] / 3.0), axis=0, return_counts=True)
    for shade in shades[np.argsort(-counts, kind="stable")[:4]]:
        gap = view.after - shade * np.float32(3.0)
        distance = np.sqrt(np.einsum("ijk,ijk->ij", gap, gap))
        for reach in (7.0, 14.0):
            yield np.asarray(near & (distance < reach))


def _best_lettering(view: Comparison, said: Mapping[str, str]) -> _Lettering | None:
    best: _Lettering | None = None
    for ink in _ink_masks(view, said):
        for group in gather(view, max(3, round(0.035 * view.pair.shape[0])), ink)[:3]:
            score = spelling(_cut(ink, group), said["text"])
            if best is None or score > best.score:
                best = _Lettering(score, group)
        if best is not None and best.score >= 0.75:
            break
    return best


def check_write(view: Comparison, intent: Intent) -> Finding:
    """Check that the named letters stand in the named colour at the named place."""
    said = intent.slots
    best = _best_lettering(view, said)
    if best is None:
        return Finding("write", dict(said), 0.0, (f"there are no {said['colour']} letters",))
    conflicts = [f'the letters do not read "{said["text"]}"'] if best.score < 0.6 else []
    centre = best.group.box_centre
    if place_gap(centre, said["place"]) > view.settings.place_margin:
        conflicts.append(f"the letters are not {said['place']}")
    place = said["place"] if not conflicts else place_of(*centre)
    boxed = _boxed(view.pair.shape, best.group)
    return Finding(
        "write",
        {**said, "place": place},
        worst(is_local(view), ramp(best.score, 0.2, 0.6)),
        tuple(conflicts),
        outside(view, boxed, 7),
        boxed,
        {"spelling": best.score},
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
    rose = float((light - was[:, 0] > 5).mean())
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


def _paint_of(view: Comparison, thing: str) -> Mask:
    """Return the changed pixels in the colours that a thing is drawn in; all for other things."""
    changed = view.changes.mask
    chroma = np.hypot(view.after[..., 1], view.after[..., 2])
    if thing == "red_balloon":
        return np.asarray(changed & (gap_plane(view.after, "red") < 20) & (chroma > 22))
    if thing == "hot_air_balloon":
        near = np.minimum(gap_plane(view.after, "orange"), gap_plane(view.after, "yellow"))
        return np.asarray(changed & (near < 14) & (chroma > 25))
    return changed


def _candidates(view: Comparison, thing: str) -> tuple[Group, ...]:
    """Return groups that could be the thing: by nearness, and by its paint where changes touch."""
    reach = max(3, round(0.02 * view.pair.shape[1]))
    apart = gather(view, 2, _paint_of(view, thing))
    return (*gather(view, reach)[:6], *gather(view, 1)[:8], *apart[:8])


def _recurs(view: Comparison, thing: str, group: Group) -> bool:
    """Tell whether the thing shows clearly somewhere else as well."""
    paint = _paint_of(view, thing)
    if paint is view.changes.mask:
        return False
    others = gather(view, 2, paint & ~grown(group.mask, 8))
    return any(
        other.area > 0.4 * group.area and thing_scores(view, other)[thing] >= 0.9
        for other in others[:4]
    )


def check_add(view: Comparison, intent: Intent) -> Finding:
    """Check that the named thing appeared at the named place."""
    said = intent.slots
    thing, margin = said["thing"], view.settings.place_margin
    groups = _candidates(view, thing)
    if not groups:
        return nothing_found(intent)

    def cost(group: Group) -> float:
        unlike = 1.0 - thing_scores(view, group)[thing]
        return place_gap(group.box_centre, said["place"]) / margin + 2.0 * unlike

    group = min(groups, key=cost)
    scores = thing_scores(view, group)
    share = scores[thing]
    name = thing if share >= 0.3 else max(scores, key=lambda key: scores[key])
    conflicts = []
    if share < 0.3:
        conflicts.append(f"what appeared does not look like a {thing.replace('_', ' ')}")
    if _recurs(view, thing, group):
        conflicts.append("more than one appeared")
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


_SINGULAR = {"red_balloons": "red_balloon", "hot_air_balloons": "hot_air_balloon"}
_COUNTS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}


def _distinct(groups: Sequence[Group]) -> list[Group]:
    """Return the groups that do not overlap an earlier one."""
    kept: list[Group] = []
    for group in groups:
        if not any((group.mask & other.mask).any() for other in kept):
            kept.append(group)
    return kept


def check_populate(view: Comparison, intent: Intent) -> Finding:
    """Check that exactly as many things as the text says appeared."""
    said = intent.slots
    thing = _SINGULAR[said["things"]]
    groups = [*gather(view, 1), *gather(view, 2, _paint_of(view, thing))]
    real = _distinct([group for group in groups if thing_scores(view, group)[thing] >= 0.3])
    if not real:
        return nothing_found(intent)
    count = len(real)
    word = next((name for name, number in _COUNTS.items() if number == count), said["count"])
    conflicts = () if word == said["count"] else (f"{count} appeared, not {said['count']}",)
    target = np.logical_or.reduce([group.mask for group in real])
    return Finding(
        "populate",
        {**said, "count": word},
        is_local(view),
        conflicts,
        outside(view, target, 6),
        target,
        {"things": float(count)},
    )
