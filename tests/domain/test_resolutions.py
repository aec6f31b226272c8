from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicedit_assets.domain.resolutions import PREFERRED, crop_box, nearest

sides = st.integers(1, 50_000)


def test_the_seventeen_are_about_a_megapixel_in_multiples_of_16():
    assert len(set(PREFERRED)) == 17
    assert {(h, w) for w, h in PREFERRED} == set(PREFERRED)
    for width, height in PREFERRED:
        assert width % 16 == height % 16 == 0
        assert abs(width * height / 1024**2 - 1) < 0.05


@pytest.mark.parametrize("resolution", PREFERRED)
def test_a_preferred_resolution_stays_what_it_is(resolution):
    assert nearest(*resolution) == resolution
    crop = crop_box(*resolution, resolution)
    assert crop == (0, 0, *resolution, 0)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1500, 1000), (1248, 832)),
        ((4000, 3000), (1184, 880)),
        ((1920, 1080), (1392, 752)),
        ((1080, 1920), (752, 1392)),
        ((500, 500), (1024, 1024)),
        ((9000, 100), (1568, 672)),
    ],
)
def test_common_camera_formats(size, expected):
    assert nearest(*size) == expected


def test_a_share_above_a_fifth_is_seen_on_either_axis():
    wide = crop_box(3000, 1000, nearest(3000, 1000))
    tall = crop_box(1000, 3000, nearest(1000, 3000))
    assert wide.share == pytest.approx(1 - (1568 / 672) / 3)
    assert tall.share == pytest.approx(wide.share)
    assert (wide.top, wide.bottom) == (0, 1000)
    assert (tall.left, tall.right) == (0, 1000)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-1, 5)])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(ValueError, match="positive"):
        nearest(*size)


@given(sides, sides)
def test_the_nearest_crops_least(width, height):
    chosen = crop_box(width, height, nearest(width, height)).share
    assert chosen <= min(crop_box(width, height, r).share for r in PREFERRED) + 1e-9


@given(sides, sides, st.sampled_from(PREFERRED))
def test_the_box_is_centred_inside_and_of_the_right_shape(width, height, target):
    crop = crop_box(width, height, target)
    assert 0 <= crop.left < crop.right <= width
    assert 0 <= crop.top < crop.bottom <= height
    assert 0 <= crop.share < 1
    assert crop.left == pytest.approx(width - crop.right, abs=1e-6)
    assert crop.top == pytest.approx(height - crop.bottom, abs=1e-6)
    aspect = (crop.right - crop.left) / (crop.bottom - crop.top)
    assert math.isclose(aspect, target.width / target.height, rel_tol=1e-9)
    kept = (crop.right - crop.left) * (crop.bottom - crop.top) / (width * height)
    assert crop.share == pytest.approx(1 - kept, abs=1e-9)


@given(sides, sides)
def test_a_turned_picture_gets_the_turned_resolution(width, height):
    chosen, turned = nearest(width, height), nearest(height, width)
    assert crop_box(width, height, chosen).share == pytest.approx(
        crop_box(height, width, turned).share, abs=1e-9
    )
