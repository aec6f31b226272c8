"""Draws random scenes that suit an edit: how many objects, of which classes, where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from unicedit_assets.synthetic import words
from unicedit_assets.synthetic.backdrops import swallowed
from unicedit_assets.synthetic.scene import Item, Scene
from unicedit_assets.synthetic.sprites import shape_of

# Objects of these classes are in scenes of the split ``held_out_classes`` only.
HELD_OUT_CLASSES = frozenset({"cup", "tree", "boat", "dog", "mushroom"})
# What a small model can tell apart at 168 pixels.
PLAIN_CLASSES = (
    *("ball", "box", "cup", "book", "lamp", "chair", "tree", "house", "clock", "cat", "star"),
    "mushroom",
)
PLAIN_COLOURS = ("red", "orange", "yellow", "green", "blue", "purple")
PLAIN_BACKDROPS = ("room", "field", "beach", "desert", "snowfield", "starry sky")
# Colours that a backdrop swallows.
_SWALLOWED = {
    "room": ("brown",),
    "field": ("green",),
    "beach": ("yellow", "orange"),
    "street": ("grey", "black"),
    "desert": ("orange", "brown", "yellow"),
    "snowfield": ("white", "grey"),
    "forest": ("green", "brown", "black"),
    "starry sky": ("black", "purple"),
    "studio": ("white", "grey"),
}
# What can be told apart when it stands on its head or lies.
UPRIGHT = (
    "cup",
    "bottle",
    "lamp",
    "chair",
    "house",
    "tree",
    "mushroom",
    "umbrella",
    "cat",
    "flower",
)
_SEPARATE = ("sign", "person")
_MARGIN = 0.025


@dataclass
class Draw:
    """The random choices of one pair.

    Attributes:
        plain: the simple style.
        split_classes: whether objects come from the held-out classes.
        strength: of the edit, 0 to 1.
        photographs: what may be backdrops, uint8 (H, W, 3).
    """

    rng: np.random.Generator
    plain: bool
    split_classes: bool
    strength: float
    crowded: bool
    photographs: Sequence[NDArray[np.uint8]] = ()
    classes: tuple[str, ...] = field(init=False)
    colours: tuple[str, ...] = field(init=False)
    _swallowed: dict[str, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        pool = PLAIN_CLASSES if self.plain else tuple(words.CLASSES)
        self.classes = tuple(
            name
            for name in pool
            if name not in _SEPARATE and (name in HELD_OUT_CLASSES) == self.split_classes
        )
        self.colours = PLAIN_COLOURS if self.plain else tuple(words.COLOURS)
        self._swallowed = dict(_SWALLOWED)

    def pick(self, values: Sequence[str], *without: str) -> str:
        """Choose one value that is none of ``without``."""
        left = [value for value in values if value not in without]
        return left[int(self.rng.integers(len(left)))]

    def chance(self, share: float) -> bool:
        """Come out true so often."""
        return bool(self.rng.random() < share)

    def between(self, low: float, high: float) -> float:
        """Choose a number."""
        return round(float(self.rng.uniform(low, high)), 4)

    def number(self, low: int, high: int) -> int:
        """Choose a whole number, ``high`` included."""
        return int(self.rng.integers(low, high + 1))

    def colour(self, backdrop: str, *without: str) -> str:
        """Choose a colour that is seen before a backdrop."""
        return self.pick(self.colours, *self._swallowed.get(backdrop, ()), *without)

    def backdrop(self, *without: str) -> str:
        """Choose a backdrop."""
        if len(self.photographs) and "photograph" not in without and self.chance(0.6):
            return "photograph"
        known = tuple(name for name in words.BACKDROPS if name != "photograph")
        return self.pick(PLAIN_BACKDROPS if self.plain else known, *without)

    def empty(self) -> Scene:
        """Return a scene without objects."""
        name = self.backdrop()
        looks = len(self.photographs) if name == "photograph" else 10_000
        light = round(float(self.rng.choice([-0.6, -0.3, 0.3, 0.6])), 1)
        look = int(self.rng.integers(looks))
        if name == "photograph":
            self._swallowed[name] = swallowed(self.photographs[look])
        return Scene((), name, look, light=light, simple=self.plain)

    def count(self, least: int) -> int:
        """Choose how many objects a scene has."""
        least = max(least, 2 if self.crowded else 1)
        return max(least, self.number(1, 3) if self.plain else self.number(2, 4))

    def scene(
        self,
        least: int = 1,
        first: Sequence[str] = (),
        within: Sequence[str] = (),
        twins: bool = False,
    ) -> Scene:
        """Compose a scene of distinct objects.

        Args:
            least: how many objects at least.
            first: classes that the first items must have, in order.
            within: classes to choose the first item from, where the pool has any of them.
            twins: sometimes let the first two look the same, a left and a right one.
        """
        scene = self.empty()
        number = self.count(max(least, len(first) + (1 if first and self.split_classes else 0)))
        items: list[Item] = []
        for index in range(number):
            items.append(self._item(scene, items, index, first, within))
        if twins and not self.plain and number > 1 and self.chance(0.2):
            items[1] = items[0]
        return replace(scene, items=self.arrange(items))

    def _item(
        self,
        scene: Scene,
        items: Sequence[Item],
        index: int,
        first: Sequence[str],
        within: Sequence[str],
    ) -> Item:
        pool = [name for name in self.classes if name in within] if index == 0 else []
        name = first[index] if index < len(first) else self.pick(pool or self.classes)
        used = [item.colour for item in items if item.name == name]
        item = Item(name, self.colour(scene.backdrop, *used), 0.5, 0.9, 0.3)
        if name == "person":
            return replace(
                item,
                expression=self.pick(tuple(words.EXPRESSIONS)),
                hair=self.pick(("brown", "black", "yellow", "grey", "orange")),
            )
        if name == "sign":
            return replace(item, text=self.pick(words.TEXTS))
        if not self.plain and self.chance(0.12):
            return replace(item, texture=self.pick(tuple(words.TEXTURES)))
        return item

    def arrange(
        self, items: Sequence[Item], foot: tuple[float, float] = (0.7, 0.95)
    ) -> tuple[Item, ...]:
        """Give items sizes and places side by side, in random order."""
        order = self.rng.permutation(len(items))
        sized = [self._sized(item, len(items)) for item in items]
        widths = [width_of(item) for item in sized]
        scale = min(1.0, 0.9 / sum(widths))
        gaps = self.rng.dirichlet(np.ones(len(items) + 1)) * (1 - 2 * _MARGIN - scale * sum(widths))
        left, placed = _MARGIN, list(sized)
        for gap, index in zip(gaps, order, strict=False):
            wide = widths[index] * scale
            left += float(gap)
            tall = sized[index].size * scale
            y = max(self.between(*foot), tall + 0.03)
            placed[index] = replace(
                sized[index], x=round(left + wide / 2, 4), y=y, size=round(tall, 4)
            )
            left += wide
        return tuple(placed)

    def _sized(self, item: Item, number: int) -> Item:
        aspect = shape_of(item).aspect
        if item.name == "person":
            sizes = (0.82, 0.9) if self.plain else (0.6, 0.78) if number < 4 else (0.5, 0.6)
            return replace(item, size=self.between(*sizes))
        if self.plain:
            least = max(0.26, 0.26 / aspect)
            return replace(item, size=least * self.between(1.0, 1.3 if number < 3 else 1.1))
        side = self.between(0.2, 0.36) / max(aspect, 1.0) ** 0.5
        return replace(item, size=side * (1.25 if aspect < 0.6 else 1.0))


def inside(item: Item) -> Item:
    """Return the item moved so far that it is wholly in the picture, if it is not too wide."""
    half = min(width_of(item) / 2 + 0.01, 0.5)
    x = round(min(max(item.x, half), 1 - half), 4)
    return replace(item, x=x, y=max(item.y, round(item.size + 0.02, 4)))


def width_of(item: Item) -> float:
    """Return an item's width as a share of a square picture."""
    return item.size * shape_of(item).aspect * item.stretch
