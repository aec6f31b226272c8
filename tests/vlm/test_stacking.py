"""The tall picture of a trained Qwen-Verify, and the question that carries it."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicedit_assets.settings.vlms import HttpVlm
from unicedit_assets.vlm.stacking import CELL, Layout, stacked
from unicedit_assets.vlm.verifier import VerifierOptions, VlmVerifier
from vlm.scripted import ScriptedVlm

SIDES = st.integers(min_value=1, max_value=3000)


@given(SIDES, SIDES, st.integers(min_value=1024, max_value=1_000_000), st.sampled_from([CELL, 32]))
def test_panels_are_whole_cells_within_their_pixels(
    height: int, width: int, most: int, cell: int
) -> None:
    rows, columns = Layout(max_pixels=most, cell=cell).size(height, width)
    assert rows % cell == columns % cell == 0
    assert rows >= cell
    assert columns >= cell
    least = cell * max(rows, columns)  # a side is never less than a cell
    assert rows * columns <= max(most, least)


def test_the_source_is_above_the_edited_picture_pixel_for_pixel() -> None:
    source = np.full((56, 84, 3), 10, np.uint8)
    edited = np.full((56, 84, 3), 200, np.uint8)
    picture = stacked(source, edited, Layout())
    assert picture.shape == (112, 84, 3)
    assert (picture[:56] == source).all()
    assert (picture[56:] == edited).all()


def test_difference_tokens_get_a_third_panel_of_their_own() -> None:
    side = np.full((56, 56, 3), 99, np.uint8)
    picture = stacked(side, side, Layout(panels=3, side=28))
    assert picture.shape == (84, 28, 3)
    assert not picture[56:].any()


def test_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        stacked(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9, 3), np.uint8), Layout())


def test_the_settings_say_how_a_trained_model_is_asked() -> None:
    url = "http://127.0.0.1:1/v1"
    plain = HttpVlm(model="m", base_url=url)
    trained = HttpVlm(model="m", base_url=url, panels=2, panel_side=140)
    assert plain.layout is None
    assert "panels" not in plain.identity_fields()
    assert trained.layout == Layout(2, 140, 550_000)
    assert trained.identity_fields()["panel_side"] == 140
    assert "panel_max_pixels" not in trained.identity_fields()
    assert "panel_cell" not in trained.identity_fields()
    newer = HttpVlm(model="m", base_url=url, panels=2, panel_cell=32)
    assert newer.layout == Layout(2, 0, 550_000, 32)
    assert newer.identity_fields()["panel_cell"] == 32


def test_a_panel_is_shown_as_large_as_it_was_trained() -> None:
    trained = HttpVlm(model="m", base_url="http://h/v1", panels=2, panel_max_pixels=602_112)
    assert trained.layout == Layout(2, 0, 602_112)
    assert trained.identity_fields()["panel_max_pixels"] == 602_112
    # More than max_pixels: else the stack would be shrunk again on its way out.
    assert trained.sent_pixels == 2 * 602_112 > trained.max_pixels
    assert HttpVlm(model="m", base_url="http://h/v1").sent_pixels == 1_100_000


def test_a_trained_verifier_is_shown_one_picture_and_the_texts_alone() -> None:
    source, edited = np.zeros((60, 60, 3), np.uint8), np.full((60, 60, 3), 255, np.uint8)
    vlm = ScriptedVlm("not json")
    layout = Layout(2, 56)
    verifier = VlmVerifier("v", vlm, VerifierOptions(layout=layout))
    verifier.verify(source, edited, 'Say "<b>".', "改。")
    asked = vlm.asked[0]
    assert [image.shape for image in asked.images] == [(112, 56, 3)]
    assert asked.text.startswith('"Say \\"\\u003cb>\\"."\n"改。"')
    told = asdict(layout)
    del told["cell"]  # came later: only another one than Qwen2.5-VL's counts
    assert verifier.identity["options"]["layout"] == told  # type: ignore[index, call-overload]
    other = VlmVerifier("v", vlm, VerifierOptions(layout=Layout(2, 64, cell=32)))
    assert other.identity["options"]["layout"]["cell"] == 32  # type: ignore[index, call-overload]
    assert verifier.identity != VlmVerifier("v", vlm).identity
