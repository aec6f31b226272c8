from __future__ import annotations

import math
from dataclasses import asdict

import cv2
import numpy as np
import pytest
from photographs import photograph

from unicedit_assets.domain.quality import Gate, measure, pass_gates
from unicedit_assets.domain.reasons import Reason

PICTURE = photograph(1, (1248, 832))


class Fixed:
    """A scorer that always gives one number, and counts how often it was asked."""

    def __init__(self, value: float) -> None:
        self.value = value
        self.asked = 0

    @property
    def identity(self):
        return {"model": "fixed", "value": 1}

    def score(self, image):
        self.asked += 1
        return self.value


def test_blur_lowers_sharpness():
    blurred = cv2.GaussianBlur(PICTURE, (0, 0), 6)
    assert measure(blurred).sharpness < measure(PICTURE).sharpness / 4


def test_figures_compare_across_sizes():
    smaller = cv2.resize(PICTURE, (624, 416), interpolation=cv2.INTER_AREA)
    one, other = measure(PICTURE), measure(smaller)
    assert other.sharpness == pytest.approx(one.sharpness, rel=0.4)
    assert other.entropy == pytest.approx(one.entropy, rel=0.02)
    assert other.colourfulness == pytest.approx(one.colourfulness, rel=0.05)


def test_exposure_is_seen_at_both_ends():
    half_black = PICTURE.copy()
    half_black[:416] = 0
    half_white = PICTURE.copy()
    half_white[:416] = 255
    assert measure(half_black).clipped_dark == pytest.approx(0.5, abs=0.01)
    assert measure(half_white).clipped_light == pytest.approx(0.5, abs=0.01)
    assert measure(PICTURE).clipped_dark + measure(PICTURE).clipped_light < 0.02
    assert measure(half_black).mean_luma < measure(PICTURE).mean_luma


def test_grey_has_no_colour():
    grey = np.repeat(PICTURE[..., 1:2], 3, axis=2)
    assert measure(grey).colourfulness == 0
    assert measure(PICTURE).colourfulness > 20


@pytest.mark.parametrize("value", [0, 128, 255])
def test_one_colour_gives_finite_figures(value):
    figures = measure(np.full((672, 1568, 3), value, np.uint8))
    assert all(type(v) is float and math.isfinite(v) for v in asdict(figures).values())
    assert figures.entropy == figures.sharpness == 0
    assert figures.mean_luma == pytest.approx(value, abs=1)


def test_figures_do_not_depend_on_threads():
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = measure(PICTURE)
        cv2.setNumThreads(4)
        assert measure(PICTURE) == alone
    finally:
        cv2.setNumThreads(before)


def test_no_gates_pass_everything():
    gated = pass_gates(PICTURE, ())
    assert gated.rejected is None
    assert gated.scores == {}


def test_the_first_gate_out_of_bounds_rejects_and_ends_the_scoring():
    aesthetic = Gate("aesthetic", Fixed(4.9), Reason.LOW_AESTHETIC, minimum=5)
    safety = Gate("unsafe", Fixed(0.1), Reason.UNSAFE, maximum=0.5)
    gated = pass_gates(PICTURE, (safety, aesthetic))
    assert gated.rejected is not None
    assert gated.rejected.reason is Reason.LOW_AESTHETIC
    assert gated.scores == {"unsafe": 0.1, "aesthetic": 4.9}
    pass_gates(PICTURE, (aesthetic, safety))
    assert safety.scorer.asked == 1


@pytest.mark.parametrize(("score", "rejected"), [(0.49, False), (0.5, False), (0.51, True)])
def test_a_bound_belongs_to_the_accepted(score, rejected):
    gated = pass_gates(PICTURE, [Gate("unsafe", Fixed(score), Reason.UNSAFE, maximum=0.5)])
    assert (gated.rejected is not None) == rejected


@pytest.mark.parametrize("answer", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_an_error_not_a_pass(answer):
    with pytest.raises(ValueError, match="aesthetic"):
        pass_gates(PICTURE, [Gate("aesthetic", Fixed(answer), Reason.LOW_AESTHETIC, minimum=5)])


def test_the_bounds_are_identity():
    one = Gate("aesthetic", Fixed(1), Reason.LOW_AESTHETIC, minimum=5)
    other = Gate("aesthetic", Fixed(1), Reason.LOW_AESTHETIC, minimum=6)
    assert one.identity != other.identity
    assert one.identity["bounds"] == [5, None]
