"""Damage to a picture, and the measures that tell whether a person would notice it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import cv2
import numpy as np

from unicedit_assets.classical import colours, masks
from unicedit_assets.classical.colours import Floats
from unicedit_assets.classical.masks import Mask
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.roles import Pixels

MEASURE_SIDE = 512
LEAST_COLLATERAL = 0.008
_VISIBLE = 15.0


@dataclass(frozen=True)
class Damaged:
    """A damaged picture and how it was damaged."""

    pixels: Pixels
    detail: Mapping[str, Json] = field(default_factory=dict)


def _small_lab(image: Pixels) -> Floats:
    scale = min(1.0, MEASURE_SIDE / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return colours.to_lab_coarse(
        np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    )


def change_map(one: Pixels, other: Pixels) -> Floats:
    """Return the colour difference (CIE76) of two pictures at measuring scale."""
    return colours.distance(_small_lab(one), _small_lab(other))


def clearly_differ(one: Pixels, other: Pixels) -> bool:
    """Tell whether a person would see two pictures as different."""
    change = change_map(one, other)
    return bool((change > 12).mean() > 0.002 and change.mean() > 0.15)


def _jpeg(image: Pixels, quality: int) -> Pixels:
    # 4:4:4, so that only the quality decides what is lost.
    settings = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), settings)
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def unedited(image: Pixels, how: str, draw: np.random.Generator) -> Pixels:
    """Return the source again: to the byte, re-encoded, or with a jitter of one step."""
    if how == "jpeg":
        return _jpeg(image, int(draw.integers(92, 99)))
    if how == "jitter":
        noise = draw.integers(-1, 2, image.shape, np.int16)
        return np.asarray(np.clip(image + noise, 0, 255), np.uint8)
    return image.copy()


def _blur(image: Pixels, draw: np.random.Generator) -> Pixels:
    sigma = float(draw.uniform(5, 9)) * max(image.shape[:2]) / 1248
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def _heavy_jpeg(image: Pixels, draw: np.random.Generator) -> Pixels:
    return _jpeg(image, int(draw.integers(3, 8)))


def _blocks(image: Pixels, draw: np.random.Generator) -> Pixels:
    height, width = image.shape[:2]
    side = int(draw.choice([8, 12, 16]))
    size = (max(1, width // side), max(1, height // side))
    cells = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(cells, (width, height), interpolation=0), np.uint8)


def _black(image: Pixels, draw: np.random.Generator) -> Pixels:
    if draw.random() < 0.3:
        return np.zeros_like(image)
    height, width = image.shape[:2]
    tall, wide = (int(side * draw.uniform(0.4, 0.7)) for side in (height, width))
    y, x = int(draw.integers(0, height - tall)), int(draw.integers(0, width - wide))
    out = image.copy()
    out[y : y + tall, x : x + wide] = 0
    return out


def _noise(image: Pixels, draw: np.random.Generator) -> Pixels:
    noise = draw.standard_normal(image.shape, np.float32) * np.float32(draw.uniform(32, 55))
    return np.asarray(np.clip(image + noise, 0, 255), np.uint8)


DEGRADATIONS: Mapping[str, Callable[[Pixels, np.random.Generator], Pixels]] = MappingProxyType(
    {"blur": _blur, "jpeg": _heavy_jpeg, "blocks": _blocks, "black": _black, "noise": _noise}
)


def lightly_degraded(right: Pixels, draw: np.random.Generator) -> tuple[Pixels, str] | None:
    """Return a picture whose damage shows while the edit can still be seen, and the kind of damage.

    None where no kind shows on this picture.
    """
    for how in draw.permutation(sorted(_LIGHT)):
        pixels = _LIGHT[str(how)](right, draw)
        if visibly_degraded(right, pixels):
            return pixels, str(how)
    return None


def _light_blur(image: Pixels, draw: np.random.Generator) -> Pixels:
    sigma = float(draw.uniform(2.5, 4.0)) * max(image.shape[:2]) / 1248
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def _light_noise(image: Pixels, draw: np.random.Generator) -> Pixels:
    noise = draw.standard_normal(image.shape, np.float32) * np.float32(draw.uniform(18, 28))
    return np.asarray(np.clip(image + noise, 0, 255), np.uint8)


_LIGHT: Mapping[str, Callable[[Pixels, np.random.Generator], Pixels]] = MappingProxyType(
    {
        "blur": _light_blur,
        "noise": _light_noise,
        "jpeg": lambda image, draw: _jpeg(image, int(draw.integers(9, 16))),
    }
)


def _detail(image: Pixels) -> float:
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return float(np.abs(cv2.Laplacian(gray, cv2.CV_16S)).mean())


def _blockiness(image: Pixels) -> float:
    """Return how much larger steps are on the borders of 8 x 8 blocks than elsewhere."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.int16)
    steps = np.abs(np.diff(gray, axis=1)).mean(0)
    border = np.arange(len(steps)) % 8 == 7
    return float((steps[border].mean() + 0.5) / (steps[~border].mean() + 0.5))


def visibly_degraded(right: Pixels, damaged: Pixels) -> bool:
    """Tell whether detail is clearly lost or gained, or large parts are gone."""
    before, after = _detail(right), _detail(damaged)
    difference = float(cv2.absdiff(right, damaged).mean())
    lost = after < 0.4 * before and before > 2.5
    gained = after > 2.5 * before and after > 12
    blocky = _blockiness(damaged) > 1.5 * _blockiness(right)
    return difference > 2.5 and (lost or gained or blocky or difference > 9)


def shifted(right: Pixels, draw: np.random.Generator) -> Damaged:
    """Return the picture moved by 3-12 pixels or enlarged by 1.5-4 %, its border repeated."""
    height, width = right.shape[:2]
    if draw.random() < 0.6:
        angle, length = draw.uniform(0, 2 * np.pi), draw.uniform(3, 12)
        dx, dy = float(np.round(length * np.cos(angle))), float(np.round(length * np.sin(angle)))
        move = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        detail: dict[str, Json] = {"how": "move", "dx": dx, "dy": dy}
    else:
        scale = float(draw.uniform(1.015, 1.04))
        move = np.array(
            [[scale, 0, (1 - scale) * width / 2], [0, scale, (1 - scale) * height / 2]], np.float32
        )
        detail = {"how": "zoom", "scale": round(scale, 4)}
    moved = cv2.warpAffine(
        right, move, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return Damaged(np.asarray(moved, np.uint8), detail)


def visibly_shifted(right: Pixels, moved: Pixels) -> bool:
    """Tell whether the picture has detail enough for a shift to show."""
    return bool(cv2.absdiff(right, moved).mean() > 1.5)


def collateral(source: Pixels, right: Pixels, draw: np.random.Generator) -> Damaged | None:
    """Return the right edit with a visible change elsewhere, or None when there is no room.

    Elsewhere means away from what the right edit changed; where it changed the whole picture,
    anywhere.
    """
    height, width = right.shape[:2]
    changed = change_map(source, right) > 4
    whole = changed.mean() > 0.6
    free = np.ones_like(changed) if whole else ~masks.grown(changed, 6)
    for attempt in range(12):
        patch = _patch(free, draw, 0.06 * 0.85**attempt)
        if patch is None:
            continue
        how = ("recolor", "paste", "erase", "blur")[int(draw.integers(4))]
        alpha = masks.feathered(patch, width, height, 6)
        pixels = masks.blend(right, _harm(right, alpha, how, draw), alpha)
        visible = _noticed(right, pixels, how)
        if visible >= LEAST_COLLATERAL:
            box = masks.box_of(patch)
            where = [
                box.x0 / patch.shape[1],
                box.y0 / patch.shape[0],
                box.x1 / patch.shape[1],
                box.y1 / patch.shape[0],
            ]
            return Damaged(pixels, {"how": how, "share": round(visible, 5), "box": where})
    return None


def _noticed(right: Pixels, harmed: Pixels, how: str) -> float:
    """Return the share of the picture in which a person would notice the harm.

    A paste into like texture differs in every pixel and shows in none: colours are compared after
    a blur. Only lost detail itself (``blur``) is compared pixel by pixel.
    """
    one, other = _small_lab(right), _small_lab(harmed)
    if how != "blur":
        one, other = (
            np.asarray(cv2.GaussianBlur(lab, (0, 0), 4), np.float32) for lab in (one, other)
        )
    return float((colours.distance(one, other) > _VISIBLE).mean())


def _patch(free: Mask, draw: np.random.Generator, most: float) -> Mask | None:
    """Return a drawn ellipse or rectangle that lies wholly where it is free."""
    height, width = free.shape
    area = draw.uniform(min(0.013, most), most) * height * width
    aspect = draw.uniform(0.6, 1.7)
    rx, ry = np.sqrt(area * aspect / np.pi), np.sqrt(area / aspect / np.pi)
    box = cv2.erode(
        np.pad(free, 1).astype(np.uint8), np.ones((2 * int(ry) + 7, 2 * int(rx) + 7), np.uint8)
    )[1:-1, 1:-1]
    spots = np.flatnonzero(box)
    if not len(spots):
        return None
    y, x = divmod(int(spots[draw.integers(len(spots))]), width)
    layer = np.zeros((height, width), np.uint8)
    if draw.random() < 0.5:
        cv2.ellipse(layer, (x, y), (int(rx), int(ry)), 0, 0, 360, 1, -1)
    else:
        dx, dy = int(rx * 0.89), int(ry * 0.89)
        cv2.rectangle(layer, (x - dx, y - dy), (x + dx, y + dy), 1, -1)
    return np.asarray(layer > 0)


def _harm(right: Pixels, alpha: Floats, how: str, draw: np.random.Generator) -> Pixels:
    height, width = right.shape[:2]
    if how == "recolor":
        turned = cv2.cvtColor(right, cv2.COLOR_RGB2HSV)
        turned[..., 0] = (turned[..., 0] + int(draw.integers(50, 130))) % 180
        turned[..., 1] = np.clip(turned[..., 1].astype(np.int16) + 110, 0, 255)
        return np.asarray(cv2.cvtColor(turned, cv2.COLOR_HSV2RGB), np.uint8)
    if how == "paste":
        dx, dy = int(draw.integers(width // 4, width * 3 // 4)), int(draw.integers(0, height // 2))
        return np.roll(right, (dy, dx), (0, 1))
    if how == "erase":
        mean = right[alpha > 0.5].mean(0)
        flat = mean + (128 - mean) * 0.4 + draw.uniform(-25, 25)
        return np.asarray(np.broadcast_to(np.clip(flat, 0, 255), right.shape), np.uint8)
    return np.asarray(cv2.GaussianBlur(right, (0, 0), max(height, width) / 50), np.uint8)
