"""Things cut out of photographs: RGBA files of a folder, each of a class of the vocabulary.

Debian's package ``tuxpaint-stamps-default`` (GPL-2) has some; ``_STAMPS`` tells what is seen in
those that are photographs. In any other folder a file's name, or its folder's, is its class:
``cat-2.png``, ``cat/tom.png``. What has no class is not used.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unicedit_assets.domain.identity import digest
from unicedit_assets.synthetic import words

Floats = NDArray[np.float32]

_STAMPS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            [f"sports/{name}" for name in ("basketball", "soccer", "tennis_ball")], "ball"
        ),
        **dict.fromkeys(
            [f"vehicles/auto/{name}" for name in ("beetle", "sedan", "sportscar2")], "car"
        ),
        **dict.fromkeys(["animals/mammals/dogs/dingo", "animals/mammals/dogs/dog"], "dog"),
        **dict.fromkeys([f"plants/mushrooms/{name}" for name in ("cep", "cep-1")], "mushroom"),
        **dict.fromkeys(
            [f"plants/trees/{name}" for name in ("holm_oak", "liberia-palm", "tree336")], "tree"
        ),
        **dict.fromkeys(
            [
                f"plants/flowers/{name}"
                for name in (
                    *("adeenia", "anemone_red", "bolsom", "daffodil", "flower2", "flower3"),
                    *("flower6", "flower8", "flower9", "marigold", "pigface"),
                    *("red-gazania", "yellow-flower"),
                )
            ],
            "flower",
        ),
        "household/dishes/mug": "cup",
    }
)
# Nothing can be cut out of a photograph whose text, face or pose the scene would have to know.
CLASSES = tuple(name for name in words.CLASSES if name not in ("person", "sign"))
_NAMED = re.compile(rf"({'|'.join(CLASSES)})s?[-_ ]?\d*", re.IGNORECASE)
# Balls, and blossoms without a stem, look the same however they are turned.
_ROUND = ("ball", "flower")
_MOST_PIXELS = 16_000_000
_LEAST_SIDE, _MOST_SIDE = 64, 256
# Of its shorter side: what is thinner has no shape.
_LEAST_THICKNESS = 12
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


class CutoutError(Exception):
    """A folder has no cut-outs; the message names it and what to do."""


@dataclass(frozen=True)
class Cutout:
    """One thing; two of equal content are equal.

    Attributes:
        name: its file, relative to its folder, without the ending.
        kind: a key of ``words.CLASSES``.
        sha256: of its file.
        colour: a key of ``words.COLOURS`` that its main part has by itself; empty: none clearly.
        pixels: uint8 (H, W, 4), RGBA, no larger than 256 pixels a side, without margins.
        body: uint8 (H, W), how far a pixel is of the main part, which has the item's colour.
    """

    name: str
    kind: str
    sha256: str
    colour: str = field(compare=False)
    pixels: NDArray[np.uint8] = field(compare=False, repr=False)
    body: NDArray[np.uint8] = field(compare=False, repr=False)

    @property
    def aspect(self) -> float:
        """Width over height."""
        tall, wide = self.body.shape
        return float(wide / tall)

    @property
    def upright(self) -> bool:
        """Whether anybody can tell that it stands on its head or lies on its side."""
        solid = self.pixels[..., 3] > 127
        turned = np.flip(solid)
        overlap = (solid & turned).sum() / (solid | turned).sum()
        return self.kind not in _ROUND and bool(overlap < 0.65)

    def painted(self, colour: str) -> Floats:
        """Return it in a colour of the vocabulary: float32 (H, W, 3), 0 to 255, not premultiplied.

        What is its own colour stays as it was photographed. Else its main part takes the colour,
        lighter and darker as the photograph was, and the rest (tyres, windows) stays.
        """
        photographed = self.pixels[..., :3].astype(np.float32)
        if colour == self.colour:
            return photographed
        body = (self.body / np.float32(255))[..., None]
        main = _main(self.pixels, self.body)
        return photographed + body * (_tinted(photographed, main, colour) - photographed)


def _main(rgba: NDArray[np.uint8], body: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (body > 127) & (rgba[..., 3] > 127)


def _tinted(photographed: Floats, main: NDArray[np.bool_], colour: str) -> Floats:
    """Return the colour with the light and shade of a photograph."""
    target = np.array(words.COLOURS[colour][0], np.float32)
    luma = photographed @ _GREY
    # Dark things have little light and shade to go by, and much noise: hence the offset.
    shade = (luma + 24) / (np.median(luma[main]) + 24)
    dark = np.minimum(shade, 1)[..., None] ** np.float32(0.8)
    glint = (1 - 1 / np.maximum(shade, 1))[..., None] * np.float32(0.7)
    return np.asarray(target * dark * (1 - glint) + 255 * glint, np.float32)


@dataclass(frozen=True)
class Cutouts:
    """All cut-outs of a folder.

    Attributes:
        of_class: class -> its cut-outs, by name.
        fingerprint: hash of all files and what they are taken for.
    """

    of_class: Mapping[str, tuple[Cutout, ...]]
    fingerprint: str


def load_cutouts(folder: Path) -> Cutouts:
    """Read a folder of cut-outs; what has not changed since is not read again.

    Raises:
        CutoutError: it is no folder, or none of its files can be used.
    """
    if not folder.is_dir():
        raise CutoutError(f"{folder} is not a folder of cut-outs: make it, or name another one")
    files = [(path, kind, path.stat()) for path, kind in _files(folder) if path.is_file()]
    return _loaded(folder, tuple((p, kind, s.st_size, s.st_mtime_ns) for p, kind, s in files))


@lru_cache(maxsize=2)
def _loaded(folder: Path, files: tuple[tuple[Path, str, int, int], ...]) -> Cutouts:
    read = (_read(folder, path, kind) for path, kind, *_ in files)
    found = [one for one in read if one is not None]
    if not found:
        raise CutoutError(
            f"{folder} holds no cut-outs: RGBA files such as cat-2.png or cat/tom.png, of at least "
            f"{_LEAST_SIDE} pixels; classes are {', '.join(CLASSES)}"
        )
    kinds = sorted({one.kind for one in found})
    return Cutouts(
        MappingProxyType({kind: tuple(o for o in found if o.kind == kind) for kind in kinds}),
        digest("cutouts", [[one.name, one.kind, one.sha256] for one in found]),
    )


def _files(folder: Path) -> list[tuple[Path, str]]:
    """Return the files that have a class, by name; the package's own by its list alone."""
    stamps = [(folder / f"{name}.png", kind) for name, kind in sorted(_STAMPS.items())]
    there = [(path, kind) for path, kind in stamps if path.is_file()]
    if there:
        return there
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".png")
    return [(path, kind) for path in paths if (kind := _class_of(path.relative_to(folder)))]


def _class_of(path: Path) -> str:
    """Return the class that a name says: the file's, else that of the nearest folder that does."""
    for part in (path.stem, *reversed(path.parts[:-1])):
        named = _NAMED.fullmatch(part)
        if named:
            return named[1].lower()
    return ""


def _read(folder: Path, path: Path, kind: str) -> Cutout | None:
    """Return the cut-out of a file; None where it is none, too small or too large."""
    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.width * image.height > _MOST_PIXELS:
                return None
            rgba = np.array(image.convert("RGBA"), np.uint8)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    trimmed = _trimmed(rgba)
    if trimmed is None:
        return None
    body = _body(trimmed)
    name = path.relative_to(folder).with_suffix("").as_posix()
    sha256 = hashlib.sha256(data).hexdigest()
    return Cutout(name, kind, sha256, _own_colour(trimmed, body), trimmed, body)


def _trimmed(rgba: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Cut the margins off and shrink; None where nothing was cut out or too little is left."""
    seen = rgba[..., 3] > 127
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not len(rows):
        return None
    cut = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    tall, wide = cut.shape[:2]
    if max(tall, wide) < _LEAST_SIDE or (cut[..., 3] > 127).mean() > 0.99:
        return None
    scale = min(_MOST_SIDE / max(tall, wide), 1.0)
    size = (round(wide * scale), round(tall * scale))
    if min(size) < _LEAST_THICKNESS:
        return None
    alpha = cut[..., 3:].astype(np.float32) / 255
    # Premultiplied, so that the colour of what was cut away does not bleed in.
    colour = cv2.resize(cut[..., :3] * alpha, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    colour = colour / np.maximum(small, 1e-3)[..., None]
    whole = np.concatenate([np.minimum(colour, 255), small[..., None] * 255], axis=2)
    shrunk = np.asarray(np.rint(whole), np.uint8)
    return shrunk if (shrunk[..., 3] > 127).any() else None


def _lab(rgb: NDArray[np.uint8]) -> Floats:
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def _body(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the main part: all, or all but what is dark and colourless, such as tyres."""
    solid = rgba[..., 3] > 127
    lab = _lab(np.ascontiguousarray(rgba[..., :3]))
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    # For its lightness, as shadows in a tree's leaves are less colourful and yet green.
    colourful = chroma / (lab[..., 0] + 8)
    # Of the surroundings, so that a speck is no part of its own.
    weight = np.maximum(cv2.GaussianBlur(solid * 1.0, (0, 0), 2), 1e-3)
    near, light = (
        cv2.GaussianBlur(each * solid, (0, 0), 2) / weight for each in (colourful, lab[..., 0])
    )
    strong = max(float(np.percentile(colourful[solid], 75)), 1e-3)
    share = np.clip(np.maximum((near / strong - 0.25) / 0.2, (light - 38) / 12), 0, 1)
    if np.percentile(chroma[solid], 75) < 12 or not 0.4 < share[solid].mean() < 0.95:
        share = np.ones_like(share)
    return np.asarray(np.rint(share * 255), np.uint8)


def _own_colour(rgba: NDArray[np.uint8], body: NDArray[np.uint8]) -> str:
    """Return the colour that nearly everybody would call the main part by, or nothing."""
    named = _lab(np.array([rgb for rgb, _ in words.COLOURS.values()], np.uint8)[None])[0]
    own = np.median(_lab(np.ascontiguousarray(rgba[..., :3]))[_main(rgba, body)], axis=0)
    away = np.linalg.norm(own - named, axis=1)
    first, second = np.argsort(away)[:2]
    name = list(words.COLOURS)[int(first)]
    # The eye is quick to see a tinge, and to call a brown something else.
    most = 12 if name in ("white", "grey", "black", "brown") else 19
    clear = away[first] < most and away[second] > away[first] + 12
    return name if clear else ""
