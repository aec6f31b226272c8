"""Plants failures: something else changes too, the picture is damaged, the content slips.

Every failure is continuous in its strength: 0 leaves the picture alone, 1 is gross. Below
``VISIBLE`` a person would not see it, and the pair counts as if nothing had been planted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np

from unicedit_assets.domain.roles import Pixels
from unicedit_assets.synthetic import words
from unicedit_assets.synthetic.compose import Draw
from unicedit_assets.synthetic.edit import Edit
from unicedit_assets.synthetic.scene import Item, Scene, refer, seen
from unicedit_assets.synthetic.sprites import shape_of

VISIBLE = 0.1

Collateral = Callable[[float], Scene]


def collaterals(draw: Draw, edit: Edit) -> Iterator[tuple[str, Collateral]]:
    """Yield changes nobody asked for, in random order: a difference, and the scene by strength."""
    after = edit.after
    choices = _stray(draw, edit)
    if not after.tone and edit.slots["operation"] not in ("style", "imagine", "zoom"):
        tone = draw.pick(("warm", "cool"))
        tinted = f"the whole picture also became {tone}er"
        choices.append((tinted, lambda s: replace(after, tone=tone, tone_strength=0.8 * s)))
    for index in range(len(after.items)):
        if index not in edit.touched and _in_view(after.items[index], edit):
            choices += _to_item(draw, edit, index)
    for position in draw.rng.permutation(len(choices)):
        yield choices[int(position)]


def _stray(draw: Draw, edit: Edit) -> list[tuple[str, Collateral]]:
    """An object that appears, the larger the stronger; none where no place for it is in view."""
    after = edit.after
    there = {item.name for item in (*after.items, *edit.before.items)}
    name = draw.pick(draw.classes, *there, "table", "car") if len(draw.classes) > 7 else "star"
    item = Item(name, draw.colour(after.backdrop, after.plain), 0.5, 0.5, 0.3, depth=-2)
    heights = (0.36, 0.97) if shape_of(item).floats else (0.7, 0.97)
    placed = (replace(item, x=x, y=y) for x in (0.16, 0.5, 0.84) for y in heights)
    shown = [one for one in placed if _in_view(one, edit)]
    if not shown:
        return []

    def room(one: Item) -> float:
        return min([abs(one.x - i.x) + abs(one.y - i.y + i.size / 2) for i in after.items] or [1.0])

    stray = max(shown, key=room)
    return [
        (
            f"{words.article(item.phrase)} also appeared",
            lambda s: after.with_items(replace(stray, size=0.3 * s)) if s > 0 else after,
        )
    ]


def _in_view(item: Item, edit: Edit) -> bool:
    """Tell whether an item is seen before and after; what a wider view brings in was asked for."""
    return all(seen(item, camera) for camera in (edit.before.camera, edit.after.camera))


def _to_item(draw: Draw, edit: Edit, index: int) -> list[tuple[str, Collateral]]:
    after = edit.after
    item, name = after.items[index], refer(after, index)
    other = draw.pick(draw.colours, item.colour)
    side = -1 if item.x > 0.5 else 1
    direction = "left" if side < 0 else "right"
    choices: list[tuple[str, Collateral]] = []
    if after.style != "pencil sketch" and after.tone not in ("sepia", "black and white"):
        recoloured = f"the {name} also changed colour"
        choices.append((recoloured, lambda s: after.put(index, blend=(other, s))))
    if edit.slots["operation"] not in ("viewpoint", "zoom"):
        # There, everything changes its size and place by order.
        smaller, moved = (
            f"the {name} also became smaller",
            f"the {name} also moved to the {direction}",
        )
        choices.append((smaller, lambda s: after.put(index, size=item.size * (1 - 0.6 * s))))
        choices.append((moved, lambda s: after.put(index, x=item.x + side * 0.25 * s)))
    return choices


def degraded(
    image: Pixels, source: Pixels, strength: float, rng: np.random.Generator
) -> tuple[str, Pixels]:
    """Damage a picture; return what happened to it and the picture."""
    kinds = ("noise", "blur", "blocks", "ghost", "torn")
    kind = kinds[int(rng.integers(len(kinds)))]
    side = min(image.shape[:2])
    if strength <= 0:
        return kind, image
    if kind == "noise":
        noise = rng.normal(0, 1, image.shape).astype(np.float32) * np.float32(60 * strength)
        return "the picture is noisy", _bytes(image + noise)
    if kind == "blur":
        return "the picture is blurred", _bytes(
            cv2.GaussianBlur(image, (0, 0), 0.02 * strength * side)
        )
    if kind == "blocks":
        quality = round(30 * (1 - strength) ** 2 + 2)
        blocky = _jpeg(image, quality).astype(np.float32)
        return "the picture has block artefacts", _bytes(
            image + (blocky - image) * min(2 * strength, 1)
        )
    if kind == "ghost":
        offset = max(round(0.05 * side), 2)
        ghost = np.roll(source if rng.random() < 0.5 else image, (offset, offset), (0, 1))
        share = np.float32(0.55 * strength)
        return "the picture has a ghost image", _bytes(image * (1 - share) + ghost * share)
    return "the picture is torn", _torn(image, strength, rng)


def _torn(image: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Shift bands of rows sideways."""
    torn = image.copy()
    height, width = image.shape[:2]
    for start in rng.uniform(0.05, 0.8, 5):
        top, tall = int(start * height), max(int(height * 0.07), 2)
        reach = round(float(rng.uniform(0.5, 1)) * 0.16 * width * strength)
        torn[top : top + tall] = np.roll(torn[top : top + tall], reach, axis=1)
    return torn


def shifted(image: Pixels, strength: float, rng: np.random.Generator) -> tuple[str, Pixels]:
    """Let the content slip: moved, scaled or turned, up to 8 % of the shorter side."""
    height, width = image.shape[:2]
    kind, turn = int(rng.integers(3)), float(rng.uniform(0, 2 * np.pi))
    sign = 1.0 if rng.random() < 0.5 else -1.0
    if strength <= 0:
        return "the content shifted", image
    reach = 0.08 * strength * min(height, width)
    if kind == 0:
        matrix = np.array([[1, 0, np.cos(turn) * reach], [0, 1, np.sin(turn) * reach]])
        what = "the content shifted"
    else:
        scale = 1 + 2 * reach / min(height, width) if kind == 1 else 1.0
        angle = sign * np.degrees(1.6 * reach / min(height, width)) if kind == 2 else 0.0
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
        what = "the content was scaled" if kind == 1 else "the content was turned"
    moved = cv2.warpAffine(
        image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return what, np.asarray(moved, np.uint8)


def untouched(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Return what an editor gives back that did nothing: the same, stored or rendered again.

    Editors that work on latents hand everything back a little softer, grainier and of another
    tint. None of it is what an edit asks for, and all of it is far below what ``degraded`` does at
    the least strength that is drawn.
    """
    kind = int(rng.integers(5))
    if kind == 0:
        return image.copy()
    if kind == 1:
        return _jpeg(image, _stored_at(rng))
    if kind == 2:
        return _bytes(image + _grain(image, rng))
    if kind == 3:
        return _bytes(image + _cast(rng))
    softer = _softer(image, rng)
    return _jpeg(_bytes(softer + _grain(image, rng) + _cast(rng)), _stored_at(rng))


def _stored_at(rng: np.random.Generator) -> int:
    """Return a JPEG quality that leaves no blocks to be seen."""
    return int(rng.integers(75, 98))


def _jpeg(image: Pixels, quality: int) -> Pixels:
    jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)


def _grain(image: Pixels, rng: np.random.Generator) -> np.ndarray:
    spread = np.float32(rng.uniform(0.5, 4))
    return spread * rng.standard_normal(image.shape, np.float32)


def _cast(rng: np.random.Generator) -> np.ndarray:
    """Lighter or darker as a whole, and a tint that nobody would call a tone."""
    return np.asarray(rng.uniform(-3, 3) + rng.uniform(-1.5, 1.5, 3), np.float32)


def _softer(image: Pixels, rng: np.random.Generator) -> np.ndarray:
    """Lose the finest detail: smaller and back."""
    height, width = image.shape[:2]
    scale = float(rng.uniform(0.6, 0.95))
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def _bytes(image: np.ndarray) -> Pixels:
    return np.asarray(np.clip(np.rint(image), 0, 255), np.uint8)


def elsewhere(edit: Edit, rng: np.random.Generator) -> dict[str, str]:
    """Return the claim that an object of the source was recoloured, which it was not."""
    before = edit.before
    names = [refer(before, index) for index in range(len(before.items))]
    target = edit.slots.get("target")
    # What was edited is another target only where there is nothing else: it is always shown.
    left = [i for i, item in enumerate(before.items) if _in_view(item, edit) and names[i] != target]
    shown = [i for i, item in enumerate(before.items) if seen(item, before.camera)]
    index = int(rng.choice(left or shown))
    item = before.items[index]
    colours = [c for c in ("red", "green", "blue", "yellow", "purple") if c != item.colour]
    taken = edit.slots.get("attribute")
    colour = next(c for c in rng.permutation(colours) if c != taken)
    return {
        "operation": "recolour",
        "target": names[index],
        "attribute": str(colour),
    }
