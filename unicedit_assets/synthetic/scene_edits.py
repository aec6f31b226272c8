"""The operations of Scene Editing and Reasoning Editing, on the scene graph."""

from __future__ import annotations

from dataclasses import replace

from unicedit_assets.synthetic import words
from unicedit_assets.synthetic.compose import PLAIN_BACKDROPS, UPRIGHT, Draw, width_of
from unicedit_assets.synthetic.edit import Edit
from unicedit_assets.synthetic.object_edits import growing, others_of, resized, without
from unicedit_assets.synthetic.scene import Camera, Item, Scene, refer

_SIDES = {"the left": "left", "the right": "right", "above": "above"}
Points = tuple[tuple[str, str], ...]


def _point(english: str, chinese: str) -> tuple[str, str]:
    return english, chinese


def _backdrops(draw: Draw) -> tuple[str, ...]:
    return PLAIN_BACKDROPS if draw.plain else without(tuple(words.BACKDROPS), "photograph")


def background(draw: Draw) -> Edit:
    """Put the objects somewhere else."""
    before = draw.scene()
    value = draw.pick(_backdrops(draw), before.backdrop)
    after = replace(before, backdrop=value, look=draw.number(0, 9999))
    return Edit(
        *(before, after, {"operation": "background", "attribute": value}),
        {"attribute": without(_backdrops(draw), value, before.backdrop)},
        differences=(f"the background changed to {words.article(value)}",),
        touched=frozenset(range(len(after.items))),
    )


def style(draw: Draw) -> Edit:
    """Redraw the picture in a style."""
    before, value = draw.scene(), draw.pick(tuple(words.STYLES))
    return Edit(
        *(before, replace(before, style=value), {"operation": "style", "attribute": value}),
        {"attribute": without(tuple(words.STYLES), value)},
        differences=(f"the picture became {words.article(value)}",),
    )


def tone(draw: Draw) -> Edit:
    """Shift the picture's colours or brightness."""
    before, value = draw.scene(), draw.pick(tuple(words.TONES))
    after = replace(before, tone=value, tone_strength=draw.strength)
    return Edit(
        *(before, after, {"operation": "tone", "attribute": value}),
        {"attribute": without(tuple(words.TONES), value)},
        differences=(f"the tone of the picture became {value}",),
    )


def viewpoint(draw: Draw) -> Edit:
    """Look from another side."""
    before, value = draw.scene(), draw.pick(tuple(_SIDES))
    after = replace(before, camera=Camera(side=_SIDES[value], angle=draw.strength))
    return Edit(
        *(before, after, {"operation": "viewpoint", "direction": value}),
        {"direction": without(tuple(_SIDES), value)},
        differences=(f"the scene is seen from {value}",),
    )


def zoom(draw: Draw) -> Edit:
    """Zoom in on an object, or out from it."""
    scene = draw.scene()
    index = draw.number(0, len(scene.items) - 1)
    item, direction = scene.items[index], draw.pick(("in", "out"))
    most = min(0.9 / max(item.size, width_of(item)), 2.2)
    factor = 1 + max(most - 1, 0.15) * draw.strength
    near = replace(scene, camera=_towards(item, factor))
    before, after = (scene, near) if direction == "in" else (near, scene)
    name = refer(scene, index)
    return Edit(
        *(before, after, {"operation": "zoom", "target": name, "direction": direction}),
        {"direction": ("out" if direction == "in" else "in",)},
        differences=(f"the view zoomed {direction} on the {name}",),
    )


def _towards(item: Item, factor: float) -> Camera:
    """Return a camera that brings an item as near to the middle as the picture's edges allow."""
    middle = (item.x, item.y - item.size / 2)
    still = ((at * factor - 0.5) / max(factor - 1, 1e-3) for at in middle)
    x, y = (round(min(max(at, 0.0), 1.0), 4) for at in still)
    return Camera(round(factor, 4), x, y)


def _two(draw: Draw) -> Scene:
    return draw.scene(least=2)


def spatial(draw: Draw) -> Edit:
    """Move an object to the other side of another one."""
    scene = _two(draw)
    mover, anchor = scene.items[0], scene.items[1]
    direction = draw.pick(("left", "right"))
    scene = replace(scene, items=scene.items[:2])
    wide = max(width_of(mover), 0.2)
    middle = round(draw.between(0.46, 0.54), 4)
    reach = width_of(anchor) / 2 + wide / 2 + 0.02
    near, far = max(middle - reach, wide / 2), min(middle + reach, 1 - wide / 2)
    start, end = (far, near) if direction == "left" else (near, far)
    before = scene.put(1, x=middle).put(0, x=round(start, 4))
    after = before.put(0, x=round(end, 4))
    name, other = refer(before, 0), refer(before, 1)
    side = words.DIRECTIONS[direction]
    opposite = "right" if direction == "left" else "left"
    return Edit(
        *(before, after),
        {"operation": "move", "target": name, "direction": direction, "attribute": other},
        {"direction": (opposite,)},
        others=(other,),
        misread={"operation": "move", "target": other, "direction": direction, "attribute": name},
        differences=(f"the {name} moved to the {direction} of the {other}",),
        points=(
            _point(
                f"The {name} is to the {direction} of the {other}.",
                f"{words.chinese(name)}在{words.chinese(other)}的{side}。",
            ),
            _point(f"The {other} stays where it was.", f"{words.chinese(other)}保持原位。"),
        ),
        touched=frozenset({0, 1}),
    )


def relation(draw: Draw) -> Edit:
    """Put an object on, in front of or behind another one."""
    scene = draw.empty()
    bases = ("box", "table", "house", "book", "tree", "boat", "cup")
    base_name = draw.pick([name for name in draw.classes if name in bases])
    small = [name for name in draw.classes if name not in (*bases, "car")] or ["mushroom"]
    name = draw.pick(small)
    colour = draw.colour(scene.backdrop)
    on_top = base_name in ("box", "table", "book")
    direction = draw.pick(
        ("on top of", "in front of", "behind") if on_top else ("in front of", "behind")
    )
    left = draw.chance(0.5)
    tall = 0.36 if base_name in ("box", "book", "cup", "boat") else 0.42
    tall = 0.28 if base_name == "table" else tall
    base = Item(base_name, colour, 0.32 if left else 0.68, 0.9, tall)
    size = draw.between(0.27, 0.3)
    item = Item(name, draw.colour(scene.backdrop, colour), 0.82 if left else 0.18, 0.9, size)
    before = replace(scene, items=(item, base))
    if draw.crowded:
        third = draw.pick(draw.classes, name, base_name)
        spare = Item(third, draw.colour(scene.backdrop), 0.86 if left else 0.14, 0.62, 0.22)
        before = before.with_items(replace(spare, depth=2))
    after = before.put(0, **_beside(item, base, direction))
    target, other = item.phrase, base.phrase
    where = words.DIRECTIONS[direction]
    return Edit(
        *(before, after),
        {"operation": "relate", "target": target, "direction": direction, "attribute": other},
        {"direction": without(("on top of", "in front of", "behind"), direction)},
        others=tuple(it.phrase for it in before.items[2:]),
        differences=(f"the {target} is now {direction} the {other}",),
        points=(
            _point(
                f"The {target} is {direction} the {other}.",
                f"{words.chinese(target)}在{words.chinese(other)}的{where}。",
            ),
            _point(f"The {other} stays where it was.", f"{words.chinese(other)}保持原位。"),
        ),
        touched=frozenset({0, 1}),
    )


def _beside(item: Item, base: Item, direction: str) -> dict[str, object]:
    if direction == "on top of":
        inset = {"box": 0.88, "table": 0.92, "book": 0.99}[base.name]
        return {"x": base.x, "y": round(base.y - base.size * inset, 4), "depth": -1}
    if direction == "in front of":
        return {"x": base.x, "y": 0.98, "depth": -1}
    # Half hidden, on the side it came from, its foot a little farther up the ground.
    half = width_of(base) / 2 * (1 if item.x > base.x else -1)
    return {"x": round(base.x + half, 4), "y": round(base.y - 0.05, 4), "depth": 1}


def coordination(draw: Draw) -> Edit:
    """Swap two objects, or change both in the same way."""
    before = _two(draw)
    first, second = (refer(before, i) for i in (0, 1))
    names = words.chinese(first), words.chinese(second)
    if draw.chance(0.5) or before.items[0].name == before.items[1].name:
        a, b = before.items[:2]
        after = before.put(0, x=b.x).put(1, x=a.x)
        points: Points = (
            _point(
                f"The {first} is where the {second} was.", f"{names[0]}在{names[1]}原来的位置。"
            ),
            _point(
                f"The {second} is where the {first} was.", f"{names[1]}在{names[0]}原来的位置。"
            ),
        )
        rest = others_of(before, 0, 1)
        slots = {"operation": "swap", "target": first, "attribute": second}
        wrong: dict[str, tuple[str, ...]] = (
            {"attribute": rest} if rest else {"operation": ("replace",)}
        )
        what: tuple[str, ...] = (f"the {first} and the {second} swapped places",)
    else:
        taken = [item.colour for item in before.items]
        values = without(draw.colours, *taken)
        value = draw.pick(values)
        after = before.put(0, colour=value).put(1, colour=value)
        colour = words.chinese(value)
        points = (
            _point(f"The {first} is now {value}.", f"{names[0]}现在是{colour}。"),
            _point(f"The {second} is now {value}.", f"{names[1]}现在是{colour}。"),
        )
        slots = {
            "operation": "recolour both",
            "target": f"{first} and {second}",
            "attribute": value,
        }
        wrong = {"attribute": without(values, value)}
        what = (f"the {first} became {value}", f"the {second} became {value}")
    return Edit(
        *(before, after, slots, wrong),
        differences=what,
        points=points,
        touched=frozenset({0, 1}),
    )


def compound(draw: Draw) -> Edit:
    """Do two things at once."""
    before = _two(draw)
    index = draw.number(0, 1)
    if draw.chance(0.5):
        return _remove_and_change_background(draw, before, index)
    return _recolour_and_resize(draw, before, index)


def _remove_and_change_background(draw: Draw, before: Scene, index: int) -> Edit:
    name = refer(before, index)
    values = without(_backdrops(draw), before.backdrop)
    value = draw.pick(values)
    after = replace(before.without(index), backdrop=value, look=draw.number(0, 9999))
    ground = words.article(value)
    return Edit(
        *(before, after),
        {"operation": "remove and background", "target": name, "attribute": value},
        {"attribute": without(values, value)},
        others=others_of(before, index),
        differences=(f"the {name} disappeared", f"the background changed to {ground}"),
        points=(
            _point(f"The {name} is gone.", f"{words.chinese(name)}不见了。"),
            _point(f"The background is {ground}.", f"背景是{words.chinese(value)}。"),
        ),
    )


def _recolour_and_resize(draw: Draw, before: Scene, index: int) -> Edit:
    item, name = before.items[index], refer(before, index)
    direction = draw.pick([d for d in growing(before, index) if d in ("larger", "smaller")])
    values = without(draw.colours, *(it.colour for it in before.items))
    value = draw.pick(values)
    after = resized(before.put(index, colour=value, depth=-1), index, direction, draw.strength)
    opposite = "smaller" if direction == "larger" else "larger"
    slots = {"operation": "recolour and resize", "target": name, "attribute": value}
    thing, colour, size = (words.chinese(word) for word in (name, value, direction))
    return Edit(
        *(before.put(index, depth=-1), after),
        {**slots, "direction": direction},
        {"attribute": without(values, value), "direction": (opposite,)},
        others=others_of(before, index),
        differences=(
            f"the {name} changed from {item.colour} to {value}",
            f"the {name} became {direction}",
        ),
        points=(
            _point(f"The {name} is now {value}.", f"{thing}现在是{colour}。"),
            _point(f"The {name} is {direction} than before.", f"{thing}比之前{size}。"),
        ),
        touched=frozenset({index}),
    )


# Where no weather comes, and where it is night already.
_INDOORS = ("room", "studio", "starry sky")
_EVENT_POINTS = {
    "it rains": ("Streaks of rain fall and the light is dull.", "有雨丝落下,光线变暗。"),
    "it snows": ("Snowflakes fall over the whole picture.", "整个画面飘着雪花。"),
    "night falls": ("The scene is dark and bluish.", "场景变暗并偏蓝。"),
    "fog rolls in": ("Distant things are pale and hard to see.", "远处的物体变得灰白模糊。"),
    "the sun sets": ("The light is orange and low.", "光线变为橙色。"),
}
_EFFECT_POINTS = {
    "knocked over": ("The {0} lies on its side.", "{0}侧倒在地。"),
    "switched on": ("The {0} gives light.", "{0}发出光亮。"),
    "blown away": ("The {0} is no longer there.", "{0}不在原处了。"),
    "turned upside down": ("The {0} stands on its head.", "{0}上下颠倒。"),
}


def implicit(draw: Draw) -> Edit:
    """Show what a cause leads to."""
    if draw.chance(0.5):
        return _event(draw)
    light = "lamp" in draw.classes and draw.chance(0.3)
    before = draw.scene(within=("lamp",) if light else UPRIGHT)
    before = before.put(0, texture="")
    if light:
        effect = "switched on"
    else:
        effect = draw.pick(("knocked over", "blown away", "turned upside down"))
    changes: dict[str, dict[str, object]] = {
        "knocked over": {"turn": 90.0},
        "switched on": {"lit": True},
        "turned upside down": {"turn": 180.0},
    }
    gone = effect == "blown away"
    after = before.without(0) if gone else before.put(0, **changes[effect])
    name = refer(before, 0)
    english, chinese = _EFFECT_POINTS[effect]
    return Edit(
        *(before, after, {"operation": "happen", "target": name, "attribute": effect}),
        {"attribute": without(tuple(words.EFFECTS), effect)},
        others=others_of(
            before, 0, where=lambda item: gone or (item.name in UPRIGHT and not light)
        ),
        differences=(f"the {name} was {effect}",),
        points=(_point(english.format(name), chinese.format(words.chinese(name))),),
        touched=frozenset() if gone else frozenset({0}),
    )


def _event(draw: Draw) -> Edit:
    before = draw.scene()
    while before.backdrop in _INDOORS:
        before = draw.scene()
    value = draw.pick(tuple(words.EVENTS))
    return Edit(
        *(before, replace(before, event=value), {"operation": "imagine", "attribute": value}),
        {"attribute": without(tuple(words.EVENTS), value)},
        differences=(f"the scene shows that {value}",),
        points=(_EVENT_POINTS[value],),
    )
