"""Examples: what is asked, what is right, what a fooled model would say."""

from __future__ import annotations

import json

from qwen_verify.toy import toy_pair
from unicedit_assets.qwen_verify.question import (
    OPEN,
    example_of,
    fooled_chain,
    misjudged,
    opened,
)
from unicedit_assets.synthetic.pair import Kind
from unicedit_assets.vlm.parsing import parse_reply
from unicedit_assets.vlm.verifier import SCHEMA, contradiction


def test_true_and_rejected_chains_keep_to_the_schema_and_to_themselves() -> None:
    for seed in range(30):
        example = example_of(toy_pair(seed))
        for text in (example.target, example.rejected):
            assert contradiction(parse_reply(text, SCHEMA)) == ""
        assert example.target != example.rejected


def test_a_fooled_model_believes_the_text() -> None:
    for kind in (Kind.NO_EDIT, Kind.HALLUCINATION):
        pair = toy_pair(3, kind)
        fooled = fooled_chain(pair)
        assert fooled
        assert (fooled.rewritten_en, fooled.rewritten_cn) == (pair.said.en, pair.said.cn)
        assert fooled.is_changed
        assert fooled.kind == "valid"


def test_where_the_text_is_right_one_claim_of_the_chain_is_wrong() -> None:
    pair = toy_pair(3, Kind.NORMAL)
    true, fooled = json.loads(example_of(pair).target), fooled_chain(pair)
    assert fooled
    assert fooled.rewritten_en != true["rewritten_en"]
    assert fooled.source_caption == true["source_caption"]


def test_an_opened_instruction_claims_nothing_and_its_answer_stays() -> None:
    example = example_of(toy_pair(0, Kind.NORMAL))
    claims_nothing = {said.en for said in OPEN}
    assert opened(example, 0.0, 7) == example
    always = opened(example, 1.0, 7)
    assert always.en in claims_nothing
    assert always.target == example.target
    assert always == opened(example, 1.0, 7)


def test_the_share_that_is_opened_is_the_share_asked_for() -> None:
    examples = [example_of(toy_pair(seed, side=32)) for seed in range(400)]
    changed = sum(opened(one, 0.25, 1) != one for one in examples)
    assert 70 <= changed <= 130


def test_a_misjudged_chain_is_wrong_in_its_class_alone() -> None:
    for kind, wrong in ((Kind.NORMAL, "misaligned"), (Kind.HALLUCINATION, "valid")):
        example = example_of(toy_pair(1, kind))
        varied = misjudged(example, 1.0, 0)
        true, rejected = json.loads(varied.target), json.loads(varied.rejected)
        assert rejected.pop("class") == wrong != true.pop("class")
        assert rejected == true
        assert varied.target == example.target
        assert misjudged(example, 0.0, 0) == example


def test_what_was_not_edited_is_not_misjudged() -> None:
    example = example_of(toy_pair(1, Kind.NO_EDIT))
    assert misjudged(example, 1.0, 0) == example
