"""SSIM and pixel thresholds: known pictures, a fit that is the best there is, and its report."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicedit_assets.qwen_verify.baselines import (
    Threshold,
    dissimilarity,
    fit,
    pixel_difference,
)


def picture(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    return cv2.resize(noise, (128, 96), interpolation=cv2.INTER_CUBIC)


def test_measures_of_equal_different_and_slightly_different_pictures() -> None:
    one, other = picture(1), picture(2)
    assert dissimilarity(one, one) == pytest.approx(0, abs=1e-6)
    assert pixel_difference(one, one) == 0
    lighter = np.clip(one.astype(int) + 10, 0, 255).astype(np.uint8)
    assert 0 < dissimilarity(one, lighter) < 0.1 < dissimilarity(one, other) <= 2
    assert 9 < pixel_difference(one, lighter) <= 10
    with pytest.raises(ValueError, match="pictures of one shape"):
        dissimilarity(one, other[:50])
    with pytest.raises(ValueError, match="pictures of one shape"):
        pixel_difference(one, other[:50])


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=25))
def test_no_other_threshold_does_better(rows: list[tuple[int, bool]]) -> None:
    values, changed = [float(v) for v, _ in rows], [c for _, c in rows]
    if len(set(changed)) < 2:
        with pytest.raises(ValueError, match="with and without a change"):
            fit(values, changed)
        return

    def balanced(threshold: float) -> float:
        hits = [v >= threshold for v, c in rows if c]
        misses = [v < threshold for v, c in rows if not c]
        return sum(hits) / len(hits) + sum(misses) / len(misses)

    found = fit(values, changed)
    assert balanced(found.threshold) >= max(map(balanced, np.arange(-1, 8, 0.25))) - 1e-12
    assert found.pairs == len(rows)


def test_a_baseline_passes_the_instruction_on_unchanged() -> None:
    baseline = Threshold("pixels", fit([0.0, 0.1, 5.0, 9.0], [False, False, True, True]))
    passed = baseline.predict("k", picture(1), picture(2), "Do it.", "做。")
    assert (passed.verdict, passed.en, passed.confidence) == ("valid", "Do it.", None)
    same = baseline.predict("k", picture(1), picture(1), "Do it.", "做。")
    assert (same.verdict, same.is_changed, same.en) == ("no_edit", False, "")
    assert same.suspicion > passed.suspicion
