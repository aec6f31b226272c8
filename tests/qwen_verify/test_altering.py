"""Hallucinated texts: one claim differs, in both languages, and the text stays readable."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicedit_assets.domain import language
from unicedit_assets.domain.language import Intent, Wording
from unicedit_assets.qwen_verify import claims
from unicedit_assets.qwen_verify.altering import altered, altered_claim


@st.composite
def intents(draw: st.DrawFn) -> Intent:
    operation = draw(st.sampled_from(language.operations()))
    slots = {}
    for slot in language.slots_of(operation):
        try:
            slots[slot] = draw(st.sampled_from(sorted(language.lexicon(slot))))
        except KeyError:
            slots[slot] = draw(st.sampled_from(["2", "15"])) if slot != "text" else "OPEN"
    return Intent(operation, slots)


@given(intents(), st.integers(0, 3))
def test_an_altered_text_differs_in_one_claim_alike_in_both_languages(
    intent: Intent, variant: int
) -> None:
    true = language.phrase(intent, variant)
    said = altered(true)
    if not set(intent.slots) - {"text"}:
        assert said is None
        return
    assert said is not None
    en, cn = claims.read(said.en), claims.read(said.cn)
    assert en == cn
    assert en is not None
    of_true = claims.of_intent(intent)
    differing = [name for name in claims.CLAIMS if en.get(name) != of_true.get(name)]
    assert differing == [altered_claim(true, said)]
    assert altered(true) == said


def test_an_altered_text_of_the_same_wording_differs_in_one_word() -> None:
    true = Wording("Remove the red object on the left.", "移除左侧的红色物体。")
    said = altered(true)
    assert said is not None
    words = difflib.SequenceMatcher(None, true.en.split(), said.en.split()).get_opcodes()
    assert sum(tag != "equal" for tag, *_ in words) == 1


def test_a_free_text_is_altered_where_both_languages_name_the_same_word() -> None:
    true = Wording("Let the blue kite fly away.", "让蓝色的风筝飞走。")
    said = altered(true)
    assert said is not None
    assert "blue" not in said.en
    assert "蓝色" not in said.cn
    assert said.en.endswith("kite fly away.")


@pytest.mark.parametrize(
    ("en", "cn"),
    [
        ("Let it be.", "随它去吧。"),
        ("Make the blue kite red.", "把风筝变大。"),
        ("Put the blue kite above the blue car.", "把蓝色风筝放在蓝色汽车上面。"),
    ],
)
def test_a_text_without_a_word_to_exchange_is_left_alone(en: str, cn: str) -> None:
    assert altered(Wording(en, cn)) is None
