"""The operations of Object Editing and Attribute Editing, on the scene graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from unicedit_assets.synthetic import words
from unicedit_assets.synthetic.compose import UPRIGHT, Draw, inside, width_of
from unicedit_assets.synthetic.edit import Edit
from unicedit_assets.synthetic.scene import LEFT_ENDS, RIGHT_BEGINS, Item, Scene, place, refer

_PLACES = ("left", "centre", "right")
_POSES = tuple(words.POSES)[:6]
_TURNS = {"upside down": 180.0, "lying on its side": 90.0, "tilted": 35.0}


def others_of(
    scene: Scene, *indices: int, where: Callable[[Item], bool] = lambda item: True
) -> tuple[str, ...]:
    """Return how the items that an edit leaves alone are referred to.

    Args:
        scene: before the edit.
        indices: of what the edit changes.
        where: tells of which items the edit could have been asked: nobody paints blue what is blue.
    """
    left = (i for i in range(len(scene.items)) if i not in indices)
    return tuple(refer(scene, i) for i in left if where(scene.items[i]))


def without(values: Sequence[str], *gone: str) -> tuple[str, ...]:
    """Return the values that are none of ``gone``."""
    return tuple(value for value in values if value not in gone)


def _clear(x: float) -> float:
    """Return how far a place lies from where the left or the right of a picture begins."""
    return min(abs(x - LEFT_ENDS), abs(x - RIGHT_BEGINS))


def add(draw: Draw) -> Edit:
    """Add an object at the left, centre or right, or a second one of what is there."""
    if draw.chance(0.25):
        return _duplicate(draw)
    after = draw.scene(least=2)
    # Not one that stands where two thirds of the picture meet.
    index = max(range(len(after.items)), key=lambda i: _clear(after.items[i].x))
    item = replace(after.items[index], texture="")
    after = after.put(index, texture="")
    slots = {
        **{"operation": "add", "target": item.name, "attribute": item.colour},
        "direction": place(item),
    }
    wrong = {
        "direction": without(_PLACES, place(item)),
        "attribute": without(draw.colours, item.colour),
    }
    what = f"{words.article(item.phrase)} appeared at the {place(item)}"
    touched = frozenset({index})
    return Edit(after.without(index), after, slots, wrong, differences=(what,), touched=touched)


def _duplicate(draw: Draw) -> Edit:
    scene = draw.scene()
    items = scene.items[:2]
    placed = draw.arrange([*items, items[0]])
    same = round(min(placed[0].size, placed[-1].size), 4)
    after = replace(scene, items=placed).put(0, size=same).put(len(items), size=same)
    before = after.without(len(items))
    name = refer(before, 0)
    return Edit(
        *(before, after, {"operation": "duplicate", "target": name}),
        {"operation": ("remove",)},
        others=others_of(before, 0),
        differences=(f"a second {name} appeared",),
        touched=frozenset({0, len(items)}),
    )


def remove(draw: Draw) -> Edit:
    """Remove an object."""
    before = draw.scene(twins=True)
    index = draw.number(0, len(before.items) - 1)
    name = refer(before, index)
    slots = {"operation": "remove", "target": name}
    what = f"the {name} disappeared"
    return Edit(
        *(before, before.without(index), slots, {"operation": ("duplicate",)}),
        others=others_of(before, index),
        differences=(what,),
    )


def substitute(draw: Draw) -> Edit:
    """Replace an object by one of another class, and mostly another colour."""
    before = draw.scene(twins=True)
    index = draw.number(0, len(before.items) - 1)
    item, name = before.items[index], refer(before, index)
    there = {other.name for other in before.items}
    classes = without(draw.classes, *there) or without(tuple(words.CLASSES)[:6], *there)
    other = draw.pick(classes)
    colour = draw.colour(before.backdrop)
    after = before.put(index, name=other, colour=colour, texture="")
    new = after.items[index].phrase
    wrong = [f"{colour} {choice}" for choice in without(classes, other)]
    recoloured = [f"{choice} {other}" for choice in without(draw.colours, colour)]
    slots = {"operation": "replace", "target": name, "attribute": new}
    return Edit(
        *(before, _fitted(after, index, item.size), slots),
        {"attribute": tuple(draw.pick(values) for values in (wrong, recoloured) if values)},
        others=others_of(before, index),
        differences=(f"the {name} became {words.article(new)}",),
        touched=frozenset({index}),
    )


def _fitted(scene: Scene, index: int, size: float) -> Scene:
    """Keep an exchanged object's footprint sensible: wide shapes are less tall."""
    item = scene.items[index]
    tall = {"car": 0.62, "boat": 0.9, "table": 0.7, "dog": 0.85}.get(item.name, 1.0) * size
    tall = max(tall, 0.3) if item.name in ("bottle", "lamp", "balloon", "flower") else tall
    fitted = inside(replace(item, size=round(tall, 4)))
    return scene.put(index, size=fitted.size, x=fitted.x, y=fitted.y)


def extract(draw: Draw) -> Edit:
    """Keep one object on a plain ground."""
    before = draw.scene(least=2)
    index = draw.number(0, len(before.items) - 1)
    item, name = before.items[index], refer(before, index)
    grounds = ("white", "black", "grey")
    ground = draw.pick(grounds, item.colour)
    after = replace(before, items=(item,), plain=ground)
    gone = ", ".join(f"the {other}" for other in others_of(before, index))
    return Edit(
        *(before, after, {"operation": "extract", "target": name, "attribute": ground}),
        {"attribute": without(("white", "black", "grey"), ground)},
        others=others_of(before, index),
        differences=(f"the background became plain {ground}", f"{gone} disappeared"),
        touched=frozenset({0}),
    )


def count(draw: Draw) -> Edit:
    """Change how many of one object there are."""
    most = 3 if draw.plain else 5
    scene = replace(draw.empty(), items=())
    name = draw.pick(without(draw.classes, "table", "car", "boat", "house"))
    colour = draw.colour(scene.backdrop)
    base = draw.scene().items[0]
    extra = draw.crowded or (not draw.plain and draw.chance(0.5))
    larger = draw.number(2, most - 1 if extra and draw.plain else most)
    smaller = draw.number(1, larger - 1)
    twins = [replace(base, name=name, colour=colour, texture="", text="") for _ in range(larger)]
    if extra:
        other = draw.pick(draw.classes, name)
        twins.append(replace(base, name=other, colour=draw.colour(scene.backdrop, colour), text=""))
    full = replace(scene, items=draw.arrange(twins))
    same = round(min(item.size for item in full.items[:larger]), 4)
    for index in range(larger):
        full = full.put(index, size=same)
    order = [int(i) for i in draw.rng.permutation(larger)]
    few = full.without(*order[smaller:])
    before, after = (few, full) if draw.chance(0.5) else (full, few)
    result = larger if after is full else smaller
    start = smaller if after is full else larger
    phrase = f"{colour} {name}"
    wrong = tuple(str(n) for n in range(1, most + 2) if n not in (result, start))
    what = f"the number of {words.plural(phrase)} changed from {start} to {result}"
    return Edit(
        *(before, after, {"operation": "count", "target": phrase, "count": str(result)}),
        {"count": wrong},
        # Of the others there is one each.
        others=tuple(item.phrase for item in full.items[larger:] if result > 1),
        differences=(what,),
        touched=frozenset(range(result)),
    )


def portrait(draw: Draw) -> Edit:
    """Change a person's expression, hair or clothes."""
    two = draw.crowded or (not draw.plain and draw.chance(0.4))
    before = draw.scene(first=("person", "person") if two else ("person",))
    person, name = before.items[0], refer(before, 0)
    operation = draw.pick(("expression", "hair", "clothes"))
    if operation == "expression":
        values: tuple[str, ...] = without(tuple(words.EXPRESSIONS), person.expression)
    elif operation == "hair":
        values = without(("brown", "black", "yellow", "red", "purple", "green"), person.hair)
    else:
        taken = [item.colour for item in before.items]
        values = without(draw.colours, *taken)
    value = draw.pick(values)
    field = "colour" if operation == "clothes" else operation
    return Edit(
        *(before, before.put(0, **{field: value})),
        {"operation": operation, "target": name, "attribute": value},
        {"attribute": without(values, value)},
        others=others_of(
            *(before, 0),
            where=lambda it: it.name == "person" and getattr(it, field) != value,
        ),
        differences=(f"the {operation} of the {name} became {value}",),
        touched=frozenset({0}),
    )


def lettering(draw: Draw) -> Edit:
    """Change what a sign says."""
    two = draw.crowded or (not draw.plain and draw.chance(0.3))
    before = draw.scene(first=("sign", "sign") if two else ("sign",))
    sign = inside(replace(before.items[0], size=max(before.items[0].size, 0.26)))
    before = before.put(0, size=sign.size, x=sign.x, y=sign.y, depth=-1)
    name, old = refer(before, 0), before.items[0].text
    new = draw.pick(words.TEXTS, *(item.text for item in before.items))
    return Edit(
        *(before, before.put(0, text=new)),
        {"operation": "text", "target": name, "attribute": new},
        {"attribute": without(words.TEXTS, new, old)},
        others=others_of(before, 0, where=lambda item: item.name == "sign"),
        differences=(f'the text on the {name} changed from "{old}" to "{new}"',),
        touched=frozenset({0}),
    )


def recolour(draw: Draw) -> Edit:
    """Change an object's colour."""
    before = draw.scene(twins=True)
    index = draw.number(0, len(before.items) - 1)
    item, name = before.items[index], refer(before, index)
    values = without(draw.colours, *(it.colour for it in before.items if it.name == item.name))
    value = draw.pick(values)
    return Edit(
        *(before, before.put(index, colour=value)),
        {"operation": "recolour", "target": name, "attribute": value},
        {"attribute": without(values, value)},
        others=others_of(before, index, where=lambda other: other.colour != value),
        differences=(f"the {name} changed from {item.colour} to {value}",),
        touched=frozenset({index}),
    )


_BULKY = ("ball", "box", "cup", "bottle", "book", "house", "car", "star", "tree", "mushroom", "cat")


def _surface(draw: Draw, operation: str, values: Sequence[str]) -> Edit:
    before = draw.scene(within=_BULKY)
    before = before.put(0, texture="")
    name, value = refer(before, 0), draw.pick(values)
    now = "is now made of" if operation == "material" else "now has a pattern of"
    what = f"the {name} {now} {value}"
    return Edit(
        *(before, before.put(0, **{operation: value})),
        {"operation": operation, "target": name, "attribute": value},
        {"attribute": without(values, value)},
        others=others_of(
            *(before, 0),
            where=lambda item: item.name in _BULKY and getattr(item, operation) != value,
        ),
        differences=(what,),
        touched=frozenset({0}),
    )


def material(draw: Draw) -> Edit:
    """Make an object of another material."""
    return _surface(draw, "material", tuple(words.MATERIALS))


def texture(draw: Draw) -> Edit:
    """Give an object a pattern."""
    return _surface(draw, "texture", tuple(words.TEXTURES))


def resized(scene: Scene, index: int, direction: str, strength: float) -> Scene:
    """Make an item larger, smaller, taller or wider by a factor of up to 1.7."""
    item = scene.items[index]
    factor = 1 + 0.7 * strength
    if direction == "wider":
        return scene.put(index, stretch=item.stretch * factor)
    if direction == "taller":
        return scene.put(index, size=item.size * factor, stretch=item.stretch / factor)
    return scene.put(index, size=item.size * (factor if direction == "larger" else 1 / factor))


def growing(scene: Scene, index: int) -> tuple[str, ...]:
    """Return the directions in which an item can change and hide no other, inside the picture."""
    item = scene.items[index]
    reach = 0.85 * width_of(item)
    free = all(abs(other.x - item.x) > reach for other in scene.without(index).items)
    tall = (item.y - 0.02) / item.size > 1.7
    wide = reach < min(item.x, 1 - item.x) + 0.1
    return (
        "smaller",
        *(("taller",) if tall else ()),
        *(("wider",) if free and wide else ()),
        *(("larger",) if tall and free and wide else ()),
    )


# Direction -> what is false of it; who grows one way has become larger, too.
_NOT_SO: Mapping[str, tuple[str, ...]] = {
    "larger": ("smaller",),
    "smaller": ("larger", "taller", "wider"),
    "taller": ("smaller", "wider"),
    "wider": ("smaller", "taller"),
}


def resize(draw: Draw) -> Edit:
    """Change an object's size or proportions."""
    before = draw.scene(twins=True)
    index = draw.number(0, len(before.items) - 1)
    name, direction = refer(before, index), draw.pick(growing(before, index))
    before = before.put(index, depth=-1)
    return Edit(
        *(before, resized(before, index, direction, draw.strength)),
        {"operation": "resize", "target": name, "direction": direction},
        {"direction": _NOT_SO[direction]},
        others=others_of(before, index),
        differences=(f"the {name} became {direction}",),
        touched=frozenset({index}),
    )


def motion(draw: Draw) -> Edit:
    """Change a person's pose, or how an object stands."""
    person = not draw.plain and draw.chance(0.6)
    if person:
        two = draw.crowded and not draw.split_classes
        before = draw.scene(first=("person",), least=2 if two else 1)
        value = draw.pick(_POSES, "standing")
        after, poses = before.put(0, pose=value), without(_POSES, "standing", value)
        poseable: tuple[str, ...] = ("person",)
    else:
        before = draw.scene(within=UPRIGHT)
        value = draw.pick(tuple(_TURNS))
        after, poses = before.put(0, turn=_TURNS[value]), without(tuple(_TURNS), value)
        poseable = UPRIGHT
    name = refer(before, 0)
    return Edit(
        *(before, after, {"operation": "pose", "target": name, "attribute": value}),
        {"attribute": poses},
        others=others_of(before, 0, where=lambda item: item.name in poseable),
        differences=(f"the {name} is now {value}",),
        touched=frozenset({0}),
    )
