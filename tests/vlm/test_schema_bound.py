"""Replies held to their schema: what was readable stays as it is, what was not becomes readable."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from qwen_verify.toy import toy_pair

from resources.vlms.in_transformers import InTransformers
from resources.vlms.schema_bound import SchemaBound
from unicedit_assets.domain.identity import Json
from unicedit_assets.qwen_verify.question import example_of
from unicedit_assets.settings.vlms import TransformersVlm
from unicedit_assets.vlm.parsing import ParseError, parse_reply
from unicedit_assets.vlm.roles import Answer, FailureKind, Question
from unicedit_assets.vlm.verifier import SCHEMA
from vlm.by_heart import say_by_heart, unbind
from vlm.playing import pair

pytestmark = [pytest.mark.neural, pytest.mark.filterwarnings("ignore")]

EXAMPLES = [example_of(toy_pair(seed)) for seed in range(12)]
CHAIN = EXAMPLES[0].target
ASKED = Question("chain", "", pair(1), "What?", SCHEMA, 512, weigh=("is_changed", "class"))


def asked(folder: Path, question: Question = ASKED) -> Answer:
    backend = InTransformers(TransformersVlm(model=str(folder), device="cpu"))
    answer = backend.ask(question)
    backend.close()
    return answer


def test_a_model_that_knows_nothing_says_a_chain(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = asked(tiny_folder)
    assert answer.failure is None
    assert list(parse_reply(answer.text, SCHEMA)) == list(SCHEMA["properties"])  # type: ignore[call-overload]
    assert json.dumps(json.loads(answer.text), separators=(",", ":")) == answer.text
    unbind(monkeypatch)
    with pytest.raises(ParseError):
        parse_reply(asked(tiny_folder).text, SCHEMA)


@pytest.mark.parametrize("folder", ["tiny_folder", "small_folder"])
def test_a_reply_that_was_readable_keeps_its_text_and_its_confidence(
    folder: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = request.getfixturevalue(folder)
    say_by_heart(monkeypatch, CHAIN)
    bound = asked(where)
    unbind(monkeypatch)
    free = asked(where)
    assert bound == free
    assert bound.text == CHAIN
    assert set(bound.probabilities) == {"is_changed", "class"}
    # Six words and two are all that the schema leaves open: the others count all the same.
    assert all(0 < chance < 0.9 for chance in bound.probabilities.values())


def test_only_what_leaves_the_schema_is_replaced(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = CHAIN.replace('"class":"', '"class":"un')
    say_by_heart(monkeypatch, said)
    text = asked(tiny_folder).text
    parse_reply(text, SCHEMA)
    assert text.startswith(said.partition('"class":"')[0])


def test_a_schema_that_cannot_be_held_to_fails_its_question_alone(tiny_folder: Path) -> None:
    wrong: Mapping[str, Json] = {"type": "string", "pattern": "("}
    failure = asked(tiny_folder, replace(ASKED, schema=wrong)).failure
    assert failure
    assert failure.kind is FailureKind.BAD_REQUEST
    assert "cannot be held to its schema" in failure.detail


class Reader:
    """Tells how far a reply is let through; the model gives more logits than there are tokens."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._width = len(tokenizer) + 40
        self._bound = SchemaBound(tokenizer, self._width, [tokenizer.eos_token_id])

    def allowed(self, text: str) -> Iterator[tuple[int, set[int]]]:
        """Yield each token of a reply and its end, with what was allowed in its place."""
        import torch

        processor = self._bound.processor(SCHEMA)
        ids = [0]
        for token in [*self._tokenizer.encode(text), self._tokenizer.eos_token_id]:
            scores = processor(torch.tensor([ids]), torch.zeros(1, self._width))
            yield token, {int(i) for i in (scores[0] > -math.inf).nonzero()}
            ids.append(token)

    def passes(self, text: str) -> bool:
        return all(token in allowed for token, allowed in self.allowed(text))


def tokenizers() -> dict[str, Any]:
    from random_models import qwen_tokenizer

    from resources.qwen_verify.tokenizer import train_tokenizer

    ends = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    return {
        "small": train_tokenizer(text for one in EXAMPLES for text in (one.target, one.rejected)),
        "Qwen's": qwen_tokenizer(**ends),
    }


@pytest.mark.parametrize("name", ["small", "Qwen's"])
def test_every_chain_that_is_taught_passes_and_nothing_beside_it(name: str) -> None:
    reader = Reader(tokenizers()[name])
    texts = [text for one in EXAMPLES for text in (one.target, one.rejected) if text]
    assert all(map(reader.passes, texts))
    wrong = {
        "white space": CHAIN.replace('":', '": '),
        "another order": json.dumps(dict(sorted(json.loads(CHAIN).items())), separators=(",", ":")),
        "an unknown key": CHAIN.removesuffix("}") + ',"more":""}',
        "an unknown class": CHAIN.replace('"class":"', '"class":"un'),
        "a fence": f"```json\n{CHAIN}\n```",
        "two objects": CHAIN + CHAIN,
    }
    assert [flaw for flaw, text in wrong.items() if reader.passes(text)] == []


@pytest.mark.parametrize("name", ["small", "Qwen's"])
def test_any_text_can_be_said_and_no_special_token_or_padding(name: str) -> None:
    tokenizer = tokenizers()[name]
    said = {**json.loads(CHAIN), "source_caption": 'a "red" / 红色 \\ é 😀 {[,]}'}
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    *inside, (_, last) = Reader(tokenizer).allowed(text)
    assert all(token in allowed for token, allowed in inside)
    never = {*tokenizer.all_special_ids, *range(len(tokenizer), len(tokenizer) + 40)}
    assert not any(never & allowed for _, allowed in inside)
    assert last == {tokenizer.eos_token_id}
