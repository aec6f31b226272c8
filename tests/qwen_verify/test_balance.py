"""Caps: the crowded cell is cut, the thin one is not, and the same rows always stay."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unicedit_assets.qwen_verify.balance import Caps, Cell, cap_of, kept, spread

CELLS = st.lists(
    st.builds(
        Cell, st.sampled_from(["train", "test"]), st.sampled_from("nh"), st.sampled_from("ab")
    ),
    max_size=60,
)


@given(CELLS, st.integers(1, 9), st.floats(1, 4))
def test_every_cell_keeps_what_its_cap_allows(cells: list[Cell], most: int, ratio: float) -> None:
    keys, caps = [str(place) for place in range(len(cells))], Caps(most, ratio)
    stays = kept(keys, cells, caps)
    sizes = {cell: cells.count(cell) for cell in cells}
    for cell, allowed in cap_of(sizes, caps).items():
        own = [stay for stay, each in zip(stays, cells, strict=True) if each == cell]
        assert sum(own) == allowed <= most
    reversed_stays = kept(keys[::-1], cells[::-1], caps)[::-1]
    assert reversed_stays == stays


def test_a_crowded_cell_is_cut_to_the_ratio_of_its_split() -> None:
    crowded, thin = Cell("train", "normal", "a"), Cell("train", "normal", "b")
    other = Cell("train", "no_edit", "a")
    cap = cap_of({crowded: 100, thin: 4, other: 10, Cell("test", "normal", "a"): 50}, Caps(1000, 2))
    assert cap == {crowded: 20, thin: 4, other: 10, Cell("test", "normal", "a"): 50}


def test_the_spread_compares_the_largest_with_the_median() -> None:
    assert spread({"a": 30, "b": 10, "c": 10}) == 3.0
    assert spread({}) == 1.0
