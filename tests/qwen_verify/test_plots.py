"""Plots: what is drawn depends on the numbers and on nothing else."""

from __future__ import annotations

import io

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
    assert data_uri(one).startswith("data:image/png;base64,iVBOR")
