"""Plots: what is drawn depends on the numbers and on nothing else."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image

from unicedit_assets.qwen_verify.plots import curves_png, data_uri, reliability_png
from unicedit_assets.truth.outcomes import Calibration, calibration_of


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def filled(png: bytes) -> int:
    """Count pixels of the bars' fill."""
    return int((np.abs(pixels(png) - [0x9C, 0xC9, 0xDD]).sum(-1) == 0).sum())


def test_higher_bars_where_more_was_right() -> None:
    good = calibration_of([(0.9, True)] * 9 + [(0.9, False)])
    bad = calibration_of([(0.9, True)] * 2 + [(0.9, False)] * 8)
    assert filled(reliability_png("a", good)) > 3 * filled(reliability_png("a", bad)) > 0
    assert reliability_png("a", good) == reliability_png("a", good)
    assert filled(reliability_png("none", Calibration(0.0, ()))) == 0


def test_a_panel_for_each_curve_even_of_one_point_or_one_value() -> None:
    one = curves_png({"loss": [(0, 3.0), (1, 2.0)]})
    two = curves_png({"loss": [(0, 3.0), (1, 2.0)], "margin": [(5, 0.1)], "empty": []})
    assert pixels(two).shape[1] == 2 * pixels(one).shape[1]
    assert curves_png({"flat": [(0, 1.0), (9, 1.0)]})
    with pytest.raises(ValueError, match="no curve has a point"):
        curves_png({"empty": []})
    with pytest.raises(ValueError, match="no curve has a point"):
        curves_png({"lost": [(1.0, math.nan), (2.0, math.inf)]})
    assert data_uri(one).startswith("data:image/png;base64,iVBOR")


def test_odd_numbers_are_left_out_and_huge_ones_drawn() -> None:
    plain = curves_png({"loss": [(0, 3.0), (1, 2.0)]})
    odd = [(0, 3.0), (0.5, math.nan), (1, 2.0), (2, math.inf), (math.nan, 1.0), (3, -math.inf)]
    assert curves_png({"loss": odd}) == plain
    for value in (1.7e308, -1.7e308, 5e-324, 1e20):
        assert curves_png({"loss": [(0, -value), (1, value)], "flat": [(0, value), (1, value)]})
