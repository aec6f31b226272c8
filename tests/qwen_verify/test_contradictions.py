"""The rule about instructions: it speaks where one picture cannot be both, and only there."""

from __future__ import annotations

import pytest

from unicedit_assets.qwen_verify.contradictions import InstructionRule
from unicedit_assets.synthetic.generator import PairSpec, make_pair
from unicedit_assets.synthetic.pair import Kind

RULE = InstructionRule()


@pytest.mark.parametrize(
    ("one", "two", "about"),
    [
        ("Remove the red ball.", "Duplicate the red ball.", "operation"),
        ("Remove the left red ball.", "Remove the right red ball.", "target"),
        ("Make the ball red.", "Change the colour of the cup to red.", "target"),
        ("Make the ball taller.", "Make the ball smaller.", "direction"),
        ("Set the count of red balls to 3.", "Change the number of red balls to 2.", "count"),
        (
            "Swap the positions of the red ball and the cup.",
            "Swap the positions of the blue ball and the cup.",
            "target",
        ),
        (
            "Change the colour of both the ball and cup to red.",
            "Change the colour of both the cup and ball to blue.",
            "attribute",
        ),
        ("Remove the red object on the left.", "Remove the red object on the right.", "place"),
    ],
)
def test_what_cannot_both_be_so_contradicts(one: str, two: str, about: str) -> None:
    assert RULE(one, two).startswith(about)
    assert RULE(two, one).startswith(about)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Remove the ball.", "Remove the red ball."),
        ("Remove the left red ball.", "Remove the striped red ball."),
        ("Remove the striped ball.", "Remove the red ball."),
        ("Change the colour of the ball.", "Change the colour of the ball to red."),
        ("Change the number of red balls to 2.", "Duplicate the red ball."),
        ("Change the number of red balls to 1.", "Remove the left red ball."),
        ("Replace the red ball with a blue ball.", "Change the colour of the red ball to blue."),
        ("Make the ball larger.", "Make the ball taller."),
        ("Add a red ball at the left of the picture.", "Duplicate the red ball."),
        (
            "Show the cup after it is knocked over.",
            "Change the pose of the cup to lying on its side.",
        ),
        (
            "Swap the positions of the ball and the cup.",
            "Swap the positions of the red cup and the ball.",
        ),
        (
            "Remove the red object in the upper left.",
            "Remove the red object at the top.",
        ),
        ("Remove the red object on the left.", "Remove the red person on the left."),
        ("Make it nicer.", "Remove the red ball."),
        ("移除红色的球。", "移除蓝色的球。"),
        ("", "Remove the red ball."),
    ],
)  # fmt: skip
def test_the_same_told_otherwise_or_with_less_does_not(one: str, two: str) -> None:
    assert RULE(one, two) == RULE(two, one) == ""


def test_of_the_generator_s_pairs_it_finds_hallucinations_and_nothing_else() -> None:
    wrong, silent = 0, 0
    for seed in range(300):
        pair = make_pair(seed, PairSpec(size=(48, 48), style="plain"))
        if pair.true is None:
            continue
        told = RULE(pair.said.en, pair.true.en)
        if pair.kind in (Kind.HALLUCINATION, Kind.MISALIGNED):
            wrong += 1
            silent += not told
        else:
            assert told == "", (pair.said.en, pair.true.en)
    assert wrong > 60 and silent < wrong / 10
