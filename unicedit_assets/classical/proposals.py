"""Which intents make sense for a photograph, by rule; each still has to pass a trial."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import numpy as np

from unicedit_assets.classical import colours, masks
from unicedit_assets.classical.operations import additions, backdrop, objects, style, tone, writing
from unicedit_assets.classical.operations.texture import PATTERNS
from unicedit_assets.classical.places import PLACES, distance, place_row
from unicedit_assets.classical.regions import Region
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.language import COMPOUND, Intent

VIVID = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
TEXTS = (
    "HELLO",
    "SUMMER",
    "EXPLORE",
    "Good Morning",
    "JOURNAL",
    "OPEN DAY",
    "Day 42",
    "NORTH",
    "Dream Big",
    "VOL. 7",
)
_SURE = 0.02
# Mean edge strength inside a region (Lab units a pixel) up to which it is a surface.
_CALM = 4.0
_HIGH = ("top", "upper_left", "upper_right")
_AIRY = (*_HIGH, "left", "right", "center")
# Colours too close to a region's own for the change to be beyond doubt.
_NEIGHBOURS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "red": ("red", "pink", "orange"),
        "orange": ("orange", "yellow", "red"),
        "yellow": ("yellow", "orange"),
        "green": ("green", "cyan"),
        "cyan": ("cyan", "blue", "green"),
        "blue": ("blue", "cyan", "purple"),
        "purple": ("purple", "pink", "blue"),
        "pink": ("pink", "red", "purple"),
        "brown": ("orange", "yellow", "red"),
    }
)

Proposer = Callable[[Scene], Iterator[Intent]]


def named(region: Region) -> dict[str, str]:
    """Return the slots that name a region."""
    return {"colour": region.colour, "kind": region.kind, "place": region.place}


def _sure(regions: tuple[Region, ...], least: float) -> list[Region]:
    return [r for r in regions if r.share >= least and r.margin >= _SURE]


def _paintable(scene: Scene) -> list[Region]:
    sky = () if scene.sky is None else (scene.sky,)
    areas = [r for r in _sure(scene.areas, 0.02) if r.purity >= 0.55]
    return [*areas, *_sure(scene.objects, 0.002), *_sure(sky, 0.1)]


def tones(scene: Scene) -> Iterator[Intent]:
    """Every tone; the trial drops those that the photograph already has."""
    yield from (Intent("tone", {"tone": word}) for word in tone.TONES)


def styles(scene: Scene) -> Iterator[Intent]:
    """Every style."""
    yield from (Intent("style", {"style": word}) for word in style.STYLES)


def zooms(scene: Scene) -> Iterator[Intent]:
    """Zooms onto each place."""
    for factor in ("1.5", "2", "2.5"):
        yield from (Intent("zoom", {"factor": factor, "place": place}) for place in PLACES)


def viewpoints(scene: Scene) -> Iterator[Intent]:
    """Camera moves and turns."""
    yield from (Intent("perspective", {"side": s}) for s in ("left", "right", "above", "below"))
    for degrees in ("6", "10", "15"):
        for turn in ("clockwise", "counterclockwise"):
            yield Intent("roll", {"degrees": degrees, "turn": turn})


def recolours(scene: Scene) -> Iterator[Intent]:
    """Clearly other colours for each nameable region."""
    for region in _paintable(scene):
        for word in VIVID:
            apart = float(colours.distance(region.lab, colours.prototype_lab(word)))
            if apart >= 40 and word not in _NEIGHBOURS.get(region.colour, (region.colour,)):
                yield Intent("recolor", {**named(region), "to": word})


def textures(scene: Scene) -> Iterator[Intent]:
    """Patterns for regions large enough to show them."""
    for region in _paintable(scene):
        if region.share >= 0.03 and region.spread < 22 and _calm(scene, region):
            yield from (Intent("texture", {**named(region), "pattern": p}) for p in PATTERNS)


def _calm(scene: Scene, region: Region) -> bool:
    """Tell whether a region is a surface that a pattern could lie on, not foliage or rubble."""
    inner = masks.shrunk(region.mask, 3)
    if not inner.any():
        return False
    return float(colours.edge_strength(scene.lab)[inner].mean()) < _CALM


def writings(scene: Scene) -> Iterator[Intent]:
    """Texts where letters stand out from the ground."""
    turn = int(scene.lab[..., 0].sum()) % len(TEXTS)
    for index, place in enumerate(PLACES):
        text = TEXTS[(turn + 3 * index) % len(TEXTS)]
        box = writing.lettering_box(text, place, scene.width, scene.height)
        for colour in (*VIVID[:6], "pink", "white", "black"):
            if writing.legibility(scene, box, colour) >= 50:
                yield Intent("write", {"text": text, "colour": colour, "place": place})


def backdrops(scene: Scene) -> Iterator[Intent]:
    """Backgrounds that suit the light on what is kept."""
    if scene.subject is not None:
        for word in ("white_studio", "blurred", "sunset", "clear_blue"):
            yield Intent("background", {"kind": scene.subject.kind, "backdrop": word})
    if scene.landscape is not None:
        light = float(scene.landscape.lab[0])
        fits = {
            "starry_night": light < 30,
            "sunset": light < 55,
            "clear_blue": light > 32,
            "overcast": 25 < light < 68,
        }
        for word in (word for word, fit in fits.items() if fit):
            yield Intent("background", {"kind": "landscape", "backdrop": word})


def extractions(scene: Scene) -> Iterator[Intent]:
    """Cutouts onto plain grounds that differ from them."""
    for region in (scene.subject, scene.landscape):
        if region is not None:
            for ground in _other_grounds(region):
                yield Intent("extract", {"kind": region.kind, "ground": ground})
    compact = [r for r in _sure(scene.areas, 0.02) if _is_thing(r)]
    for region in [*_sure(scene.objects, 0.004), *compact]:
        for ground in _other_grounds(region):
            yield Intent("extract_named", {**named(region), "ground": ground})


def _is_thing(area: Region) -> bool:
    """Tell whether an area is as whole and free-standing as a thing."""
    free = masks.border_share(area.mask) == 0
    return free and area.share < 0.4 and area.purity >= 0.6 and masks.solidity(area.mask) > 0.8


def _other_grounds(region: Region) -> list[str]:
    return [
        word
        for word, rgb in backdrop.GROUNDS.items()
        if colours.distance(region.lab, colours.to_lab(np.array([[rgb]], np.uint8))[0, 0]) > 32
    ]


def _things(scene: Scene, least: float) -> list[Region]:
    """Return what can be taken by itself: objects, and a main subject that is not too large."""
    subject = () if scene.subject is None else (scene.subject,)
    whole = [r for r in _sure(subject, 0.01) if r.share < 0.25 and not _reaches_border(r)]
    free = [
        o for o in _sure(scene.objects, least) if not any((o.mask & s.mask).any() for s in whole)
    ]
    return [*whole, *free]


def _reaches_border(region: Region) -> bool:
    return masks.border_share(region.mask) > 0


def removals(scene: Scene) -> Iterator[Intent]:
    """Things that stand by themselves."""
    yield from (Intent("remove", named(r)) for r in _things(scene, 0.0025))


def duplicates(scene: Scene) -> Iterator[Intent]:
    """Objects with room for copies beside them."""
    for region in _things(scene, 0.0025):
        room = len(objects.companions(scene, region, 2))
        for count, copies in objects.COPIES.items():
            if room >= copies:
                yield Intent("duplicate", {**named(region), "count": count})


def populations(scene: Scene) -> Iterator[Intent]:
    """Numbers of drawn things for which there is free room."""
    for things, thing in additions.PLURALS.items():
        spots = [
            s
            for s in additions.spots_for(scene, thing, 5)
            if _suits(scene, thing, s.lab, high=True)
        ]
        for count, number in additions.COUNTS.items():
            if number <= len(spots):
                yield Intent("populate", {"things": things, "count": count})


def countings(scene: Scene) -> Iterator[Intent]:
    """Copies of what is there, and numbers of what is not."""
    yield from duplicates(scene)
    yield from populations(scene)


def resizes(scene: Scene) -> Iterator[Intent]:
    """Objects that can grow or shrink, and landscapes that can rise."""
    for region in _things(scene, 0.0025):
        yield from (Intent("resize", {**named(region), "size": size}) for size in objects.SCALES)
    if scene.landscape is not None and objects.can_stretch(scene.landscape):
        yield from (
            Intent("resize", {**named(scene.landscape), "size": size}) for size in objects.STRETCH
        )


def moves(scene: Scene) -> Iterator[Intent]:
    """Things with a fitting spot at their own height, and the mirrored scene."""
    for region in _things(scene, 0.0025):
        for place in PLACES:
            level = place_row(place) == place_row(region.place)
            if (
                level
                and place != region.place
                and objects.landing(scene, region, place) is not None
            ):
                yield Intent("move", {**named(region), "to_place": place})
    yield Intent("mirror")


def additions_of(scene: Scene) -> Iterator[Intent]:
    """Things where there is free room of a fitting lightness."""
    for thing in additions.THINGS:
        for place, spot in additions.places_for(scene, thing).items():
            even = spot.unevenness <= additions.FREE_UNEVENNESS
            if even and place in _AIRY and _suits(scene, thing, spot.lab, place in _HIGH):
                yield Intent("add", {"thing": thing, "place": place})


def _suits(scene: Scene, thing: str, ground: colours.Floats, high: bool) -> bool:
    """Tell whether a thing would look right, and be seen, before a ground of that colour."""
    light, sky = float(ground[0]), scene.sky_mask is not None
    match thing:
        case "full_moon":
            return high and light < 55 and (sky or _dark_above(scene))
        case "red_balloon":
            red = float(colours.distance(ground, colours.prototype_lab("red")))
            return red > 40 and (sky or light > 12)
        case _:
            return high and sky and light > 40


def _dark_above(scene: Scene) -> bool:
    """Tell whether the upper part is as dark and even as a night sky."""
    upper = scene.lab[: scene.lab.shape[0] // 3]
    return bool(upper[..., 0].mean() < 25 and upper[..., 0].std() < 7)


def scenarios(scene: Scene) -> Iterator[Intent]:
    """Circumstances that would show: weather under a sky, night by day, age on any photograph."""
    light, sky = float(scene.lab[..., 0].mean()), scene.sky_mask is not None
    fits = {
        "fog": sky and light < 80,
        "night": light > 32,
        "snow": sky and light < 72,
        "aged": True,
    }
    yield from (Intent("scenario", {"scenario": word}) for word, fit in fits.items() if fit)


PROPOSERS: Mapping[str, Proposer] = MappingProxyType(
    {
        "Tone Transformation": tones,
        "Style Transfer": styles,
        "Lens Zooming": zooms,
        "Viewpoint Transformation": viewpoints,
        "Color Alteration": recolours,
        "Texture Editing": textures,
        "Text Modification": writings,
        "Background Change": backdrops,
        "Object Extraction": extractions,
        "Subject Removal": removals,
        "Counting Change": countings,
        "Shape-Size Alteration": resizes,
        "Spatial Reasoning Edits": moves,
        "Subject Addition": additions_of,
        "Implicit Change Edits": scenarios,
    }
)

# First step's operation -> operations that may follow it without hiding it.
FOLLOWERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "recolor": ("write", "add", "zoom"),
        "texture": ("write", "tone"),
        "remove": ("tone", "write"),
        "add": ("tone", "write"),
        "tone": ("zoom", "write"),
        "zoom": ("tone",),
    }
)
_KEEPS_COLOURS = ("bright", "dark", "high_contrast", "vivid")


def compounds(found: Mapping[str, list[Intent]]) -> Iterator[Intent]:
    """Pairs of different steps out of the intents that passed their trial."""
    singles = [intent for intents in found.values() for intent in intents]
    for first in singles:
        for second in singles:
            if second.operation in FOLLOWERS.get(first.operation, ()) and _together(first, second):
                yield Intent(COMPOUND, {}, (first, second))


def _together(first: Intent, second: Intent) -> bool:
    """Tell whether both steps can be seen in the result."""
    a, b = first.slots, second.slots
    if second.operation == "tone":
        return first.operation == "zoom" or b["tone"] in _KEEPS_COLOURS
    if "place" not in a or "place" not in b:
        return True
    if second.operation == "zoom":
        return a["place"] == b["place"] and float(b["factor"]) <= 2
    return distance(a["place"], b["place"]) >= 1 and a.get("to") != b.get("colour")
