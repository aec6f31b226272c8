"""Which edits a person would clearly tell from the one that was asked for."""

from __future__ import annotations

import numpy as np

from unicedit_assets.classical import colours, places
from unicedit_assets.classical.operations.additions import COUNTS
from unicedit_assets.domain.language import Intent

# Effects that look too much alike to count as misunderstandings of each other.
_ALIKE = (
    {("tone", "dark"), ("scenario", "night"), ("tone", "high_contrast")},
    {("tone", "cool"), ("scenario", "night")},
    {("tone", "faded"), ("scenario", "fog"), ("tone", "bright"), ("scenario", "snow")},
    {("tone", "sepia"), ("scenario", "aged"), ("tone", "warm")},
    {("tone", "vivid"), ("tone", "high_contrast"), ("tone", "warm")},
    {("style", "oil_painting"), ("style", "cartoon")},
    {("resize", "smaller"), ("remove", "")},
    {("tone", "black_and_white"), ("tone", "sepia"), ("tone", "faded"), ("scenario", "aged")},
)
_EFFECT_SLOT = {"tone": "tone", "style": "style", "scenario": "scenario", "resize": "size"}
_CUTS = {"background", "extract", "extract_named"}
_COLOURS_APART = 60.0


def _effect(intent: Intent) -> tuple[str, str]:
    slot = _EFFECT_SLOT.get(intent.operation, "")
    return intent.operation, intent.slots.get(slot, "")


def _same_target(one: Intent, other: Intent) -> bool:
    return all(one.slots.get(s) == other.slots.get(s) for s in ("colour", "kind", "place"))


def _colours_apart(one: str, other: str) -> bool:
    apart = colours.distance(colours.prototype_lab(one), colours.prototype_lab(other))
    return float(apart) >= _COLOURS_APART


def clearly_other(asked: Intent, done: Intent) -> bool:
    """Tell whether a person would see that ``done`` is not what ``asked`` says."""
    pair = {_effect(asked), _effect(done)}
    if any(len(pair) == 2 and pair <= alike for alike in _ALIKE):
        return False
    if asked.operation in _CUTS and done.operation in _CUTS:
        return asked.operation == done.operation == "background" and asked.slots != done.slots
    if asked.operation != done.operation:
        return {asked.operation, done.operation} != {"mirror", "perspective"}
    return _parameters_differ(asked, done)


def _parameters_differ(asked: Intent, done: Intent) -> bool:
    a, b = asked.slots, done.slots
    match asked.operation:
        case "zoom":
            far = places.distance(a["place"], b["place"]) >= 2
            differ = far or float(b["factor"]) / float(a["factor"]) > 1.6
        case "roll":
            differ = a["turn"] != b["turn"]
        case "recolor":
            differ = not _same_target(asked, done) or _colours_apart(a["to"], b["to"])
        case "write":
            differ = a["place"] != b["place"] or _colours_apart(a["colour"], b["colour"])
        case "duplicate":
            differ = not _same_target(asked, done)
        case "populate":
            differ = a["things"] != b["things"] or abs(COUNTS[a["count"]] - COUNTS[b["count"]]) > 1
        case "add":
            differ = a["thing"] != b["thing"] or places.distance(a["place"], b["place"]) >= 2
        case "move":
            elsewhere = places.distance(a["to_place"], b["to_place"]) >= 2
            differ = not _same_target(asked, done) or elsewhere
        case _:
            differ = dict(a) != dict(b)
    return differ


def omissions(compound: Intent, draw: np.random.Generator) -> list[Intent]:
    """Return the steps of a compound alone, in drawn order: half of what was asked."""
    return [compound.steps[int(index)] for index in draw.permutation(len(compound.steps))]
