"""The rule about sides and numbers speaks only when it is sure."""

from __future__ import annotations

import pytest

from unicedit_assets.vlm.agreement import conflict, numbers


@pytest.mark.parametrize(
    ("text", "differences", "told"),
    [
        ("Paint the left car red.", ["The car on the right turned red."], "left"),
        ("把右边的车涂成红色。", ["The car on the left turned red."], "right"),
        ("Add three birds.", ["Two birds appeared in the sky."], "counts [3]"),
        ("添加三只鸟。", ["Two birds appeared in the sky."], "counts [3]"),
        ("Add 4 birds.", ["Two birds appeared."], "counts [4]"),
    ],
)
def test_a_contradiction_is_found(text: str, differences: list[str], told: str) -> None:
    assert told in conflict(text, differences)


@pytest.mark.parametrize(
    ("text", "differences"),
    [
        ("Paint the left car red.", ["The car on the left turned red."]),
        ("Paint the left car red.", ["The car turned red."]),
        ("Paint the car red.", ["The car on the right turned red."]),
        ("Move the cup from left to right.", ["The cup moved to the right."]),
        ("Add three birds.", ["3 birds appeared."]),
        ("添加两只鸟。", ["Two birds appeared."]),
        ("Add a bird.", ["One bird appeared."]),
        ('Write "right 7" on the left sign.', ['The left sign now reads "EXIT 5".']),
        ("Turn the picture 90° clockwise.", ["The picture was turned by two steps."]),
        ("Make it bright.", ["The left is brighter."]),
    ],
)
def test_agreement_and_silence_pass(text: str, differences: list[str]) -> None:
    assert conflict(text, differences) == ""


def test_numbers_are_read_in_words_and_digits_of_both_languages() -> None:
    assert numbers("two dogs, 12 cats, a tenth") == {2, 12}
    assert numbers("三只猫和5条狗") == {3, 5}
    assert numbers("#333333, 2.5 times, 50%") == set()
