"""Claims: equal for equal meanings, in both languages, and shares for what differs."""

from __future__ import annotations

import pytest

from unicedit_assets.qwen_verify.claims import (
    Language,
    agreement,
    alike,
    language_of,
    overlap,
    read,
)


def test_a_text_is_read_in_the_language_it_is_written_in() -> None:
    scene, embedded = "Remove the red ball.", "Remove the red object on the left."
    assert language_of(scene) is Language.SCENE
    assert language_of(embedded) is Language.EMBEDDED
    assert language_of("Make it nicer.") is Language.FREE
    assert read(scene, Language.SCENE) == {"operation": "remove", "target": "red ball"}
    assert read(scene, Language.EMBEDDED) is None
    assert read(scene, Language.FREE) is None


@pytest.mark.parametrize(
    ("en", "cn", "same"),
    [
        ("Remove the red ball.", "移除红色的球。", True),
        ("Remove the red ball.", "移除蓝色的球。", False),
        ("Remove the red ball.", "复制红色的球。", False),
    ],
)
def test_both_languages_claim_alike(en: str, cn: str, same: bool) -> None:
    one, two = read(en, Language.SCENE), read(cn, Language.SCENE)
    assert one is not None
    assert two is not None
    assert alike(one, two, Language.SCENE) is same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Swap the positions of the red ball and the blue box.",
         "Swap the positions of the blue box and the red ball."),
        ("Change the colour of both the red ball and blue box to green.",
         "Change the colour of both the blue box and red ball to green."),
        ("将红色的球和蓝色的箱子的颜色都改为绿色。", "将蓝色的箱子和红色的球的颜色都改为绿色。"),
    ],
)  # fmt: skip
def test_the_order_of_two_equal_things_claims_nothing(one: str, other: str) -> None:
    assert read(one, Language.SCENE) == read(other, Language.SCENE) is not None


def test_a_symmetric_edit_claims_alike_in_both_languages() -> None:
    en = read("Swap the positions of the red ball and the blue box.", Language.SCENE)
    cn = read("交换蓝色的箱子与红色的球的位置。", Language.SCENE)
    assert en and cn and alike(en, cn, Language.SCENE)
    other = read("交换蓝色的箱子与绿色的球的位置。", Language.SCENE)
    assert other and not alike(en, other, Language.SCENE)


def test_agreement_counts_what_is_shared_of_all_that_is_claimed() -> None:
    true = {"operation": "move", "target": "ball", "direction": "left"}
    assert agreement(true, true) == 1.0
    assert agreement(true, {**true, "direction": "right"}) == pytest.approx(2 / 3)
    assert agreement(true, {"operation": "move", "target": "ball"}) == pytest.approx(2 / 3)
    assert agreement(true, {**true, "count": "2"}) == pytest.approx(3 / 4)
    assert agreement(true, {}) == 0.0


def test_overlap_compares_words_and_chinese_characters() -> None:
    assert overlap("Remove the red ball.", "remove THE red ball!") == 1.0
    assert overlap("Remove the red ball.", "Remove the blue ball.") == pytest.approx(3 / 4)
    assert overlap("移除球", "移除盒") == pytest.approx(2 / 3)
    assert overlap("a", "b") == overlap("", "") == 0.0
