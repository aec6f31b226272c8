"""Damage that no instruction asks for: lost detail, added noise, block edges, a blank picture.

All figures compare the edited picture with the source laid over it, tile by tile at full size,
so that a soft photograph is not called blurred and a grainy one is not called noisy.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.domain.roles import Pixels
from unicedit_assets.evidence.pair import Mask, Plane, blur

_TILE = 32
_BLOCK = 8
_WINDOW = 128
_LEAST_WINDOWS = 6


@dataclass(frozen=True)
class Detail:
    """Fine structure of the edited picture against the source laid over it.

    Attributes:
        kept: middle-band contrast that survived over coarse contrast that survived, median over
            textured tiles: about 1 after any colour change, near 0 after a strong blur.
        likeness: median correlation of coarse structure in those tiles; low where the pictures do
            not lie over each other, which makes ``kept`` meaningless.
        noise: fine structure that the source does not have, median over the smoothest tiles, gray
            levels.
        grain: pixel-to-pixel roughness, median over tiles, minus the source's.
        blocks: excess of gradients on an 8-pixel grid, minus the source's own; 0 = none.
        cells: how far level steps keep to few columns and rows; 1 = a mosaic.
        width: typical width of the sharpest edges, pixels.
        widening: that width over the source's.
    """

    kept: float
    likeness: float
    noise: float
    grain: float
    blocks: float
    cells: float
    width: float
    widening: float


def _tiles(plane: Plane, side: int = _TILE) -> NDArray[np.float32]:
    """Return square tiles as rows: (count, side * side)."""
    rows, columns = plane.shape[0] // side, plane.shape[1] // side
    cut = plane[: rows * side, : columns * side]
    return np.asarray(
        cut.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(rows * columns, -1),
        np.float32,
    )


def _gain(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(
        np.einsum("ij,ij->i", first, second) / (np.einsum("ij,ij->i", first, first) + 1.0),
        np.float32,
    )


def block_edges(gray: Plane) -> float:
    """Return how much stronger gradients are on an 8-pixel grid than elsewhere.

    Median over windows, on the one phase that is strongest over the whole picture: compression
    shows everywhere, a straight edge of the scene in few windows. 0 with too few windows to tell.
    """
    rows, columns = gray.shape[0] // _WINDOW * _WINDOW, gray.shape[1] // _WINDOW * _WINDOW
    if rows == 0 or columns == 0:
        return 0.0
    return max(0.0, min(_grid_excess(gray[:rows, :columns], axis) for axis in (0, 1)))


def _grid_excess(gray: Plane, axis: int) -> float:
    step = np.abs(np.diff(gray, axis=axis, append=gray.take([-1], axis=axis)))
    across = step if axis == 1 else step.T
    tall, wide = across.shape[0] // _WINDOW, across.shape[1] // _WINDOW
    profile = across.reshape(tall, _WINDOW, wide, _WINDOW // _BLOCK, _BLOCK).mean(axis=(1, 3))
    profile = profile.reshape(-1, _BLOCK)
    lively = profile[profile.mean(axis=1) > 0.15]
    if len(lively) < _LEAST_WINDOWS:
        return 0.0
    phase = int(np.argmax(lively.sum(axis=0)))
    rest = np.delete(lively, phase, axis=1).mean(axis=1)
    return float(np.median(lively[:, phase] / np.maximum(rest, 0.05))) - 1.0


def edge_width(gray: Plane) -> float:
    """Return contrast over steepest slope on the strongest edges, pixels: 2-3 for a sharp photo."""
    small = gray[: gray.shape[0] // _TILE * _TILE, : gray.shape[1] // _TILE * _TILE]
    slope = np.hypot(
        cv2.Sobel(small, cv2.CV_32F, 1, 0, scale=0.125),
        cv2.Sobel(small, cv2.CV_32F, 0, 1, scale=0.125),
    )
    steep = _tiles(np.asarray(slope, np.float32)).max(axis=1)
    tiles = _tiles(small)
    span = tiles.max(axis=1) - tiles.min(axis=1)
    busy = span >= max(12.0, float(np.percentile(span, 60)))
    if not busy.any():
        return 0.0
    return float(np.percentile(span[busy] / np.maximum(steep[busy], 0.5), 15))


def cell_share(gray: Plane, ignore: Mask | None = None) -> float:
    """Return how far level steps keep to few columns and rows, 0-1: near 1 for a mosaic.

    Median over windows, so that a small thing on a plain ground does not count as a mosaic.
    """
    size = _WINDOW
    shares = []
    for top in range(0, gray.shape[0] - size + 1, size):
        for left in range(0, gray.shape[1] - size + 1, size):
            window = gray[top : top + size, left : left + size]
            covered = ignore is not None and ignore[top : top + size, left : left + size].mean()
            if window.std() >= 3.0 and covered < 0.3:
                shares.append(min(_step_share(window, axis) for axis in (0, 1)))
    return float(np.median(shares)) if shares else 0.0


def _step_share(window: Plane, axis: int) -> float:
    step = np.abs(np.diff(window, axis=axis)).mean(axis=1 - axis)
    return float(np.sort(step)[-(len(step) // 6) :].sum() / max(float(step.sum()), 1e-6))


def palette_size(image: Pixels, share: float = 0.99) -> int:
    """Return the number of levels that hold a share of the red channel: few in flat art."""
    counts = np.sort(np.bincount(image[..., 0].ravel(), minlength=256))[::-1]
    return int(np.searchsorted(np.cumsum(counts), share * counts.sum())) + 1


def grain_of(gray: Plane) -> float:
    """Return the median over tiles of each tile's mean distance from its 3x3 median."""
    levels = np.clip(gray, 0, 255).astype(np.uint8)
    rough = np.abs(levels.astype(np.float32) - cv2.medianBlur(levels, 3))
    return float(np.median(_tiles(np.asarray(rough, np.float32)).mean(axis=1)))


@dataclass(frozen=True)
class _Bands:
    fine: NDArray[np.float32]
    middle: NDArray[np.float32]
    coarse: NDArray[np.float32]


def _bands(gray: Plane) -> _Bands:
    """Split the tiles' structure at about 1.4, 4 and 9 pixels; the slow bands at half size."""
    rows, columns = gray.shape[0] // _TILE * _TILE, gray.shape[1] // _TILE * _TILE
    cut = np.ascontiguousarray(gray[:rows, :columns])
    half = cv2.resize(cut, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
    half = np.asarray(half, np.float32)
    slow = blur(np.asarray(half, np.float32), 2.0)
    return _Bands(
        _tiles(cut - blur(cut, 1.4)),
        _tiles(np.asarray(half - slow, np.float32), _TILE // 2),
        _tiles(np.asarray(slow - blur(slow, 4.5), np.float32), _TILE // 2),
    )


def _correlations(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    scale = np.sqrt(np.einsum("ij,ij->i", first, first) * np.einsum("ij,ij->i", second, second))
    return np.asarray(np.einsum("ij,ij->i", first, second) / (scale + 1.0), np.float32)


def measure_detail(
    source: Plane, edited: Plane, ignore: Mask | None = None, patterned: bool = False
) -> Detail:
    """Compare fine structure tile by tile, leaving out ignored pixels where enough are left.

    Args:
        source: luma of the source laid over the edited picture, 0-255.
        edited: luma of the edited picture.
        ignore: pixels whose structure may change (the edit's target), full resolution.
        patterned: whether the ignored pixels may hold a regular pattern of their own.
    """
    first, second = _bands(source), _bands(edited)
    usable = np.ones(len(first.fine), bool)
    if ignore is not None:
        usable = _tiles(ignore.astype(np.float32)).max(axis=1) == 0
    if usable.sum() < 24:
        usable = np.ones(len(first.fine), bool)
    energy = first.middle.std(axis=1)
    textured = usable & (energy >= max(0.8, float(np.percentile(energy[usable], 50))))
    smooth = usable & (energy <= float(np.percentile(energy[usable], 35)))
    kept, likeness = 1.0, 1.0
    if textured.sum() >= 6:
        middle = _gain(first.middle[textured], second.middle[textured])
        coarse = _gain(first.coarse[textured], second.coarse[textured])
        kept = float(np.median(middle / np.clip(np.abs(coarse), 0.1, None)))
        likeness = float(np.median(_correlations(first.coarse[textured], second.coarse[textured])))
    own = _gain(first.fine[smooth], second.fine[smooth])[:, None] * first.fine[smooth]
    width = edge_width(edited)
    return Detail(
        kept=float(np.clip(kept, -2.0, 4.0)),
        likeness=likeness,
        noise=float(np.median((second.fine[smooth] - own).std(axis=1))) if smooth.any() else 0.0,
        grain=grain_of(edited) - grain_of(source),
        blocks=block_edges(edited) - max(0.0, block_edges(source)),
        cells=cell_share(edited, ignore if patterned else None),
        width=width,
        widening=width / max(edge_width(source), 0.5),
    )


def black_box(source: Plane, edited: Plane) -> float:
    """Return the share of the picture inside the largest rectangle that newly turned black."""
    before, after = source[::4, ::4], edited[::4, ::4]
    dead = (after <= 2.0).astype(np.uint8)
    height, width = dead.shape
    if dead.mean() < 0.03:
        return 0.0
    kernel = np.ones((max(3, height // 5), max(3, width // 5)), np.uint8)
    core = cv2.morphologyEx(dead, cv2.MORPH_OPEN, kernel, borderType=cv2.BORDER_CONSTANT)
    count, _, stats, _ = cv2.connectedComponentsWithStats(core, connectivity=4)
    best = 0.0
    for label in range(1, count):
        x, y, w, h, area = (int(v) for v in stats[label])
        lost = before[y : y + h, x : x + w] > 30.0
        if area >= 0.9 * w * h and lost.mean() > 0.2:
            best = max(best, area / dead.size)
    return best


def is_blank(gray: Plane) -> bool:
    """Tell whether a picture shows nothing: one flat value, or black but for a few pixels."""
    low, high = np.percentile(gray[::2, ::2], [0.1, 99.9])
    return bool(high - low < 4.0 or high < 14.0)
