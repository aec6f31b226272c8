"""Where the edited picture's content lies against the source's: small moves and whole views.

Small moves (a slip of a few pixels, a slight zoom) are found from the phase correlation of tiles
and one robust fit of a shift and a zoom; whole views (zoom, roll, perspective) from matched
features and a homography. Both look at local structure, so a colour change does not disturb them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.domain.roles import Pixels
from unicedit_assets.evidence.pair import Plane, blur

Matrix = NDArray[np.float64]

_TOLERANCE = 0.75
_MATCHING = 0.7


@dataclass(frozen=True)
class Tiling:
    """Size and spacing of the correlated tiles, working pixels; smaller ones fit small cutouts."""

    size: int
    stride: int
    sharpness: float


COARSE = Tiling(64, 48, 0.06)
FINE = Tiling(32, 20, 0.25)


@dataclass(frozen=True)
class Slip:
    """The single small move that most textured tiles agree on, in working pixels.

    Attributes:
        dx, dy: move of the content at the picture's centre.
        zoom: growth of the content about the centre (0.02 = 2 % larger).
        support: share of the tiles that agree with the move.
        still: share of the tiles that did not move at all.
        tiles: number of tiles with enough structure to tell.
        reach: largest displacement of any picture point that the move implies.
    """

    dx: float
    dy: float
    zoom: float
    support: float
    still: float
    tiles: int
    reach: float


NO_SLIP = Slip(0.0, 0.0, 0.0, 0.0, 0.0, 0, 0.0)


def edges(gray: Plane) -> Plane:
    """Return the square root of the gradient magnitude: structure without its contrast."""
    soft = blur(gray, 1.0)
    gx = cv2.Scharr(soft, cv2.CV_32F, 1, 0)
    gy = cv2.Scharr(soft, cv2.CV_32F, 0, 1)
    return np.asarray(np.sqrt(np.hypot(gx, gy)), np.float32)


def relief(gray: Plane) -> Plane:
    """Return how much darker than its surroundings each point is: what line drawings keep."""
    return np.asarray(blur(gray, 1.0) - blur(gray, 6.0), np.float32)


def outlines(gray: Plane) -> Plane:
    """Return the edges of a softened picture: what survives dots, strokes and posterising."""
    soft = blur(gray, 3.5)
    gx, gy = cv2.Scharr(soft, cv2.CV_32F, 1, 0), cv2.Scharr(soft, cv2.CV_32F, 0, 1)
    return np.asarray(np.sqrt(np.hypot(gx, gy)), np.float32)


@dataclass(frozen=True)
class _Tiles:
    centres: NDArray[np.float64]
    moves: NDArray[np.float64]
    size: int


def _tile_moves(first: Plane, second: Plane, tiling: Tiling) -> _Tiles:
    height, width = first.shape
    size, half = tiling.size, tiling.size / 2
    window = cv2.createHanningWindow((size, size), cv2.CV_32F)
    centres, moves = [], []
    for top in range(0, height - size + 1, tiling.stride):
        for left in range(0, width - size + 1, tiling.stride):
            a = np.ascontiguousarray(first[top : top + size, left : left + size])
            b = np.ascontiguousarray(second[top : top + size, left : left + size])
            if a.std() < 0.35 or b.std() < 0.35:
                continue
            move, response = cv2.phaseCorrelate(a, b, window)
            if response >= tiling.sharpness:
                centres.append((left + half - width / 2, top + half - height / 2))
                moves.append(move)
    return _Tiles(np.array(centres).reshape(-1, 2), np.array(moves).reshape(-1, 2), size)


def _pair_models(tiles: _Tiles) -> NDArray[np.float64]:
    """Return candidate (dx, dy, zoom) rows: every tile's own shift, and every far pair's fit."""
    shifts = np.column_stack([tiles.moves, np.zeros(len(tiles.moves))])
    first, second = np.triu_indices(len(tiles.moves), 1)
    apart = tiles.centres[second] - tiles.centres[first]
    length = np.einsum("ij,ij->i", apart, apart)
    far = length > (2.5 * tiles.size) ** 2
    first, second, apart, length = first[far], second[far], apart[far], length[far]
    zoom = np.einsum("ij,ij->i", tiles.moves[second] - tiles.moves[first], apart) / length
    plausible = np.abs(zoom) < 0.08
    first, zoom = first[plausible], zoom[plausible]
    offset = tiles.moves[first] - zoom[:, None] * tiles.centres[first]
    models = np.column_stack([offset, zoom])
    step = max(1, len(models) // 1500)
    return np.vstack([np.zeros((1, 3)), shifts, models[::step]])


def _agree(tiles: _Tiles, models: NDArray[np.float64]) -> NDArray[np.bool_]:
    predicted = models[:, None, :2] + models[:, None, 2:] * tiles.centres[None]
    miss = predicted - tiles.moves[None]
    return np.asarray(np.einsum("ijk,ijk->ij", miss, miss) < _TOLERANCE**2)


def _refined(tiles: _Tiles, inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    centres, moves = tiles.centres[inside], tiles.moves[inside]
    count = len(centres)
    left = np.zeros((2 * count, 3))
    left[:count, 0] = 1.0
    left[count:, 1] = 1.0
    left[:count, 2], left[count:, 2] = centres[:, 0], centres[:, 1]
    right = np.concatenate([moves[:, 0], moves[:, 1]])
    return np.asarray(np.linalg.lstsq(left, right, rcond=None)[0])


def find_slip(first: Plane, second: Plane, tiling: Tiling = COARSE) -> Slip:
    """Fit one shift and zoom to the tile moves between two structure planes (see ``edges``)."""
    tiles = _tile_moves(first, second, tiling)
    count = len(tiles.moves)
    if count < 6:
        return NO_SLIP
    models = _pair_models(tiles)
    agree = _agree(tiles, models)
    best = int(np.argmax(agree.sum(axis=1)))
    model = _refined(tiles, agree[best]) if agree[best].sum() >= 4 else models[best]
    height, width = first.shape
    dx, dy, zoom = (float(v) for v in model)
    reach = float(np.hypot(abs(dx) + abs(zoom) * width / 2, abs(dy) + abs(zoom) * height / 2))
    return Slip(
        dx,
        dy,
        zoom,
        support=float(_agree(tiles, model[None])[0].mean()),
        still=float(agree[0].mean()),
        tiles=count,
        reach=reach,
    )


@dataclass(frozen=True)
class View:
    """A homography from source to edited, in working pixels, and how well it is supported.

    Attributes:
        matrix: 3x3, source -> edited.
        inliers: matched features that agree.
        share: inliers over matches.
        cover: share of the picture, in coarse cells, that holds an inlier.
    """

    matrix: Matrix
    inliers: int
    share: float
    cover: float


class Matches(NamedTuple):
    """Matched points: where they lie in the first and in the second picture."""

    start: NDArray[np.float32]
    end: NDArray[np.float32]


def _reduced(gray: Plane) -> Pixels:
    """Return the plane at matching scale; what a homography loses by it, its refinement regains."""
    size = (round(gray.shape[1] * _MATCHING), round(gray.shape[0] * _MATCHING))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def _points(found: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    """Return points at working scale; pixel centres correspond."""
    points = np.array(found, np.float32).reshape(-1, 2)
    return np.asarray((points + 0.5) / np.float32(_MATCHING) - 0.5, np.float32)


def matches(first: Plane, second: Plane) -> Matches:
    """Match features of two luma planes (0-255); both arrays have shape (N, 2), x and y."""
    detector = cv2.SIFT.create(nfeatures=800, contrastThreshold=0.012)
    points, codes = detector.detectAndCompute(_reduced(first), None)
    others, other_codes = detector.detectAndCompute(_reduced(second), None)
    if codes is None or other_codes is None or len(codes) < 8 or len(other_codes) < 8:
        return Matches(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32))
    found = [
        pair[0]
        for pair in cv2.BFMatcher(cv2.NORM_L2).knnMatch(codes, other_codes, k=2)
        if len(pair) == 2 and pair[0].distance < 0.8 * pair[1].distance
    ]
    return Matches(
        _points([points[m.queryIdx].pt for m in found]),
        _points([others[m.trainIdx].pt for m in found]),
    )


def find_view(first: Plane, second: Plane) -> View | None:
    """Fit a homography by matched features; None when fewer than 10 of them agree."""
    start, end = matches(first, second)
    if len(start) < 10:
        return None
    matrix, kept = cv2.findHomography(start, end, cv2.RANSAC, 2.0, maxIters=3000)
    if matrix is None or kept is None or int(kept.sum()) < 10:
        return None
    inside = end[kept.ravel() > 0]
    height, width = first.shape
    cells = {(int(x * 6 / width), int(y * 6 / height)) for x, y in inside}
    return View(
        np.asarray(matrix, np.float64) / matrix[2, 2],
        int(kept.sum()),
        float(kept.mean()),
        len(cells) / 36,
    )


@dataclass(frozen=True)
class Pose:
    """What a homography does, in terms of the instruction language.

    Attributes:
        factor: growth at the picture's centre.
        degrees: rotation there; positive = content turns clockwise.
        centre: the source point that is shown at the centre, as shares (0-1 each) of the range that
            crop centres can take.
        lean_x, lean_y: log ratio of growth at the left over the right edge, and the top over the
            bottom edge: positive = the left (top) side appears larger.
    """

    factor: float
    degrees: float
    centre: tuple[float, float]
    lean_x: float
    lean_y: float


def _apply(matrix: Matrix, points: Sequence[tuple[float, float]]) -> Matrix:
    array = np.array(points, np.float64).reshape(1, -1, 2)
    return np.asarray(cv2.perspectiveTransform(array, matrix)[0])


def _growth(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    """Return (log area growth / 2, rotation in radians) of the mapping at a source point."""
    origin, right, down = _apply(matrix, [(x, y), (x + 1, y), (x, y + 1)])
    u, v = right - origin, down - origin
    area = abs(float(u[0] * v[1] - u[1] * v[0]))
    angle = float(np.arctan2(u[1] - v[0], u[0] + v[1]))
    return 0.5 * float(np.log(max(area, 1e-9))), angle


def pose_of(matrix: Matrix, height: int, width: int) -> Pose:
    """Read growth, rotation, centre and lean off a homography."""
    inverse = np.asarray(np.linalg.inv(matrix), np.float64)
    cx, cy = (float(v) for v in _apply(inverse, [(width / 2, height / 2)])[0])
    growth, angle = _growth(matrix, cx, cy)
    factor = float(np.exp(growth))
    room_x, room_y = width * (1 - 1 / factor), height * (1 - 1 / factor)
    u = 0.5 + (cx - width / 2) / room_x if room_x > 1 else 0.5
    v = 0.5 + (cy - height / 2) / room_y if room_y > 1 else 0.5
    left, right = (_growth(matrix, x, cy)[0] for x in (width * 0.25, width * 0.75))
    top, bottom = (_growth(matrix, cx, y)[0] for y in (height * 0.25, height * 0.75))
    return Pose(factor, float(np.degrees(angle)), (u, v), left - right, top - bottom)
