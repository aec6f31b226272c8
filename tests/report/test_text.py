"""Texts are bounded and show everything that is in them."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from unicedit_assets.report.text import bounded, boxes, figures, flat, visible

ANY_TEXT = st.text(st.characters(codec=None))
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("abc 中文 é 🎨", "abc 中文 é 🎨"),
        ("a\tb\nc", "a b c"),
        ("\u202egnp.exe", "⟨U+202E⟩gnp.exe"),
        ("a\x00b", "a⟨U+0000⟩b"),
        ("\ud800", "⟨U+D800⟩"),
        ("\uffff", "⟨U+FFFF⟩"),
        ("עברית", "עברית"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_markup_and_numbers_pass_untouched() -> None:
    markup = Markup("<b>\n</b>")
    assert visible(markup) is markup
    assert visible(7) == 7


@given(ANY_TEXT)
def test_no_control_or_direction_mark_survives(text: str) -> None:
    shown = str(visible(text))
    shown.encode("utf-8")
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in shown)
    assert not any(
        unicodedata.bidirectional(char)
        in ("RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "FSI", "PDI", "PDF")
        for char in shown
    )


@given(st.text(), st.integers(1, 50))
def test_a_bounded_text_is_short_and_says_what_was_cut(text: str, limit: int) -> None:
    short = bounded(text, limit)
    assert short == text or (
        short.startswith(text[:limit]) and f"{len(text):,} characters" in short
    )
    assert len(short) <= limit + 40


@given(JSON)
def test_boxes_are_proper_boxes_whatever_comes(value: object) -> None:
    for x0, y0, x1, y1 in boxes(value):
        assert 0 <= x0 < x1 <= 1
        assert 0 <= y0 < y1 <= 1


def test_boxes_are_clipped_and_what_is_none_is_left_out() -> None:
    text = json.dumps([[-1, 0, 0.5, 2], [0.5, 0.5, 0.5, 1], ["a", 0, 1, 1], [0, 0, 1], None])
    assert boxes(text) == ((0.0, 0.0, 0.5, 1.0),)
    assert boxes("no json") == ()


@given(JSON)
def test_figures_are_finite_numbers_whatever_comes(value: object) -> None:
    assert all(abs(number) < float("inf") for number in figures(value).values())


def test_figures_come_from_json_text_in_order() -> None:
    assert list(figures('{"b": 2, "a": 1.5, "c": "x", "d": NaN}').items()) == [
        ("a", 1.5),
        ("b", 2.0),
    ]


def test_a_nested_identity_reads_as_pairs() -> None:
    assert flat('{"name": "a", "inner": {"rate": 0.5}}') == "name: a; inner.rate: 0.5"
    assert flat("plain") == "plain"
