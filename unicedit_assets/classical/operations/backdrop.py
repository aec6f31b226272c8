"""Background Change and Object Extraction: what is cut out stays, the rest is replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np

from unicedit_assets.classical import masks
from unicedit_assets.classical.colours import Array, Floats
from unicedit_assets.classical.operations.noise import clouds, stars
from unicedit_assets.classical.regions import Region
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.roles import Pixels

GROUNDS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {"white": (255, 255, 255), "black": (0, 0, 0), "green": (20, 170, 70)}
)


def _gradient(height: int, width: int, stops: list[tuple[float, tuple[int, int, int]]]) -> Floats:
    share = np.linspace(0, 1, height)
    at = [stop for stop, _ in stops]
    columns = [np.interp(share, at, [colour[i] for _, colour in stops]) for i in range(3)]
    return np.asarray(np.repeat(np.stack(columns, -1)[:, None], width, axis=1), np.float32)


def _white_studio(scene: Scene, seed: int) -> Floats:
    return _gradient(
        scene.height,
        scene.width,
        [(0, (250, 250, 250)), (0.7, (240, 240, 240)), (1, (226, 226, 228))],
    )


def _sunset(scene: Scene, seed: int) -> Floats:
    base = _gradient(
        scene.height,
        scene.width,
        [
            (0, (72, 62, 110)),
            (0.3, (190, 96, 110)),
            (0.55, (246, 150, 84)),
            (0.8, (255, 206, 120)),
            (1, (255, 214, 140)),
        ],
    )
    cloud = np.clip(clouds(scene.width, scene.height, 4, seed) * 2 - 0.95, 0, 1)[..., None]
    tinted = base + (np.array([120, 60, 80], np.float32) - base) * cloud * 0.55
    return np.asarray(tinted, np.float32)


def _starry_night(scene: Scene, seed: int) -> Floats:
    base = _gradient(
        scene.height, scene.width, [(0, (6, 8, 26)), (0.6, (18, 26, 62)), (1, (42, 52, 92))]
    )
    milky = np.clip(clouds(scene.width, scene.height, 3, seed + 1) - 0.45, 0, 1)[..., None]
    shine = stars(scene.width, scene.height, 900, seed)[..., None]
    lit = milky * np.array([46, 40, 74]) + shine * np.array([235, 238, 255])
    return np.asarray(base + lit, np.float32)


def _clear_blue(scene: Scene, seed: int) -> Floats:
    return _gradient(
        scene.height,
        scene.width,
        [(0, (52, 118, 206)), (0.6, (128, 182, 236)), (1, (206, 228, 246))],
    )


def _overcast(scene: Scene, seed: int) -> Floats:
    base = _gradient(scene.height, scene.width, [(0, (142, 146, 152)), (1, (204, 206, 208))])
    relief = clouds(scene.width, scene.height, 4, seed, 5)[..., None] - 0.5
    return base + relief * np.array([70, 70, 68], np.float32)


def _blurred(scene: Scene, seed: int) -> Floats:
    sigma = max(scene.width, scene.height) / 60
    return np.asarray(cv2.GaussianBlur(scene.image, (0, 0), sigma), np.float32)


BACKDROPS: Mapping[str, Callable[[Scene, int], Array]] = MappingProxyType(
    {
        "white_studio": _white_studio,
        "sunset": _sunset,
        "starry_night": _starry_night,
        "clear_blue": _clear_blue,
        "overcast": _overcast,
        "blurred": _blurred,
    }
)


def _foreground(image: Pixels, alpha: Floats) -> Pixels:
    """Return the picture with the cutout's own colours carried outward over its soft edge."""
    height, width = alpha.shape
    size = (max(1, width // 4), max(1, height // 4))
    sure = (alpha > 0.97).astype(np.float32)
    weight = cv2.resize(sure, size, interpolation=cv2.INTER_AREA)
    sums = cv2.resize(image * sure[..., None], size, interpolation=cv2.INTER_AREA)
    reach = (0, 0)
    soft_weight = cv2.GaussianBlur(weight, reach, 2.0)
    carried = cv2.GaussianBlur(sums, reach, 2.0) / np.maximum(soft_weight, 1e-4)[..., None]
    full = cv2.resize(carried, (width, height))
    known = cv2.resize(np.asarray(soft_weight > 1e-3, np.float32), (width, height))[..., None]
    keep = np.clip(alpha, 0, 1)[..., None] ** 2
    mixed = image * keep + (full * known + image * (1 - known)) * (1 - keep)
    return np.asarray(np.clip(mixed + 0.5, 0, 255), np.uint8)


def over(scene: Scene, alpha: Floats, ground: Array) -> Pixels:
    """Return the cutout over a new ground; where alpha is 1 the bytes are the photograph's own."""
    front = _foreground(scene.image, alpha).astype(np.float32)
    weight = alpha[..., None]
    mixed = np.asarray(np.clip(ground + (front - ground) * weight + 0.5, 0, 255), np.uint8)
    return np.where(weight >= 1, scene.image, mixed)


def _drawn_in(region: Region) -> masks.Mask:
    return masks.shrunk(region.mask, 2 if region.kind == "landscape" else 1)


def _cutout_alpha(scene: Scene, region: Region) -> Floats:
    """Return the soft mask of what is kept, drawn in a little so that no old fringe shows."""
    return masks.soft_mask(scene.image, _drawn_in(region), radius=3, steep=3.0)


def background(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Replace everything behind what the words keep."""
    region = scene.find(slots["kind"])
    return over(scene, _cutout_alpha(scene, region), BACKDROPS[slots["backdrop"]](scene, seed))


def extract(scene: Scene, slots: Mapping[str, str], seed: int) -> Pixels:
    """Keep what the words name, where it is, on a plain ground."""
    region = scene.find(slots["kind"], slots.get("colour", ""), slots.get("place", ""))
    ground = np.broadcast_to(np.array(GROUNDS[slots["ground"]], np.float32), scene.image.shape)
    return over(scene, _cutout_alpha(scene, region), np.asarray(ground, np.float32))
