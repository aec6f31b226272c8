"""Draws one item: its parts, material, pattern and light, as colour with an alpha channel."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.synthetic import words
from unicedit_assets.synthetic.cutouts import Cutout
from unicedit_assets.synthetic.people import figure
from unicedit_assets.synthetic.scene import Item
from unicedit_assets.synthetic.shapes import SHAPES, Shape

Floats = NDArray[np.float32]
# Sprites are drawn so many times larger and averaged down.
_OVER = 2
_FIXED: dict[str, tuple[int, int, int]] = {
    "tyre": (30, 30, 34),
    "grey": (150, 152, 156),
    "paper": (238, 232, 215),
    "trunk": (104, 70, 42),
    "leaf": (58, 130, 52),
    "roof": (140, 58, 44),
    "pane": (170, 208, 232),
    "lightbulb": (250, 214, 90),
    "skin": (236, 188, 150),
    "mouth": (130, 30, 36),
    "nose": (235, 140, 150),
    "trousers": (58, 64, 92),
    "hole": (0, 0, 0),
}
_SURFACE = {
    "wood": (150, 98, 52),
    "metal": (172, 178, 186),
    "glass": (196, 226, 234),
    "stone": (146, 142, 134),
    "gold": (226, 178, 52),
}
_ROLES = ("m", "d", "l", "hair", *_FIXED)
_MAIN = 3  # the first three labels are the item's own colour


class Sprite(NamedTuple):
    """Premultiplied colour (0 to 255) and alpha (0 to 1), both float32."""

    colour: Floats
    alpha: Floats


def shape_of(item: Item) -> Shape:
    """Return the outline that an item is drawn with."""
    return figure(item.pose, item.expression) if item.name == "person" else SHAPES[item.name]


def paint(item: Item, height: int, light: float, cutout: Cutout | None = None) -> Sprite:
    """Draw an item so many pixels high, upright; the light comes from ``light`` (-1 left, 1 right).

    A cut-out fills as much of the drawn shape's box as its proportions let it, and has the item's
    colour; it knows no material, pattern or text. Sprites are kept: an item that an edit leaves
    alone is drawn once.
    """
    if cutout:
        return _cut(cutout, item.colour, item.blend, item.stretch, height)
    return _paint(
        *(item.name, item.colour, item.material, item.texture, item.stretch, item.blend),
        *(item.text, item.pose, item.expression, item.hair, item.lit, height, light),
    )


@lru_cache(maxsize=64)
def _paint(  # the arguments are what a sprite depends on
    name: str,
    colour: str,
    material: str,
    texture: str,
    stretch: float,
    blend: tuple[str, float] | None,
    text: str,
    pose: str,
    expression: str,
    hair: str,
    lit: bool,
    height: int,
    light: float,
) -> Sprite:
    item = Item(
        *(name, colour, 0.5, 1.0, 1.0, material, texture, stretch, 0.0, blend),
        *(text, pose, expression, hair, 0, lit),
    )
    shape = shape_of(item)
    tall = max(height, 6) * _OVER
    wide = max(round(tall * shape.aspect * stretch), 6)
    labels = _labels(shape, wide, tall)
    own = (labels > 0) & (labels <= _MAIN)
    shaded = _table(item)[labels]
    _cover(shaded, own, item)
    shaded *= _relief(shape.relief, wide, tall, light, material)[..., None]
    edges = cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    shaded[edges] *= 0.72
    if text and shape.text:
        _write(shaded, text, shape.text, dark=bool(np.mean(_own_colour(item)) > 120))
    alpha = (labels > 0).astype(np.float32)
    if material == "glass":
        alpha[own] = 0.55
    np.clip(shaded, 0, 255, out=shaded)
    shaded *= alpha[..., None]
    size = (max(wide // _OVER, 3), max(height, 6))
    return Sprite(
        np.asarray(cv2.resize(shaded, size, interpolation=cv2.INTER_AREA), np.float32),
        np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32),
    )


@lru_cache(maxsize=64)
def _cut(
    cutout: Cutout,
    colour: str,
    blend: tuple[str, float] | None,
    stretch: float,
    height: int,
) -> Sprite:
    painted = cutout.painted(colour)
    if blend:
        painted += np.float32(blend[1]) * (cutout.painted(blend[0]) - painted)
    room = SHAPES[cutout.kind].aspect
    tall = max(height, 6) * min(room / cutout.aspect, 1.0)
    size = (max(round(tall * cutout.aspect * stretch), 3), max(round(tall), 3))
    alpha = cutout.pixels[..., 3] / np.float32(255)
    way = cv2.INTER_CUBIC if size[1] > alpha.shape[0] else cv2.INTER_AREA
    painted *= alpha[..., None]
    shown, share = (cv2.resize(each, size, interpolation=way) for each in (painted, alpha))
    share = np.clip(share, 0, 1)
    shown = np.clip(shown, 0, 255 * share[..., None])
    return Sprite(np.asarray(shown, np.float32), np.asarray(share, np.float32))


def _labels(shape: Shape, wide: int, tall: int) -> NDArray[np.uint8]:
    labels = np.zeros((tall, wide), np.uint8)
    scale = np.array([wide - 1, tall - 1], np.float64)
    for part in shape.parts:
        label = 0 if part.role == "hole" else _ROLES.index(part.role) + 1
        points = np.round(np.array(part.points) * scale * 16).astype(np.int32)
        if part.ellipse:
            centre, axes = points
            cv2.ellipse(labels, centre.tolist(), axes.tolist(), 0, 0, 360, label, -1, shift=4)
        else:
            cv2.fillPoly(labels, [points], label, shift=4)
    return labels


def _own_colour(item: Item) -> Floats:
    if item.material:
        return np.array(_SURFACE[item.material], np.float32)
    own = np.array(words.COLOURS[item.colour][0], np.float32)
    if item.blend:
        other, share = item.blend
        own = own * (1 - share) + np.array(words.COLOURS[other][0], np.float32) * share
    return own


def _table(item: Item) -> Floats:
    own = _own_colour(item)
    hair = np.array(words.COLOURS[item.hair][0], np.float32)
    fixed = [np.array(rgb, np.float32) for rgb in _FIXED.values()]
    table = np.stack([np.zeros(3, np.float32), own, own * 0.72, own * 0.75 + 64, hair, *fixed])
    if item.lit:
        table[1:4] = table[1:4] * 0.3 + np.array([270, 236, 120], np.float32) * 0.7
    return table


def _cover(shaded: Floats, own: NDArray[np.bool_], item: Item) -> None:
    """Lay the material's grain and the pattern over the item's own parts."""
    tall, wide = own.shape
    y, x = np.mgrid[0:tall, 0:wide].astype(np.float32)
    if item.material == "wood":
        grain = np.sin(y / tall * 46 + 5 * np.sin(x / wide * 4)) * 0.17
        shaded[own] *= (1 + grain)[own, None]
    elif item.material == "stone":
        rough = np.random.default_rng(7).normal(0, 1, (tall // 4 + 1, wide // 4 + 1))
        noise = cv2.resize(rough.astype(np.float32), (wide, tall))
        shaded[own] *= (1 + 0.16 * noise)[own, None]
    elif item.material in ("metal", "gold"):
        bands = np.sin((x / wide + 0.35 * y / tall) * 11)
        shaded[own] *= (1 + 0.3 * bands)[own, None]
    if item.texture:
        marks = _pattern(item.texture, x, y, tall) & own
        light = np.mean(_own_colour(item)) < 170
        shaded[marks] = (245.0, 245.0, 240.0) if light else (50.0, 50.0, 60.0)


def _pattern(texture: str, x: Floats, y: Floats, tall: int) -> NDArray[np.bool_]:
    step = tall / 6
    if texture == "stripes":
        return np.asarray((x + y * 0.0) % step < step * 0.42)
    if texture == "checks":
        return np.asarray(((x // step) + (y // step)) % 2 == 1)
    if texture == "zigzags":
        return np.asarray((y + np.abs(x % step - step / 2)) % step < step * 0.4)
    dx, dy = x % step - step / 2, y % step - step / 2
    return np.asarray(dx * dx + dy * dy < (0.3 * step) ** 2)


@lru_cache(maxsize=64)
def _relief(relief: str, wide: int, tall: int, light: float, material: str) -> Floats:
    x = np.linspace(-1, 1, wide, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, tall, dtype=np.float32)[:, None]
    gloss = 0.7 if material in ("metal", "gold", "glass") else 0.32
    if relief == "flat":
        return np.asarray(1.0 + 0.08 * light * x - 0.08 * y, np.float32)
    if relief == "tube":
        spot = np.exp(-(((x - light * 0.55) / 0.2) ** 2))
        row = 1.02 - 0.3 * np.abs(x - light * 0.3) ** 2 + gloss * 0.6 * spot
        return np.asarray(np.repeat(row, tall, 0), np.float32)
    away = (x - light * 0.35) ** 2 + (y + 0.4) ** 2
    return np.asarray(1.12 - 0.32 * away + gloss * np.exp(-away / 0.06), np.float32)


def _write(shaded: Floats, text: str, box: tuple[float, float, float, float], dark: bool) -> None:
    tall, wide = shaded.shape[:2]
    room = (box[2] - box[0]) * wide, (box[3] - box[1]) * tall
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, 1.0, 2)
    scale = min(room[0] / width, room[1] / height)
    width, height = round(width * scale), round(height * scale)
    middle = (box[0] + box[2]) / 2 * wide, (box[1] + box[3]) / 2 * tall
    at = (round(middle[0] - width / 2), round(middle[1] + height / 2))
    ink = np.float32(25 if dark else 250)
    thick = max(round(scale * 2.4), 1)
    drawn = np.zeros((tall, wide), np.uint8)
    cv2.putText(drawn, text, at, cv2.FONT_HERSHEY_DUPLEX, scale, 255, thick, cv2.LINE_AA)
    share = (drawn / np.float32(255))[..., None]
    shaded *= 1 - share
    shaded += ink * share
