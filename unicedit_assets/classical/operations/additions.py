"""Subject Addition: drawn things with soft shading, put where the picture is free."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import cv2
import numpy as np

from unicedit_assets.classical import places
from unicedit_assets.classical.colours import Array, Floats
from unicedit_assets.classical.operations.noise import clouds
from unicedit_assets.classical.places import Point
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.roles import EditorError, Pixels

FREE_UNEVENNESS = 8.0


class Sprite(NamedTuple):
    """A drawn thing: colour (n, m, 3) in 0-255 and coverage (n, m) in 0-1."""

    colour: Floats
    alpha: Floats


def _grid(side: int, tall: float = 1.0) -> tuple[Floats, Floats]:
    """Return x and y over the sprite in units of half its width."""
    height = round(side * tall)
    y, x = np.mgrid[0:height, 0:side].astype(np.float32)
    return (x + 0.5) / side * 2 - 1, (y + 0.5) / side * 2 - 1


def _cover(inside: Array, side: int) -> Floats:
    """Return soft coverage where ``inside`` (sprite units) is positive."""
    return np.asarray(np.clip(inside * side / 2 + 0.5, 0, 1), np.float32)


def _full_moon(side: int, seed: int) -> Sprite:
    x, y = _grid(side)
    r = np.hypot(x, y)
    disc = _cover(0.5 - r, side)
    maria = clouds(side, side, 3, seed)
    tone = 238 - 46 * np.clip(maria * 1.6 - 0.6, 0, 1)
    colour = np.stack([tone, tone * 0.985, tone * 0.92], -1)
    glow = 0.5 * np.clip(1 - (r - 0.5) / 0.48, 0, 1) ** 2.2
    return Sprite(np.asarray(colour, np.float32), np.asarray(np.maximum(disc, glow), np.float32))


def _shaded(x: Floats, y: Floats, colour: tuple[int, int, int]) -> Floats:
    """Return a ball's shading: lit from the upper left, with a soft highlight."""
    depth = np.sqrt(np.clip(1 - x * x - y * y, 0, 1))
    light = np.clip(-0.45 * x - 0.5 * y + 0.74 * depth, 0, 1)
    gloss = np.exp(-((x + 0.36) ** 2 + (y + 0.4) ** 2) / 0.02)[..., None]
    base = np.asarray(colour, np.float32) * (0.35 + 0.75 * light[..., None])
    return np.asarray(base + (255 - base) * 0.65 * gloss, np.float32)


def _red_balloon(side: int, seed: int) -> Sprite:
    tall = 2.1
    x, y = _grid(side, tall)
    u, v = x / 0.86, (y + 0.02) / 0.98
    narrow = 1 + 0.16 * np.clip(v, 0, 1) ** 2
    body = _cover(1 - np.hypot(u * narrow, v), side)
    knot = _cover(0.09 - np.abs(x) * 1.2 - np.abs(y - 1.0), side)
    wave = 0.05 * np.sin((y - 1.0) * 4)
    string = _cover(0.014 - np.abs(x - wave), side) * (y > 1.02) * 0.85
    colour = _shaded(u * narrow, v, (212, 28, 34))
    colour = np.where((y > 1.02)[..., None], np.array([70, 62, 60], np.float32), colour)
    alpha = np.maximum(np.maximum(body, knot), string)
    return Sprite(np.asarray(colour, np.float32), np.asarray(alpha, np.float32))


def _hot_air_balloon(side: int, seed: int) -> Sprite:
    tall = 1.4
    x, y = _grid(side, tall)
    v = (y + 0.08) / 0.9
    taper = np.where(v > 0, 1 - 0.55 * np.clip(v, 0, 1) ** 1.6, 1.0)
    half = np.sqrt(np.clip(1 - np.clip(v, -1, 1) ** 2, 0, 1)) ** np.where(v > 0, 0.6, 1.0) * taper
    inside = np.minimum(half * 0.9 - np.abs(x), 0.84 - v)
    body = _cover(np.asarray(np.where(np.abs(v) < 1, inside, -1), np.float32), side)
    angle = np.clip(x / np.maximum(half * 0.9, 1e-3), -1, 1)
    gore = np.floor((np.arcsin(angle) / np.pi + 0.5) * 8) % 2
    stripes = np.where(
        gore[..., None] > 0,
        np.array([228, 88, 36], np.float32),
        np.array([248, 214, 96], np.float32),
    )
    light = np.clip(0.78 - 0.38 * angle - 0.18 * v, 0.35, 1.12)
    basket = _cover(np.minimum(0.12 - np.abs(x), 0.1 - np.abs(y - 1.34)), side)
    ropes = _cover(0.012 - np.abs(np.abs(x) - 0.1 - 0.16 * (1.24 - y)), side)
    ropes = ropes * ((y > 0.66) & (y < 1.26))
    low = (y > 0.84) & (body < 0.5)
    colour = np.where(
        low[..., None], np.array([92, 62, 40], np.float32), stripes * light[..., None]
    )
    alpha = np.maximum(body, np.maximum(basket, ropes * 0.9))
    return Sprite(np.asarray(colour, np.float32), np.asarray(alpha, np.float32))


def _flock_of_birds(side: int, seed: int) -> Sprite:
    height = round(side * 0.55)
    scale = 4
    layer = np.zeros((height * scale // 2, side * scale // 2), np.uint8)
    generator = np.random.default_rng(seed)
    count = 9
    for index in range(count):
        span = layer.shape[1] * (0.05 + 0.025 * generator.random())
        row, arm = (index + 1) // 2, 1 if index % 2 else -1
        cx = layer.shape[1] * (0.5 + arm * row * 0.095 + 0.02 * generator.random())
        cy = layer.shape[0] * (0.2 + row * 0.15 + 0.06 * generator.random())
        lift = span * (0.35 + 0.4 * generator.random())
        t = np.linspace(0, 1, 9)
        for sign in (-1, 1):
            xs = cx + sign * span * t
            ys = cy - lift * np.sin(np.pi * np.minimum(t * 1.05, 1) * 0.8)
            points = np.stack([xs, ys], -1).round().astype(np.int32)
            cv2.polylines(layer, [points], False, 255, max(2, round(span / 7)), cv2.LINE_AA)
        cv2.ellipse(
            layer,
            (int(cx), int(cy)),
            (max(2, int(span / 6)), max(2, int(span / 5))),
            0,
            0,
            360,
            255,
            -1,
        )
    alpha = cv2.resize(layer, (side, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    colour = np.full((height, side, 3), 26, np.float32)
    return Sprite(colour, np.asarray(alpha * 0.92, np.float32))


class Thing(NamedTuple):
    """How a thing is drawn, how large (share of the shorter side), its height over width."""

    draw: Callable[[int, int], Sprite]
    size: float
    tall: float


THINGS: Mapping[str, Thing] = MappingProxyType(
    {
        "full_moon": Thing(_full_moon, 0.26, 1.0),
        "red_balloon": Thing(_red_balloon, 0.12, 2.1),
        "hot_air_balloon": Thing(_hot_air_balloon, 0.2, 1.4),
        "flock_of_birds": Thing(_flock_of_birds, 0.38, 0.55),
    }
)


PLURALS: Mapping[str, str] = MappingProxyType(
    {"red_balloons": "red_balloon", "hot_air_balloons": "hot_air_balloon"}
)
COUNTS: Mapping[str, int] = MappingProxyType({"two": 2, "three": 3, "four": 4, "five": 5})


class Spot(NamedTuple):
    """A free spot: its middle in shares, the unevenness and the mean Lab there."""

    centre: Point
    unevenness: float
    lab: Floats


class _Room(NamedTuple):
    """Unevenness (infinite where a thing does not fit) and mean Lab around each centre."""

    unevenness: Floats
    mean: Floats


def _room(scene: Scene, thing: str) -> _Room:
    """Return the room for a thing; measured once a scene."""
    known = scene.rooms.get(thing)
    if not isinstance(known, _Room):
        known = scene.rooms[thing] = _measured_room(scene, thing)
    return known


def _measured_room(scene: Scene, thing: str) -> _Room:
    kind = THINGS[thing]
    rows, columns = scene.lab.shape[:2]
    wide = max(3, round(kind.size * min(rows, columns)))
    tall = max(3, round(wide * kind.tall))
    mean = cv2.blur(scene.lab, (wide, tall))
    square = cv2.blur(scene.lab * scene.lab, (wide, tall))
    uneven = np.sqrt(np.maximum(square - mean * mean, 0).sum(-1))
    dy, dx = tall // 2 + 3, wide // 2 + 3
    framed = np.full((rows, columns), np.inf, np.float32)
    framed[dy : rows - dy, dx : columns - dx] = uneven[dy : rows - dy, dx : columns - dx]
    if scene.sky_mask is not None:
        # Under a sky, what flies is put into it.
        clear = cv2.erode(scene.sky_mask.astype(np.uint8), np.ones((tall, wide), np.uint8))
        framed[clear == 0] = np.inf
    return _Room(framed, np.asarray(mean, np.float32))


def _spot(room: _Room, cost: Floats) -> Spot | None:
    rows, columns = cost.shape
    row, column = divmod(int(np.argmin(cost)), columns)
    if not np.isfinite(cost[row, column]):
        return None
    centre = Point((column + 0.5) / columns, (row + 0.5) / rows)
    return Spot(centre, float(room.unevenness[row, column]), room.mean[row, column])


def spot_for(scene: Scene, thing: str, place: str) -> Spot | None:
    """Return the evenest spot at a place with room for the thing, or None."""
    return _spot_at(_room(scene, thing), place)


def places_for(scene: Scene, thing: str) -> Mapping[str, Spot]:
    """Return the evenest spot at each place that has room for the thing."""
    room = _room(scene, thing)
    spots = {place: _spot_at(room, place) for place in places.PLACES}
    return {place: spot for place, spot in spots.items() if spot is not None}


def _spot_at(room: _Room, place: str) -> Spot | None:
    rows, columns = room.unevenness.shape
    goal = places.point_of(place)
    x, y = (np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows
    away = np.maximum(np.abs(x - goal.x)[None], np.abs(y - goal.y)[:, None])
    cost = np.where(away < 0.13, room.unevenness + 10 * away, np.inf)
    return _spot(room, np.asarray(cost, np.float32))


def spots_for(scene: Scene, thing: str, count: int) -> tuple[Spot, ...]:
    """Return up to ``count`` free spots apart from each other, the highest and evenest first."""
    room, kind = _room(scene, thing), THINGS[thing]
    rows, columns = room.unevenness.shape
    wide = kind.size * min(rows, columns)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    cost = np.where(
        room.unevenness <= FREE_UNEVENNESS, room.unevenness + 8 * y / rows, np.float32(np.inf)
    )
    found: list[Spot] = []
    while len(found) < count:
        spot = _spot(room, np.asarray(cost, np.float32))
        if spot is None:
            break
        found.append(spot)
        dx = np.abs(x - spot.centre.x * columns) / (1.5 * wide)
        dy = np.abs(y - spot.centre.y * rows) / (1.15 * wide * kind.tall)
        cost[(dx < 1) & (dy < 1)] = np.inf
    return tuple(found)


def _put(image: Pixels, thing: str, spot: Spot, seed: int) -> Pixels:
    kind = THINGS[thing]
    height, width = image.shape[:2]
    sprite = kind.draw(max(12, round(kind.size * min(width, height))), seed)
    tall, wide = sprite.alpha.shape
    if tall > height or wide > width:
        raise EditorError(f"the picture is too narrow for a {thing.replace('_', ' ')}")
    x0 = int(np.clip(round(spot.centre.x * width - wide / 2), 0, width - wide))
    y0 = int(np.clip(round(spot.centre.y * height - tall / 2), 0, height - tall))
    out = image.copy()
    part = out[y0 : y0 + tall, x0 : x0 + wide]
    alpha = sprite.alpha[..., None]
    mixed = part + (sprite.colour - part) * alpha
    pasted = np.asarray(np.clip(mixed + 0.5, 0, 255), np.uint8)
    out[y0 : y0 + tall, x0 : x0 + wide] = np.where(alpha > 0.004, pasted, part)
    return out


def add(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Put a drawn thing at a place."""
    spot = spot_for(scene, slots["thing"], slots["place"])
    if spot is None or spot.unevenness > 2 * FREE_UNEVENNESS:
        words = f"{slots['thing']} {slots['place']}".replace("_", " ")
        raise EditorError(f"there is no free room for a {words}")
    return _put(scene.image, slots["thing"], spot, seed)


def populate(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Put an exact number of drawn things where there is free room."""
    thing, count = PLURALS[slots["things"]], COUNTS[slots["count"]]
    spots = spots_for(scene, thing, count)
    if len(spots) < count:
        raise EditorError(f"there is no free room for {count} {slots['things'].replace('_', ' ')}")
    out = scene.image
    for index, spot in enumerate(spots):
        out = _put(out, thing, spot, seed + index)
    return out
