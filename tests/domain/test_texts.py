"""Which language an instruction is in, whatever letters it asks for between quotes."""

from __future__ import annotations

import pytest

from unicedit_assets.domain.texts import is_chinese, is_english


@pytest.mark.parametrize(
    "text",
    [
        'Change the sign to "出口".',
        "Change the sign to “出口”.",
        "Change the sign to '出口'.",
        "Change the sign to ‘出口’.",
        "Change 'EXIT' to '出口' on the dog's left.",
        "Don't change the sign's '出口', but the dogs' bowl.",
    ],
)
def test_quoted_letters_of_another_script_leave_a_text_english(text: str) -> None:
    assert is_english(text)
    assert not is_chinese(text)


@pytest.mark.parametrize("text", ["把'EXIT SIGN'改成'OPEN'。", "把“EXIT SIGN”改成“出口”。"])
def test_quoted_letters_leave_a_text_chinese(text: str) -> None:
    assert is_chinese(text)
    assert not is_english(text)


@pytest.mark.parametrize(
    "text",
    ["Change the dog's 出口 and the cat's bowl.", "The dogs' 出口 isn't red."],
)
def test_an_apostrophe_hides_nothing(text: str) -> None:
    assert not is_english(text)
