"""From a model's floats to pixels of exactly the source's size."""

from __future__ import annotations

import numpy as np
import pytest

from resources.editors.fitting import fitted, to_pixels
from unicedit_assets.domain.resolutions import PREFERRED
from unicedit_assets.domain.roles import EditorError


def test_floats_become_pixels() -> None:
    values = np.array([[[0.0, 1.0, 0.5], [-0.1, 1.1, 127.4 / 255]]], np.float32)
    assert to_pixels(values).tolist() == [[[0, 255, 128], [0, 255, 127]]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_no_picture(bad: float) -> None:
    values = np.full((4, 4, 3), 0.5, np.float32)
    values[1, 2, 0] = bad
    with pytest.raises(EditorError, match="not finite"):
        to_pixels(values)


def test_rounded_sides_are_brought_back() -> None:
    for width, height in PREFERRED:
        near = np.zeros((round(height / 32) * 32, round(width / 32) * 32, 3), np.uint8)
        assert fitted(near, width, height).shape == (height, width, 3)


def test_another_shape_is_left_for_the_gate() -> None:
    square = np.zeros((64, 64, 3), np.uint8)
    assert fitted(square, 64, 64) is square
    assert fitted(square, 96, 64).shape == (64, 64, 3)
