"""Figures about a picture's quality, and optional gates that scorers of any kind may play.

The figures are recorded for every accepted picture; nothing is rejected by them alone. Aesthetic
and safety models are gates that a profile may plug in (paper, section on data preparation).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.images import Rejected
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Pixels

_MEASURED_AREA = 512 * 512
_DARK, _LIGHT = 4, 251


@dataclass(frozen=True)
class Quality:
    """Plain figures, all finite.

    Attributes:
        sharpness: variance of the Laplacian of luma at the area of 512 x 512 pixels. Of 34
            photographs 48 to 5123, median 413; blurred by a sigma of 5 pixels 2 to 10.
        mean_luma: 0-255.
        clipped_dark, clipped_light: share of pixels, 0-1, with luma below 5 or above 250.
        entropy: of the luma histogram, in bits, 0-8.
        colourfulness: after Hasler and Suesstrunk (2003); 0 is grey, above 60 is vivid.
    """

    sharpness: float
    mean_luma: float
    clipped_dark: float
    clipped_light: float
    entropy: float
    colourfulness: float


def measure(pixels: Pixels) -> Quality:
    """Measure one picture at a fixed scale, so that figures of different sizes compare."""
    small = _at_fixed_scale(pixels)
    luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    shares = np.bincount(luma.ravel(), minlength=256) / luma.size
    filled = shares[shares > 0]
    return Quality(
        sharpness=float(cv2.Laplacian(luma, cv2.CV_64F).var()),
        mean_luma=float(luma.mean()),
        clipped_dark=float(shares[: _DARK + 1].sum()),
        clipped_light=float(shares[_LIGHT:].sum()),
        entropy=abs(float((filled * np.log2(filled)).sum())),
        colourfulness=_colourfulness(small),
    )


def _at_fixed_scale(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    scale = math.sqrt(_MEASURED_AREA / (height * width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _colourfulness(pixels: Pixels) -> float:
    red, green, blue = (pixels[..., i].astype(np.float64) for i in range(3))
    across, along = red - green, (red + green) / 2 - blue
    spread = math.hypot(across.std(), along.std())
    return spread + 0.3 * math.hypot(across.mean(), along.mean())


class Scorer(Protocol):
    """Gives a picture one number, such as an aesthetic score or a probability of being unsafe."""

    @property
    def identity(self) -> Mapping[str, Json]: ...

    def score(self, image: Pixels) -> float:
        """Return the score of one picture."""
        ...


@dataclass(frozen=True)
class Gate:
    """A scorer with its bounds: a score outside ``[minimum, maximum]`` rejects.

    Attributes:
        name: what is scored; it names the column of the scores.
        scorer: gives the score.
        reason: what a score out of bounds means, such as LOW_AESTHETIC or UNSAFE.
    """

    name: str
    scorer: Scorer
    reason: Reason
    minimum: float = -math.inf
    maximum: float = math.inf

    @property
    def identity(self) -> Mapping[str, Json]:
        """What can change the gate's decisions, as JSON (an open bound is null)."""
        bounds = [b if math.isfinite(b) else None for b in (self.minimum, self.maximum)]
        return {
            "name": self.name,
            "reason": self.reason.value,
            "bounds": bounds,
            "scorer": dict(self.scorer.identity),
        }


@dataclass(frozen=True)
class Gated:
    """The scores of one picture, and the first gate's rejection if there was one."""

    scores: Mapping[str, float]
    rejected: Rejected | None


def pass_gates(pixels: Pixels, gates: Sequence[Gate]) -> Gated:
    """Score a picture by each gate in turn, up to the first that rejects it.

    Raises:
        ValueError: a scorer answered with NaN or an infinity, which is no score.
    """
    scores: dict[str, float] = {}
    for gate in gates:
        score = float(gate.scorer.score(pixels))
        if not math.isfinite(score):
            raise ValueError(f"the {gate.name} scorer answered {score}")
        scores[gate.name] = score
        if not gate.minimum <= score <= gate.maximum:
            detail = f"{gate.name} {score:.4f} outside {gate.minimum:g} to {gate.maximum:g}"
            return Gated(scores, Rejected(gate.reason, detail))
    return Gated(scores, None)
