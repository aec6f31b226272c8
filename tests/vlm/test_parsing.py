"""Strict reading: one object that keeps to its schema, or an error; never a guess."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicedit_assets.vlm.judge import SCHEMA as SCORE
from unicedit_assets.vlm.parsing import (
    ParseError,
    Token,
    parse_object,
    parse_reply,
    value_probability,
)
from unicedit_assets.vlm.prompting import FLAG, TEXT, array, choice, json_object

PLAIN = st.characters(exclude_characters="{}[]", exclude_categories=["Cs"])
PROSE = st.just("") | st.text(PLAIN, max_size=40).map(lambda text: f"It is {text}").filter(
    lambda text: "think>" not in text
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    LEAVES.filter(lambda v: not (isinstance(v, float) and math.isinf(v))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=8), VALUES, max_size=4)
GOOD = '{"reasoning": "ok", "score": 7}'


@given(OBJECTS, PROSE, PROSE, st.booleans())
def test_one_object_is_read_back_whatever_prose_or_fence_is_around_it(
    value: dict[str, Any], before: str, after: str, fenced: bool
) -> None:
    text = json.dumps(value)
    if fenced:
        text = f"```json\n{text}\n```"
    assert parse_object(f"{before}{text}{after}") == value


@given(st.text(max_size=200) | st.text('{}[]",:0123456789eENa-tru \\', max_size=60))
def test_any_text_is_read_or_refused_and_nothing_else_happens(text: str) -> None:
    try:
        value = parse_object(text)
    except ParseError as error:
        assert str(error)
    else:
        assert isinstance(value, dict)
        json.dumps(value, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no JSON object"),
        ("Sorry, I cannot do that.", "no JSON object"),
        ("8/10", "no JSON object"),
        ("[8]", "no JSON object"),
        ("null", "no JSON object"),
        (f"[{GOOD}]", "more than one"),
        (GOOD + GOOD, "more than one"),
        (GOOD + ' or {"score": 3}', "more than one"),
        (GOOD + " 5", "more than one"),
        (f"```json\n{GOOD}\n```\n7.5\n", "more than one"),
        (GOOD + ", null, 5", "more than one"),
        (GOOD + ' "so be it"', "more than one"),
        ("8 " + GOOD, "more than one"),
        (f"<think> maybe {GOOD}", "does not end"),
        (f"<think>a</think><think>no: {GOOD}", "does not end"),
        ('{"reasoning": "ok", "score": 7, "score": 9}', "occurs twice"),
        ('{"reasoning": "ok", "score": NaN}', "NaN"),
        ('{"reasoning": "ok", "score": -Infinity}', "Infinity"),
        ('{"reasoning": "ok", "score": 1e999}', "too large"),
        ('{"reasoning": "ok", "score": 95}', "from 0 to 10, not 95"),
        ('{"reasoning": "ok", "score": -3}', "from 0 to 10"),
        ('{"reasoning": "ok", "score": "7"}', "of type number"),
        ('{"reasoning": "ok", "score": true}', "of type number"),
        ('{"reasoning": "ok", "score": null}', "of type number"),
        ('{"reasoning": "ok", "score": [7]}', "of type number"),
        ('{"reasoning": "ok"}', "lacks the key 'score'"),
        ('{"reasoning": "ok", "score": 7, "note": ""}', "unknown key 'note'"),
        ('{"reasoning": "ok", "score": 7', "not valid JSON"),
        ("{'reasoning': 'ok', 'score': 7}", "not valid JSON"),
        ('{"reasoning": "a\nb", "score": 7}', "not valid JSON"),
        ('{"reasoning": "\\ud800", "score": 7}', "cannot be stored"),
        ('{"reasoning": ' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_not_exactly_right_is_refused_with_its_reason(text: str, told: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_reply(text, SCORE)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"Here is my grade:\n{GOOD}\nI hope this helps.",
        f"<think>perhaps {{3}} or [5]</think>{GOOD}",
    ],
)
def test_an_honest_wrapping_is_tolerated(text: str) -> None:
    assert parse_reply(text, SCORE) == {"reasoning": "ok", "score": 7}


@pytest.mark.parametrize("score", [0, 10, 7.5])
def test_the_ends_of_the_scale_count(score: float) -> None:
    assert parse_reply(f'{{"reasoning": "", "score": {score}}}', SCORE)["score"] == score


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"w": "c", "f": True, "l": []}, "w must be one of a, b"),
        ({"w": "a", "f": 1, "l": []}, "f must be of type boolean"),
        ({"w": "a", "f": True, "l": ["x"] * 3}, "from 0 to 2 items, not 3"),
        ({"w": "a", "f": True, "l": ["x", 1]}, "l[1] must be of type string"),
    ],
)
def test_words_flags_and_lists_are_checked(value: Any, told: str) -> None:
    schema = json_object(w=choice("a", "b"), f=FLAG, l=array(TEXT, 0, 2))
    with pytest.raises(ParseError) as caught:
        parse_reply(json.dumps(value), schema)
    assert told in str(caught.value)


def test_the_probability_of_a_value_is_that_of_the_tokens_that_spell_it() -> None:
    half, sure = math.log(0.5), 0.0
    tokens = [
        Token('{"is', half),
        Token('_changed":', half),
        Token(" tr", half),
        Token("ue,", half),
    ]
    tokens += [Token(' "class": "', sure), Token("val", half), Token("id", sure), Token('"}', sure)]
    assert value_probability(tokens, "is_changed") == pytest.approx(0.25)
    assert value_probability(tokens, "class") == pytest.approx(0.5)
    assert value_probability(tokens, "other") is None
    assert value_probability([*tokens, *tokens], "class") is None
    assert value_probability([], "class") is None


@given(st.text(max_size=30), st.lists(st.integers(1, 60), max_size=6), st.booleans())
def test_a_probability_is_one_whatever_way_a_sure_text_is_cut(
    caption: str, cuts: list[int], changed: bool
) -> None:
    text = json.dumps({"caption": caption, "flag": changed})
    edges = [0, *sorted({cut for cut in cuts if cut < len(text)}), len(text)]
    tokens = [Token(text[a:b], 0.0) for a, b in pairwise(edges)]
    assert value_probability(tokens, "flag") == 1.0
