"""The pixel rule before the verifier: it may miss a no-edit, it must never take an edit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from photographs import photograph

from unicedit_assets.domain.roles import Pixels
from unicedit_assets.vlm.prefilter import BLOCK, CERTAIN, difference


def certain(source: Pixels, edited: Pixels) -> bool:
    return difference(source, edited).largest_block < CERTAIN


def test_the_same_picture_and_a_brightness_step_of_one_are_no_edit() -> None:
    source = photograph(1)
    assert certain(source, source)
    assert certain(source, np.where(source < 255, source + 1, source).astype(np.uint8))


def test_a_visible_mark_of_a_few_pixels_is_never_taken_for_nothing() -> None:
    source = photograph(2)
    rng = np.random.default_rng(0)
    for _ in range(200):
        edited = source.copy()
        y, x = rng.integers(0, source.shape[0] - 12), rng.integers(0, source.shape[1] - 12)
        cv2.circle(edited, (int(x) + 6, int(y) + 6), 5, (255, 0, 255), -1)
        assert not certain(source, edited)


def test_a_small_spot_is_seen_wherever_it_lies() -> None:
    source = np.full((56, 71, 3), 100, np.uint8)
    for y in range(source.shape[0] - 3):
        for x in range(source.shape[1] - 3):
            edited = source.copy()
            edited[y : y + 4, x : x + 4] += 120
            assert not certain(source, edited), (y, x)


def test_a_tone_change_that_a_person_sees_is_not_taken() -> None:
    source = photograph(3)
    assert not certain(source, np.clip(source * 1.05, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("shape", [(1, 1), (15, 17), (16, 16), (33, 40)])
def test_blocks_at_the_edges_count_by_their_own_size(shape: tuple[int, int]) -> None:
    source = np.zeros((*shape, 3), np.uint8)
    edited = source.copy()
    edited[-1, -1] = 90
    height, width = ((side - 1) % BLOCK + 1 for side in shape)
    found = difference(source, edited)
    assert found.largest_block == pytest.approx(90 / (height * width))
    assert found.mean == pytest.approx(90 / (shape[0] * shape[1]))


def test_no_sum_overflows() -> None:
    black, white = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)
    assert difference(black, white) == (255.0, 255.0)


@pytest.mark.parametrize(
    "other", [np.zeros((4, 5, 3), np.uint8), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3))]
)
def test_what_cannot_be_compared_is_an_error(other: np.ndarray) -> None:
    with pytest.raises(ValueError, match="pictures of"):
        difference(np.zeros((4, 4, 3), np.uint8), other)
