"""The scene graph: what is in a picture, before it is drawn.

Lengths are shares of the picture's shorter side, places are shares of its width and height.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from unicedit_assets.domain.identity import digest
from unicedit_assets.synthetic import words
from unicedit_assets.synthetic.cutouts import Cutout


@dataclass(frozen=True)
class Item:
    """One object or person.

    Attributes:
        name: its class, a key of ``words.CLASSES``.
        colour: of its main part; a person's clothes.
        material, texture: empty for a plain surface.
        x, y: where the middle of its foot stands.
        size: its height.
        stretch: of its width.
        turn: degrees, clockwise.
        blend: a second colour and how far (0 to 1) the main part has gone towards it.
        text: on a sign.
        pose, expression, hair: of a person.
        depth: what is deeper is drawn first; equal depths in order of ``y``.
    """

    name: str
    colour: str
    x: float
    y: float
    size: float
    material: str = ""
    texture: str = ""
    stretch: float = 1.0
    turn: float = 0.0
    blend: tuple[str, float] | None = None
    text: str = ""
    pose: str = "standing"
    expression: str = "calm"
    hair: str = "brown"
    depth: int = 0
    lit: bool = False

    @property
    def phrase(self) -> str:
        """How it looks, in canonical English: "striped red ball", "person in red"."""
        if self.name == "person":
            return f"person in {self.colour}"
        pattern = words.TEXTURES[self.texture][0] if self.texture else ""
        stuff = words.MATERIALS[self.material][0] if self.material else self.colour
        return " ".join(filter(None, (pattern, stuff, self.name)))


@dataclass(frozen=True)
class Camera:
    """How the picture is taken: zoom about a point, and from which side."""

    zoom: float = 1.0
    x: float = 0.5
    y: float = 0.5
    side: str = ""
    angle: float = 0.0


@dataclass(frozen=True)
class Scene:
    """A whole picture.

    Attributes:
        backdrop: a key of ``words.BACKDROPS``; ``look`` seeds its details, or is the number of
            the given photograph.
        event: weather or time of day, a key of ``words.EVENTS``, or empty.
        tone: of the whole picture and how strong it is, or empty.
        style: a key of ``words.STYLES``, or empty.
        plain: a flat colour instead of the backdrop, or empty.
        light: where the light comes from, -1 (left) to 1 (right).
        cutouts: what stands for the drawn shapes, at most one of a class.
    """

    items: tuple[Item, ...]
    backdrop: str
    look: int
    light: float = -0.6
    event: str = ""
    tone: str = ""
    tone_strength: float = 1.0
    style: str = ""
    plain: str = ""
    simple: bool = False
    camera: Camera = Camera()
    cutouts: tuple[Cutout, ...] = field(default=(), repr=False)

    def put(self, index: int, **changes: object) -> Scene:
        """Return the scene with one item changed."""
        items = list(self.items)
        items[index] = replace(items[index], **changes)  # type: ignore[arg-type]
        return replace(self, items=tuple(items))

    def without(self, *indices: int) -> Scene:
        """Return the scene without some items."""
        kept = (item for i, item in enumerate(self.items) if i not in indices)
        return replace(self, items=tuple(kept))

    def with_items(self, *items: Item) -> Scene:
        """Return the scene with more items."""
        return replace(self, items=(*self.items, *items))

    @property
    def digest(self) -> str:
        """The whole scene's hash."""
        return digest("synthetic-scene", repr(self), *(one.sha256 for one in self.cutouts))

    def cutout(self, item: Item) -> Cutout | None:
        """Return what an item is cut out of, or None when it is drawn."""
        return next((one for one in self.cutouts if one.kind == item.name), None)

    @property
    def composition(self) -> str:
        """What is in the scene, without where: scenes that a model could confuse share it."""
        named = sorted(item.phrase for item in self.items)
        return digest("synthetic-composition", self.backdrop, *named)


LEFT_ENDS, RIGHT_BEGINS = 0.36, 0.64


def place(item: Item) -> str:
    """Return the third of the picture that an item is in."""
    return "left" if item.x < LEFT_ENDS else "right" if item.x > RIGHT_BEGINS else "centre"


def refer(scene: Scene, index: int) -> str:
    """Return the shortest phrase that means one item only: "red ball", "left red ball"."""
    item = scene.items[index]
    same = sorted(other.x for other in scene.items if other.phrase == item.phrase)
    if len(same) == 1:
        return item.phrase
    which = {0: "left", len(same) - 1: "right"}.get(same.index(item.x), "middle")
    return f"{which} {item.phrase}"


def caption(scene: Scene) -> str:
    """Return the canonical caption: what there is from left to right, where, how it is shown."""
    there = [_viewed(item, scene.camera) for item in scene.items if seen(item, scene.camera)]
    named = [_captioned(item) for item in sorted(there, key=lambda item: item.x)]
    ground = (
        f"{words.article(scene.plain)} background" if scene.plain else words.article(scene.backdrop)
    )
    parts = [*named, f"in front of {ground}" if named else ground]
    if scene.event:
        parts.append(scene.event)
    if scene.tone:
        parts.append(f"{scene.tone} tone")
    if scene.style:
        parts.append(f"as {words.article(scene.style)}")
    return ", ".join(parts)


def seen(item: Item, camera: Camera) -> bool:
    """Tell whether a camera shows an item, or at least its middle."""
    middle = _viewed(replace(item, y=item.y - item.size / 2), camera)
    return 0 < middle.x < 1 and 0 < middle.y < 1


def _viewed(item: Item, camera: Camera) -> Item:
    """Return the item at its place in the picture."""
    x, y = ((at - mid) * camera.zoom + mid for at, mid in ((item.x, camera.x), (item.y, camera.y)))
    return replace(item, x=x, y=y)


def _captioned(item: Item) -> str:
    text = words.article(item.phrase)
    if item.name == "person":
        text += f" ({item.pose}, {item.expression}, {item.hair} hair)"
    if item.text:
        text += f' with "{item.text}"'
    return f"{text} at the {place(item)}"
