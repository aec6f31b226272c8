"""What the colour words mean: naming in CIE L*C*h, and a prototype for each word.

Thresholds follow the usual basic colour terms: lightness and chroma part the achromatic words,
hue angle parts the rest, and brown is dark orange.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.domain.roles import Pixels

Floats = NDArray[np.float32]
Names = NDArray[np.uint8]
# What OpenCV and numpy hand around where the exact type does not matter.
Array = NDArray[np.integer[Any] | np.floating[Any]]

WORDS: tuple[str, ...] = (
    "red",
    "orange",
    "yellow",
    "green",
    "cyan",
    "blue",
    "purple",
    "pink",
    "brown",
    "black",
    "white",
    "gray",
)
_INDEX = {word: index for index, word in enumerate(WORDS)}

PROTOTYPES: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "red": (205, 30, 35),
        "orange": (240, 130, 20),
        "yellow": (245, 215, 35),
        "green": (45, 150, 60),
        "cyan": (40, 195, 205),
        "blue": (40, 85, 205),
        "purple": (130, 60, 175),
        "pink": (240, 130, 175),
        "brown": (120, 75, 40),
        "black": (18, 18, 20),
        "white": (246, 246, 244),
        "gray": (128, 128, 128),
    }
)

# Upper hue angle (degrees) of each chromatic word, in order; the circle closes with pink and red.
_HUES = (
    (18.0, "pink"),
    (46.0, "red"),
    (74.0, "orange"),
    (106.0, "yellow"),
    (172.0, "green"),
    (232.0, "cyan"),
    (296.0, "blue"),
    (332.0, "purple"),
    (360.0, "pink"),
)


def to_lab(image: Pixels) -> Floats:
    """Return CIE Lab (L 0-100) as float32, the shape of the image."""
    scaled = image.astype(np.float32) * np.float32(1 / 255)
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2Lab), np.float32)


_COARSE = np.stack(
    [(np.arange(256) - zero) * gain for zero, gain in ((0, 100 / 255), (128, 1), (128, 1))],
    -1,
).astype(np.float32)[None]


def to_lab_coarse(image: Pixels) -> Floats:
    """Return CIE Lab to about one unit, several times faster: enough to measure a change."""
    return np.asarray(cv2.LUT(cv2.cvtColor(image, cv2.COLOR_RGB2Lab), _COARSE), np.float32)


def from_lab(lab: Floats) -> Pixels:
    """Return uint8 RGB of CIE Lab values, clipped to the gamut."""
    rgb = cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)
    return np.asarray(np.clip(rgb * 255 + 0.5, 0, 255), np.uint8)


@cache
def prototype_lab(word: str) -> Floats:
    """Return the Lab value that a colour word stands for.

    Raises:
        KeyError: not a colour word.
    """
    return np.asarray(to_lab(np.array([[PROTOTYPES[word]]], np.uint8))[0, 0], np.float32)


def name_indices(lab: Floats) -> Names:
    """Return the index into ``WORDS`` of each Lab value; shape without the last axis."""
    light, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    chroma = np.hypot(a, b)
    hue = np.degrees(np.arctan2(b, a)) % 360
    bounds = np.array([bound for bound, _ in _HUES], np.float32)
    by_hue = np.array([_INDEX[word] for _, word in _HUES] + [_INDEX["pink"]], np.uint8)
    names = by_hue[np.searchsorted(bounds, hue)]
    names = np.where((names == _INDEX["pink"]) & (hue < 30) & (light < 48), _INDEX["red"], names)
    names = np.where((names == _INDEX["red"]) & (light > 68) & (chroma < 45), _INDEX["pink"], names)
    earthy = (hue > 35) & (hue < 92) & (light < 58) & (chroma < 52)
    names = np.where(earthy, _INDEX["brown"], names)
    gray_below = np.where(light > 85, 7.0, 9.0) + np.where(light < 25, 3.0, 0.0)
    achromatic = np.where(
        light < 24, _INDEX["black"], np.where(light > 84, _INDEX["white"], _INDEX["gray"])
    )
    names = np.where((chroma < gray_below) | (light < 11), achromatic, names)
    return np.asarray(names, np.uint8)


def name_of(lab: Floats) -> str:
    """Return the colour word of one Lab value."""
    return WORDS[int(name_indices(np.asarray(lab, np.float32)[None])[0])]


def distance(one: Array, other: Array) -> Floats:
    """Return the CIE76 colour difference along the last axis."""
    apart = one - other
    return np.asarray(np.sqrt(np.einsum("...i,...i->...", apart, apart)), np.float32)


def edge_strength(lab: Floats) -> Floats:
    """Return the length of the Lab gradient per pixel."""
    gx, gy = (cv2.Sobel(lab, cv2.CV_32F, *order) / 8 for order in ((1, 0), (0, 1)))
    return np.asarray(np.sqrt((gx * gx + gy * gy).sum(-1)), np.float32)
