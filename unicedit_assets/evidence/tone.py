"""One colour map for the whole picture: does it explain the change, and what does it do?"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from unicedit_assets.domain.roles import Pixels
from unicedit_assets.evidence.pair import Lab, Mask, Plane, blur, to_lab

_SAMPLES = 5000
_ROUNDS = 4
_KNOTS = 9
_TRUSTED = 0.03


@dataclass(frozen=True)
class ToneFit:
    """A smooth colour map fitted robustly to all pixels.

    Attributes:
        mapped: the source's LAB after the map.
        residual: smoothed distance between the edited picture and ``mapped``.
        error: median residual, LAB units.
        slow_error: the same without fine grain, which resampling and noise change.
        shift: median distance that the map moves colours.
    """

    mapped: Lab
    residual: Plane
    error: float
    slow_error: float
    shift: float


def _hats(channel: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return a piecewise-linear basis of one channel, 0-1; inner knots only."""
    place = channel * np.float32(_KNOTS - 1)
    return [np.maximum(0.0, 1.0 - np.abs(place - np.float32(k))) for k in range(1, _KNOTS - 1)]


def _frame(height: int, width: int) -> tuple[Plane, Plane]:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return (x / np.float32(width) - 0.5) * 2, (y / np.float32(height) - 0.5) * 2


def _mixed_terms(rgb: NDArray[np.float32], x: Plane, y: Plane) -> list[NDArray[np.float32]]:
    """Return the terms that no single channel carries: products, and slow change over the frame."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    luma, radius = (red + green + blue) / np.float32(3), x * x + y * y
    return [red * green, red * blue, green * blue, radius, radius * luma, y, y * luma, y * y]


def _features(rgb: NDArray[np.float32], x: Plane, y: Plane) -> NDArray[np.float32]:
    channels = [rgb[..., i] for i in range(3)]
    hats = [hat for channel in channels for hat in _hats(channel)]
    terms = [np.ones_like(channels[0]), *channels, *hats, *_mixed_terms(rgb, x, y)]
    return np.asarray(np.stack(terms, axis=-1), np.float32)


def _least_squares(
    features: NDArray[np.float32],
    target: NDArray[np.float32],
    weights: NDArray[np.float32],
    ridge: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Solve one weighted ridge regression (target of shape (N,)).

    The sums are OpenCV's, on one thread and in a fixed order, so that no thread count shows.
    """
    root = np.sqrt(weights)[:, None]
    table = np.concatenate([features, target[:, None]], axis=1) * root
    sums = cv2.mulTransposed(np.asarray(table, np.float64), True)
    left = sums[:-1, :-1] + float(weights.sum()) * np.diag(ridge)
    return np.asarray(np.linalg.solve(left, sums[:-1, -1]))


def _rarity(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return weights that let a colour count by the root of its frequency."""
    cell = (np.clip(colours, 0, 0.999) * 8).astype(np.int64) @ np.array([64, 8, 1])
    return np.asarray(1.0 / np.sqrt(np.bincount(cell, minlength=512)[cell]), np.float32)


def _applied(features: NDArray[np.float32], answer: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.einsum("ij,jk->ik", features, answer), np.float32)


def _fitted(
    features: NDArray[np.float32], target: NDArray[np.float32], rarity: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Fit with outliers reweighted away; a clipped value only counts while the fit is inside it."""
    size = features.shape[1]
    ridge = np.array([0.0] + [1e-7] * 3 + [3e-6] * (size - 4))
    weights = np.repeat(rarity[:, None], 3, axis=1)
    answer = np.zeros((size, 3), np.float32)
    for _ in range(_ROUNDS):
        for channel in range(3):
            solved = _least_squares(features, target[:, channel], weights[:, channel], ridge)
            answer[:, channel] = solved
        raw = _applied(features, answer)
        beyond = ((target >= 0.996) & (raw >= 0.996)) | ((target <= 0.004) & (raw <= 0.004))
        miss = np.abs(target - np.clip(raw, 0, 1)).max(axis=1)
        scale = max(2.0 * float(np.median(miss)), _TRUSTED)
        trust = rarity / (1.0 + (miss / scale) ** 2).astype(np.float32)
        weights = trust[:, None] * np.where(beyond, np.float32(0.02), np.float32(1.0))
    return answer


def _mapped(source: Pixels, answer: NDArray[np.float32]) -> Pixels:
    """Apply a fitted map to a whole picture: one table a channel, and the mixed terms."""
    height, width = source.shape[:2]
    ramp = np.arange(256, dtype=np.float32) / np.float32(255)
    knots = _KNOTS - 2
    out = np.broadcast_to(answer[0], (height, width, 3)).astype(np.float32)
    for channel in range(3):
        basis = np.stack([ramp, *_hats(ramp)], axis=1)
        start = 4 + channel * knots
        table = _applied(basis, np.vstack([answer[1 + channel], answer[start : start + knots]]))
        out += table[source[..., channel]]
    rgb = source.astype(np.float32) / np.float32(255)
    for term, weight in zip(
        _mixed_terms(rgb, *_frame(height, width)), answer[4 + 3 * knots :], strict=True
    ):
        out += term[..., None] * weight
    return np.asarray(np.clip(out, 0, 1) * 255 + 0.5, np.uint8)


def fit_tone(source: Pixels, edited: Pixels) -> ToneFit:
    """Fit edited = clip(map(source)) on a fixed grid of pixels.

    The map adds one curve a channel, channel products and a smooth change over the frame: rich
    enough for any grade, too stiff to follow a patch that was changed on its own.
    """
    height, width = source.shape[:2]
    step = max(1, height * width // _SAMPLES)
    x, y = (plane.ravel()[::step] for plane in _frame(height, width))
    first = source.reshape(-1, 3)[::step].astype(np.float32) / np.float32(255)
    second = edited.reshape(-1, 3)[::step].astype(np.float32) / np.float32(255)
    answer = _fitted(_features(first, x, y), second, _rarity(first))
    mapped, before = to_lab(_mapped(source, answer)), to_lab(source)
    delta = to_lab(edited) - mapped
    raw = np.sqrt(np.einsum("ijk,ijk->ij", delta, delta))
    moved = np.linalg.norm((mapped - before)[::8, ::8], axis=2)
    slow = np.linalg.norm(blur(delta, 3.0)[::4, ::4], axis=2)
    return ToneFit(
        mapped,
        blur(raw, 2.0),
        float(np.median(raw[::4, ::4])),
        float(np.median(slow)),
        float(np.median(moved)),
    )


def _conditional_mean(key: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean target of all pixels with the same key (0-1, 160 levels): a step table."""
    level = np.clip(key * 159 + 0.5, 0, 159).astype(np.int64)
    count = np.bincount(level, minlength=160) + 1e-6
    table = np.stack([np.bincount(level, target[:, i], 160) / count for i in range(3)], axis=1)
    return np.asarray(table[level], np.float32)


def fit_look(source: Pixels, edited: Pixels) -> NDArray[np.float32]:
    """Predict a redrawn picture from the source's levels, colour and relief.

    Tables over luma and over the strongest channel follow posterised levels; a regression on what
    they leave follows colour and drawn edges.

    Returns:
        The prediction, float32 (H, W, 3), 0-255; where a style draws dots or strokes, their mean.
    """
    height, width = source.shape[:2]
    first = blur(source.astype(np.float32) / np.float32(255), 1.0)
    luma = np.asarray(
        np.einsum("ijk,k->ij", first, np.array([0.299, 0.587, 0.114], np.float32)), np.float32
    )
    target = edited.astype(np.float32).reshape(-1, 3)
    mapped = _conditional_mean(luma.ravel(), target)
    mapped += _conditional_mean(first.max(axis=-1).ravel(), target - mapped)
    relief = luma - blur(luma, 5.0)
    x, y = _frame(height, width)
    terms = [
        np.ones_like(luma),
        first[..., 0],
        first[..., 2],
        first[..., 0] ** 2,
        first[..., 2] ** 2,
    ]
    terms += [
        relief,
        np.maximum(relief, 0),
        np.abs(blur(luma, 2.0) - blur(luma, 8.0)),
        x * x + y * y,
    ]
    features = np.stack(terms, axis=-1).reshape(height * width, -1).astype(np.float32)
    some = features[:: max(1, height * width // (4 * _SAMPLES))]
    rest = (target - mapped)[:: max(1, height * width // (4 * _SAMPLES))]
    even, ridge = np.ones(len(some), np.float32), np.full(some.shape[1], 1e-5)
    columns = [_least_squares(some, rest[:, i], even, ridge) for i in range(3)]
    mapped += _applied(features, np.stack(columns, axis=1).astype(np.float32))
    return np.asarray(np.clip(mapped, 0, 255).reshape(height, width, 3), np.float32)


@dataclass(frozen=True)
class Grade:
    """How the whole picture's colours changed, in the terms that tone words use.

    Attributes:
        light: change of mean lightness, LAB units.
        contrast: ratio of the spread of lightness after : before.
        chroma_after: median chroma after.
        chroma_ratio: mean chroma after : before.
        warmth: change of mean b (yellow +, blue -).
        redness: change of mean a.
        neutral: change of b where the source is nearly gray (everywhere if nowhere is).
        turn: median turn of hue where both pictures are coloured, degrees.
        grays: share of the source that is nearly gray.
        tint: distance of the mean edited colour from gray.
        hue: hue of the mean edited colour, degrees.
        spread: spread of the edited colours about one tint line (0 for a monochrome picture).
    """

    light: float
    contrast: float
    chroma_after: float
    chroma_ratio: float
    warmth: float
    redness: float
    neutral: float
    turn: float
    grays: float
    tint: float
    hue: float
    spread: float


def grade_of(source: Lab, edited: Lab, trusted: Mask) -> Grade:
    """Measure how the colours of the trusted pixels (those that one map explains) changed."""
    before, after = source[trusted][::7], edited[trusted][::7]
    mean_before, mean_after = before.mean(axis=0), after.mean(axis=0)
    chroma_before = float(np.hypot(before[:, 1], before[:, 2]).mean())
    chroma_after = np.hypot(after[:, 1], after[:, 2])
    lit = (before[:, 0] > 20.0) & (before[:, 0] < 95.0)
    gray = lit & (np.hypot(before[:, 1], before[:, 2]) < 10.0)
    grays = float(gray.mean())
    gray = gray if grays > 0.02 else lit if lit.mean() > 0.02 else np.ones_like(gray)
    deviation = after[:, 1:] - _tint_line(after)
    return Grade(
        light=float(mean_after[0] - mean_before[0]),
        contrast=float(after[:, 0].std() / max(float(before[:, 0].std()), 1.0)),
        chroma_after=float(np.median(chroma_after)),
        chroma_ratio=float(chroma_after.mean()) / max(chroma_before, 1.0),
        warmth=float(mean_after[2] - mean_before[2]),
        redness=float(mean_after[1] - mean_before[1]),
        turn=_hue_turn(before, after),
        grays=grays,
        neutral=float(np.median((after - before)[gray, 2])),
        tint=float(np.hypot(mean_after[1], mean_after[2])),
        hue=float(np.degrees(np.arctan2(mean_after[2], mean_after[1])) % 360.0),
        spread=float(np.sqrt((deviation**2).sum(axis=1).mean())),
    )


def _hue_turn(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Return the median turn of hue where both colours are strong; 0 where too few are."""
    first, second = (np.arctan2(lab[:, 2], lab[:, 1]) for lab in (before, after))
    strong = (np.hypot(before[:, 1], before[:, 2]) > 8) & (np.hypot(after[:, 1], after[:, 2]) > 8)
    if strong.mean() < 0.02:
        return 0.0
    turn = np.degrees(second - first)[strong]
    return float(np.median(np.abs((turn + 180.0) % 360.0 - 180.0)))


def _tint_line(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the a and b that lightness alone predicts (a quadratic): exact for one ink."""
    light = lab[:, 0] / 50 - 1
    basis = np.stack([np.ones_like(light), light, light * light], axis=1).astype(np.float32)
    even, ridge = np.ones(len(lab), np.float32), np.full(3, 1e-9)
    columns = [_least_squares(basis, lab[:, i], even, ridge) for i in (1, 2)]
    answer = np.stack(columns, axis=1)
    return _applied(basis, answer.astype(np.float32))
