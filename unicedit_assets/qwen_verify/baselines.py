"""The verifiers to beat: one number about two pictures, and a threshold fitted on training pairs.

They can tell whether anything changed and nothing else: what they let pass keeps its instruction
as it was given, so they score full marks on Normal, what a threshold can do on No Edit, and on
Hallucination what is right about a wrong text by accident.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np

from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.qwen_verify.evaluation import VALID, Prediction

_WINDOW, _SIGMA = (11, 11), 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def dissimilarity(source: Pixels, edited: Pixels) -> float:
    """Return 1 - mean SSIM of the luma (Wang et al. 2004: 11 x 11 Gaussian window, sigma 1.5).

    Raises:
        ValueError: the pictures are not of one shape.
    """
    one, two = _luma(source, edited)

    def blurred(values: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.GaussianBlur(values, _WINDOW, _SIGMA))

    mean_1, mean_2 = blurred(one), blurred(two)
    both = mean_1 * mean_2
    spread_1 = blurred(one * one) - mean_1**2
    spread_2 = blurred(two * two) - mean_2**2
    shared = blurred(one * two) - both
    found = ((2 * both + _C1) * (2 * shared + _C2)) / (
        (mean_1**2 + mean_2**2 + _C1) * (spread_1 + spread_2 + _C2)
    )
    return float(1.0 - found.mean())


def pixel_difference(source: Pixels, edited: Pixels) -> float:
    """Return the mean absolute difference in levels, 0-255.

    Raises:
        ValueError: the pictures are not of one shape.
    """
    if source.shape != edited.shape:
        raise ValueError(f"pictures of one shape are needed, not {source.shape}, {edited.shape}")
    return float(np.abs(source.astype(np.int16) - edited).mean())


def _luma(source: Pixels, edited: Pixels) -> tuple[np.ndarray, np.ndarray]:
    if source.shape != edited.shape:
        raise ValueError(f"pictures of one shape are needed, not {source.shape}, {edited.shape}")
    one, two = (cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (source, edited))
    return one.astype(np.float32), two.astype(np.float32)


MEASURES: Mapping[str, Callable[[Pixels, Pixels], float]] = MappingProxyType(
    {"ssim": dissimilarity, "pixels": pixel_difference}
)


@dataclass(frozen=True)
class Fit:
    """A threshold and how it did on the pairs that it was fitted on.

    Attributes:
        threshold: a measure at or above it says that something changed.
        changed_right, same_right: share of right answers among each answer.
        pairs: how many it was fitted on.
    """

    threshold: float
    changed_right: float
    same_right: float
    pairs: int

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {
            "threshold": self.threshold,
            "changed_right": self.changed_right,
            "same_right": self.same_right,
            "pairs": self.pairs,
        }


def fit(values: Sequence[float], changed: Sequence[bool]) -> Fit:
    """Return the threshold with the best balanced accuracy; of equally good ones the lowest.

    Raises:
        ValueError: there are not both changed and unchanged pairs to fit on.
    """
    found, true = np.asarray(values, dtype=np.float64), np.asarray(changed, dtype=bool)
    if true.all() or not true.any():
        raise ValueError("a threshold needs training pairs with and without a change to be fitted")
    ranked = np.unique(found)
    # Halfway between two neighbours, so that neither sits on the edge.
    edges = np.concatenate([ranked[:1], (ranked[1:] + ranked[:-1]) / 2, ranked[-1:] + 1.0])
    recalls = [(found[true] >= edge).mean() + (found[~true] < edge).mean() for edge in edges]
    threshold = float(edges[int(np.argmax(recalls))])
    called = found >= threshold
    return Fit(
        threshold,
        float(true[called].mean()) if called.any() else 0.5,
        float((~true[~called]).mean()) if (~called).any() else 0.5,
        len(found),
    )


@dataclass(frozen=True)
class Threshold:
    """A baseline, fitted."""

    measure: str
    fit: Fit

    def predict(self, key: str, source: Pixels, edited: Pixels, en: str, cn: str) -> Prediction:
        """Answer one pair; a threshold knows no class of failure, so it states no confidence."""
        value = MEASURES[self.measure](source, edited)
        changed = value >= self.fit.threshold
        return Prediction(
            key=key,
            is_changed=changed,
            verdict=VALID if changed else "no_edit",
            en=en if changed else "",
            cn=cn if changed else "",
            confidence=None,
            suspicion=-value,
        )
