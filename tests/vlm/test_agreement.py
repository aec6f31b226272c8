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
        ("Add twelve small red birds.", ["Two birds appeared."], "counts [12]"),
        ("添加十二只鸟。", ["Two birds appeared."], "counts [12]"),
        ("Paint the car to the right of the tree.", ["The left car is red."], "right"),
        ("Add three people.", ["Two people were added, and the sky."], "counts [3]"),
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
        ("Add a cup right next to the lamp.", ["A cup appeared left of the lamp."]),
        ("Add a lamp right above the left table.", ["A lamp appeared over the left table."]),
        ("Put a dog right behind the car.", ["A dog appeared on the left."]),
        ("Make it rain right now.", ["Rain falls on the left."]),
        ("Paint the car, the rest is left unchanged.", ["The car on the right is red."]),
        ("添加十二只鸟。", ["12 birds appeared."]),
        ("添加二十个气球。", ["20 balloons appeared."]),
        ("把第二个杯子涂成红色。", ["Three cups are red."]),
        ("添加几十只鸟。", ["30 birds appeared."]),
        ("Put the iPhone 15 in a case.", ["Two scratches vanished."]),
        ("Remove the iPhone 15 cases.", ["Two cases vanished."]),
        ("Enlarge it 3 times.", ["Two cars are larger."]),
        ("Rotate it by 15 degrees.", ["Two cars are turned."]),
        ("Make the two-story house red.", ["Three walls turned red."]),
    ],
)
def test_agreement_and_silence_pass(text: str, differences: list[str]) -> None:
    assert conflict(text, differences) == ""


def test_numbers_are_read_in_words_and_digits_of_both_languages() -> None:
    assert numbers("two dogs, 12 cats, a tenth") == {2, 12}
    assert numbers("三只猫和5条狗") == {3, 5}
    assert numbers("十个、十二只、二十三条、一百零五朵、第二个、三个小时") == {10, 12, 23, 105}
    assert numbers("Two cars. Add 4 big red balloons, 11 men and 7 glasses") == {2, 4, 11, 7}
    assert numbers("EXIT 5 signs, Route 66 signs, page 3 pictures, both of the two") == set()
    assert numbers("#333333, 2.5 times, 50%") == set()
