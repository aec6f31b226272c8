"""Frames: each rule gives its own size and crop, and what it does not explain is no frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from photographs import photograph

from unicedit_assets.bench.frames import MEANINGS, Rule, frame_for, framed
from unicedit_assets.domain.resolutions import PREFERRED, nearest

SIDES = st.tuples(st.integers(16, 3000), st.integers(16, 3000))


@given(SIDES, SIDES, st.sampled_from(list(Rule)))
def test_a_frame_gives_the_edits_size_and_stays_inside_the_source(
    source: tuple[int, int], edited: tuple[int, int], rule: Rule
) -> None:
    frame = frame_for(source, edited, rule)
    if rule in (Rule.RESIZE, Rule.CENTER_CROP):
        assert frame
    if frame:
        left, top, right, bottom = frame.box
        assert 0 <= left < right <= source[0]
        assert 0 <= top < bottom <= source[1]
        assert frame.size == edited
        assert frame.text.startswith(rule.value)


@given(SIDES)
def test_the_strict_rules_take_one_size_alone(source: tuple[int, int]) -> None:
    for rule in (Rule.NONE, Rule.PREFERRED, Rule.KONTEXT):
        sizes = {(width, height) for width, height in (*PREFERRED, source)}
        assert sum(frame_for(source, size, rule) is not None for size in sizes) == 1
    assert frame_for(source, tuple(nearest(*source)), Rule.PREFERRED)


def test_a_crop_shows_the_centre_and_a_resize_the_whole() -> None:
    source = np.zeros((40, 80, 3), np.uint8)
    source[:, :20], source[:, 20:60], source[:, 60:] = 10, 100, 200
    crop = frame_for((80, 40), (20, 20), Rule.CENTER_CROP)
    whole = frame_for((80, 40), (20, 20), Rule.RESIZE)
    assert crop and whole
    # The filter sees a little beyond the crop; the middle shows nothing of it.
    assert (framed(source, crop)[3:-3, 3:-3] == 100).all()
    assert set(np.unique(framed(source, whole))) >= {10, 100, 200}
    assert "80x40 of 40.00x40.00 at 20.00,0.00 to 20x20" in crop.text


def test_the_same_size_is_left_as_it_is() -> None:
    source = photograph(1, (64, 48))
    for rule in (Rule.NONE, Rule.RESIZE, Rule.CENTER_CROP):
        frame = frame_for((64, 48), (64, 48), rule)
        assert frame
        assert framed(source, frame) is source


def test_the_usual_crop_takes_more_than_a_percent_off_what_is_no_preferred_shape() -> None:
    frame = frame_for((1000, 700), tuple(nearest(1000, 700)), Rule.PREFERRED)
    assert frame
    left, top, right, bottom = frame.box
    assert 1 - (right - left) * (bottom - top) / (1000 * 700) > 0.01


@pytest.mark.parametrize("source", [(1200, 899), (512, 2048), (1000, 1000)])
def test_kontexts_choice_is_that_of_its_pipeline(source: tuple[int, int]) -> None:
    """The expression is that of diffusers' FluxKontextPipeline."""
    aspect = source[0] / source[1]
    _, width, height = min((abs(aspect - w / h), w, h) for w, h in PREFERRED)
    assert frame_for(source, (width, height), Rule.KONTEXT)


def test_every_rule_says_what_it_means() -> None:
    assert set(MEANINGS) == set(Rule)
