"""Draws what is behind the objects: procedural places, from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.synthetic import words

Floats = NDArray[np.float32]
Painter = Callable[[NDArray[np.uint8], np.random.Generator, bool], None]
Rgb = tuple[int, int, int]
# CIE76 difference below which a thing is lost before a photograph.
_ALIKE = 28


def _bands(image: NDArray[np.uint8], *stops: tuple[float, Rgb]) -> None:
    """Fill with a vertical gradient through (height share, colour)."""
    at = np.array([stop[0] for stop in stops])
    y = np.linspace(0, 1, image.shape[0])
    for channel in range(3):
        column = np.interp(y, at, [stop[1][channel] for stop in stops])
        image[..., channel] = column[:, None]


def _polygon(image: NDArray[np.uint8], colour: Rgb, *points: tuple[float, float]) -> None:
    scaled = np.round(np.array(points) * (image.shape[1] * 16, image.shape[0] * 16))
    cv2.fillPoly(image, [scaled.astype(np.int32)], colour, cv2.LINE_AA, 4)


def _disc(image: NDArray[np.uint8], colour: Rgb, x: float, y: float, radius: float) -> None:
    height, width = image.shape[:2]
    centre = (round(x * width * 16), round(y * height * 16))
    cv2.circle(image, centre, round(radius * min(width, height) * 16), colour, -1, cv2.LINE_AA, 4)


def _clouds(image: NDArray[np.uint8], rng: np.random.Generator, below: float) -> None:
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(0.05, 0.95), rng.uniform(0.06, below)
        for _ in range(4):
            _disc(image, (248, 250, 252), x + rng.uniform(-0.07, 0.07), y, rng.uniform(0.02, 0.05))


def _hills(image: NDArray[np.uint8], colour: Rgb, foot: float, rng: np.random.Generator) -> None:
    x = np.linspace(0, 1, 24)
    a, b = rng.uniform(0, 6, 2)
    top = foot - 0.07 - 0.04 * np.sin(x * 5 + a) - 0.025 * np.sin(x * 11 + b)
    _polygon(image, colour, (0, foot), *zip(x, top, strict=True), (1, foot))


def _room(image: NDArray[np.uint8], rng: np.random.Generator, simple: bool) -> None:
    walls = [(224, 214, 196), (198, 212, 216), (214, 204, 220), (206, 216, 196)]
    wall = walls[int(rng.integers(4))]
    dim = (wall[0] - 14, wall[1] - 14, wall[2] - 14)
    _bands(image, (0, wall), (0.6, dim), (0.601, (176, 138, 98)), (1, (148, 110, 74)))
    if simple:
        return
    for x in np.linspace(-0.6, 1.6, 12):
        ends = [
            (x * image.shape[1], image.shape[0]),
            ((0.5 + (x - 0.5) * 0.55) * image.shape[1], 0.61 * image.shape[0]),
        ]
        start, end = (tuple(round(v * 16) for v in point) for point in ends)
        cv2.line(image, start, end, (132, 98, 64), 1, cv2.LINE_AA, 4)
    _polygon(image, (244, 242, 236), (0, 0.585), (1, 0.585), (1, 0.61), (0, 0.61))
    left = rng.uniform(0.08, 0.62)
    _polygon(
        image, (250, 248, 244), (left, 0.07), (left + 0.28, 0.07), (left + 0.28, 0.4), (left, 0.4)
    )
    for i in range(2):
        x = left + 0.015 + i * 0.13
        _polygon(image, (178, 214, 238), (x, 0.09), (x + 0.12, 0.09), (x + 0.12, 0.38), (x, 0.38))


def _field(image: NDArray[np.uint8], rng: np.random.Generator, simple: bool) -> None:
    _bands(
        image,
        (0, (120, 178, 232)),
        (0.5, (208, 230, 244)),
        (0.501, (112, 168, 78)),
        (1, (70, 124, 50)),
    )
    if simple:
        return
    _clouds(image, rng, 0.3)
    _hills(image, (96, 148, 88), 0.505, rng)
    _tufts(image, rng, (60, 110, 44), 90)


def _tufts(image: NDArray[np.uint8], rng: np.random.Generator, colour: Rgb, number: int) -> None:
    for x, y in rng.uniform((0, 0.54), (1, 1), (number, 2)):
        tall = 0.012 + 0.02 * (y - 0.5)
        _polygon(image, colour, (x - 0.004, y), (x, y - tall), (x + 0.004, y))


def _beach(image: NDArray[np.uint8], rng: np.random.Generator, simple: bool) -> None:
    _bands(
        image,
        *((0, (96, 170, 234)), (0.4, (206, 232, 246)), (0.401, (38, 112, 168))),
        *(
            (0.6, (90, 186, 200)),
            (0.615, (236, 240, 232)),
            (0.63, (236, 214, 164)),
            (1, (214, 184, 128)),
        ),
    )
    if simple:
        return
    _disc(image, (255, 246, 206), rng.uniform(0.15, 0.85), 0.14, 0.055)
    for x, y in rng.uniform((0, 0.43), (1, 0.58), (26, 2)):
        _polygon(image, (150, 206, 220), (x, y), (x + 0.05, y - 0.002), (x + 0.05, y + 0.003))
    for x, y in rng.uniform((0, 0.66), (1, 1), (50, 2)):
        _disc(image, (196, 166, 112), x, y, 0.003)


def _street(image: NDArray[np.uint8], rng: np.random.Generator, simple: bool) -> None:
    _bands(
        image,
        (0, (150, 190, 226)),
        (0.55, (214, 226, 234)),
        (0.551, (168, 166, 160)),
        (0.64, (168, 166, 160)),
        (0.641, (92, 94, 98)),
        (1, (72, 74, 78)),
    )
    x = -0.05
    while x < 1.0:
        wide, top = rng.uniform(0.16, 0.3), rng.uniform(0.08, 0.32)
        shade = int(rng.integers(120, 200))
        wall = (shade, shade - int(rng.integers(0, 30)), shade - int(rng.integers(10, 50)))
        _polygon(image, wall, (x, top), (x + wide, top), (x + wide, 0.555), (x, 0.555))
        for row in () if simple else np.arange(top + 0.04, 0.5, 0.1):
            for column in np.arange(x + 0.03, x + wide - 0.05, 0.07):
                _polygon(
                    image,
                    (66, 84, 106),
                    (column, row),
                    (column + 0.04, row),
                    (column + 0.04, row + 0.055),
                    (column, row + 0.055),
                )
        x += wide
    for left in np.arange(0.02, 1, 0.24):
        _polygon(
            image,
            (226, 220, 190),
            (left, 0.81),
            (left + 0.13, 0.81),
            (left + 0.13, 0.83),
            (left, 0.83),
        )


def _desert(image: NDArray[np.uint8], rng: np.random.Generator, simple: bool) -> None:
    _bands(
        image,
        (0, (106, 166, 214)),
        (0.5, (244, 224, 186)),
        (0.501, (226, 172, 96)),
        (1, (196, 132, 66)),
    )
    if simple:
        return
    _disc(image, (255, 244, 200), rng.uniform(0.1, 0.9), 0.15, 0.05)
    _hills(image, (206, 148, 84), 0.51, rng)
    x = rng.uniform(0.05, 0.9)
    green = (84, 124, 72)
    _polygon(image, green, (x, 0.38), (x + 0.025, 0.38), (x + 0.025, 0.58), (x, 0.58))
    _polygon(
        image,
        green,
        (x - 0.035, 0.42),
        (x - 0.015, 0.42),
        (x - 0.015, 0.47),
        (x, 0.47),
        (x, 0.495),
        (x - 0.035, 0.495),
    )


def _snowfield(image: NDArray[np.uint8], rng: np.random.Generator, simple: bool) -> None:
    _bands(
        image,
        (0, (150, 178, 206)),
        (0.5, (222, 230, 238)),
        (0.501, (240, 244, 250)),
        (1, (204, 218, 236)),
    )
    if simple:
        return
    for x in rng.uniform(0, 0.9, 3):
        tall, wide = rng.uniform(0.14, 0.26), rng.uniform(0.16, 0.26)
        _polygon(image, (120, 138, 162), (x - wide, 0.51), (x, 0.51 - tall), (x + wide, 0.51))
        _polygon(
            image,
            (246, 248, 252),
            (x - wide * 0.3, 0.51 - tall * 0.7),
            (x, 0.51 - tall),
            (x + wide * 0.3, 0.51 - tall * 0.7),
        )


def _forest(image: NDArray[np.uint8], rng: np.random.Generator, simple: bool) -> None:
    _bands(
        image, (0, (92, 140, 96)), (0.55, (176, 204, 150)), (0.56, (92, 112, 58)), (1, (70, 84, 44))
    )
    for x in () if simple else np.sort(rng.uniform(0, 1, 14)):
        wide = rng.uniform(0.012, 0.028)
        shade = int(rng.integers(0, 30))
        _polygon(
            image,
            (66 + shade, 50 + shade, 36 + shade),
            (x - wide, 0.6),
            (x - wide * 0.7, 0),
            (x + wide * 0.7, 0),
            (x + wide, 0.6),
        )
    for x in np.linspace(0, 1, 7 if simple else 13):
        shade = int(rng.integers(-14, 14))
        _disc(
            image,
            (44 + shade, 96 + shade, 48 + shade),
            x,
            rng.uniform(0, 0.06),
            rng.uniform(0.08, 0.13),
        )
    if not simple:
        _tufts(image, rng, (52, 74, 34), 60)


def _starry(image: NDArray[np.uint8], rng: np.random.Generator, simple: bool) -> None:
    _bands(image, (0, (10, 12, 42)), (0.7, (44, 40, 92)), (1, (84, 62, 116)))
    for x, y in rng.uniform(0, 1, (12 if simple else 80, 2)):
        _disc(image, (250, 248, 230), x, y * 0.9, rng.uniform(0.002, 0.006))
    if not simple:
        _disc(image, (244, 240, 214), rng.uniform(0.1, 0.9), 0.13, 0.06)


def _studio(image: NDArray[np.uint8], rng: np.random.Generator, simple: bool) -> None:
    tint = np.array([(204, 206, 212), (214, 204, 196), (196, 210, 206)][int(rng.integers(3))])
    ends = [tuple(int(v) for v in np.clip(tint + step, 0, 255)) for step in (-14, 26, 6, 34)]
    _bands(image, (0, ends[0]), (0.62, ends[1]), (0.66, ends[2]), (1, ends[3]))  # type: ignore[arg-type]


PAINTERS: MappingProxyType[str, Painter] = MappingProxyType(
    {
        "room": _room,
        "field": _field,
        "beach": _beach,
        "street": _street,
        "desert": _desert,
        "snowfield": _snowfield,
        "forest": _forest,
        "starry sky": _starry,
        "studio": _studio,
    }
)


@lru_cache(maxsize=8)
def _procedural(name: str, look: int, width: int, height: int, simple: bool) -> Floats:
    image = np.zeros((height, width, 3), np.uint8)
    rng = np.random.default_rng([look, len(name)])
    PAINTERS[name](image, rng, simple)
    painted = image.astype(np.float32)
    if not simple:
        grain = rng.normal(0, 2.2, (height // 2 + 1, width // 2 + 1)).astype(np.float32)
        painted += cv2.resize(grain, (width, height))[..., None]
    painted.setflags(write=False)
    return painted


def fitted(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the middle of a photograph, uint8 (H, W, 3), that fills a width and height."""
    tall, wide = image.shape[:2]
    width, height = size
    if (wide, tall) == size:
        return image
    scale = max(width / wide, height / tall)
    sized = cv2.resize(
        image,
        (max(round(wide * scale), width), max(round(tall * scale), height)),
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC,
    )
    top, left = (sized.shape[0] - height) // 2, (sized.shape[1] - width) // 2
    return np.asarray(sized[top : top + height, left : left + width], np.uint8)


def swallowed(image: NDArray[np.uint8]) -> tuple[str, ...]:
    """Return the colours, at most five, that a photograph's lower half, where things stand, has."""
    small = cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA)[8:].reshape(-1, 3)
    known = np.array([rgb for rgb, _ in words.COLOURS.values()], np.uint8)
    here, named = (
        cv2.cvtColor(each[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
        for each in (small, known)
    )
    alike = np.linalg.norm(here[:, None] - named, axis=2) < _ALIKE
    shares = dict(zip(words.COLOURS, alike.mean(0), strict=True))
    found = [name for name, share in shares.items() if share > 0.25]
    return tuple(sorted(found, key=lambda name: -shares[name])[:5])


def backdrop(
    name: str,
    look: int,
    size: tuple[int, int],
    simple: bool,
    photographs: Sequence[NDArray[np.uint8]] = (),
) -> Floats:
    """Return a backdrop as float32 (H, W, 3), 0 to 255, which the caller must not write to.

    Args:
        look: seeds the details; for ``photograph`` which of ``photographs``.
        size: width and height.
        simple: leave the small details out.
    """
    if name == "photograph":
        return fitted(photographs[look % len(photographs)], size).astype(np.float32)
    return _procedural(name, look, *size, simple)
