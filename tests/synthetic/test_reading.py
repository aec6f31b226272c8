"""Reading instructions of scenes back: exact for canonical texts, honest about everything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicedit_assets.synthetic.generator import SPLITS, PairSpec, make_pair
from unicedit_assets.synthetic.pair import Wording
from unicedit_assets.synthetic.reading import in_chinese, read


@pytest.fixture(scope="module")
def texts() -> list[tuple[str, Wording]]:
    """Instructions of many pairs, and whether they are in the canonical wording."""
    found = []
    for seed in range(80):
        pair = make_pair(seed, PairSpec(split=SPLITS[seed % len(SPLITS)], size=(48, 48)))
        found.append(("said", pair.said))
        found += [("canonical", text) for text in (pair.true, pair.rejected) if text]
    return found


def test_a_canonical_text_is_read_exactly_in_both_languages(
    texts: list[tuple[str, Wording]],
) -> None:
    canonical = [text for kind, text in texts if kind == "canonical"]
    assert len({text.slots["operation"] for text in canonical}) > 15
    for text in canonical:
        assert read(text.en) == dict(text.slots)
        assert read(text.cn) == in_chinese(text.slots)


def test_other_wordings_are_read_as_exactly(texts: list[tuple[str, Wording]]) -> None:
    said = [text for kind, text in texts if kind == "said"]
    assert len(said) == 80
    for text in said:
        assert read(text.en) == dict(text.slots)
        assert read(text.cn) == in_chinese(text.slots)


def test_what_is_put_in_front_was_not_moved_to_a_side() -> None:
    for operation, en, cn in (
        ("relate", "The red ball should be behind the blue box.", "红色的球应在蓝色的箱子的后面。"),
        ("move", "The red ball should be on the left of the blue box.",
         "红色的球应在蓝色的箱子的左侧。"),
    ):  # fmt: skip
        one, two = read(en), read(cn)
        assert one and two and one["operation"] == two["operation"] == operation
        assert dict(in_chinese(one)) == dict(two)


def test_a_word_beyond_the_vocabulary_is_not_read() -> None:
    assert read("Remove the red ball.") == {"operation": "remove", "target": "red ball"}
    assert read("Remove the left person in red.") is not None
    # Else what was read could not be said in Chinese.
    for odd in ("red ball in blue", "striped person in red", "person"):
        assert read(f"Remove the {odd}.") is None
    for text in ("Remove the red dragon.", "Remove the ball red.", "Remove the red ball", ""):
        assert read(text) is None


@given(st.text(max_size=60))
def test_any_text_is_read_or_not_and_nothing_breaks(text: str) -> None:
    found = read(text)
    assert found is None or found["operation"]
