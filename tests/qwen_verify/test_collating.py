"""Batches: the processor's own patches, labels on the replies alone; tokens for any text."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from qwen_verify.conftest import Tiny, make_tiny  # noqa: E402
from resources.qwen_verify.losses import IGNORED  # noqa: E402
from resources.qwen_verify.tokenizer import chain_pieces, train_tokenizer  # noqa: E402

pytestmark = [pytest.mark.neural, pytest.mark.filterwarnings("ignore")]


def test_patches_are_the_processors_own(tiny: Tiny) -> None:
    from PIL import Image

    from unicedit_assets.vlm.stacking import stacked

    rows = tiny.examples[:3]
    batch = tiny.collator.sft(rows)
    pictures = [stacked(one.source, one.edited, tiny.collator.layout) for one in rows]
    theirs = tiny.collator.processor.image_processor(
        images=[Image.fromarray(picture) for picture in pictures], return_tensors="pt"
    )
    assert torch.allclose(batch["pixel_values"], theirs["pixel_values"], atol=1e-6)
    assert torch.equal(batch["image_grid_thw"], theirs["image_grid_thw"])


def test_only_the_reply_is_learned_to_its_end(tiny: Tiny) -> None:
    batch = tiny.collator.sft(tiny.examples[:4])
    for row, example in enumerate(tiny.examples[:4]):
        labels = batch["labels"][row]
        told = tiny.collator.processor.tokenizer.decode(labels[labels != IGNORED])
        assert told == example.target + "<|im_end|>"
        assert (
            batch["input_ids"][row][labels != IGNORED].tolist()
            == labels[labels != IGNORED].tolist()
        )


def test_a_question_is_the_beginning_of_its_training_row(tiny: Tiny) -> None:
    asked = tiny.collator.prompts(tiny.examples[:4])
    learned = tiny.collator.sft(tiny.examples[:4])
    for row in range(4):
        prompt = asked["input_ids"][row][asked["attention_mask"][row].bool()]
        assert learned["input_ids"][row][: len(prompt)].tolist() == prompt.tolist()
        assert learned["labels"][row][len(prompt)] != IGNORED


def test_what_stands_between_two_values_is_one_token(tiny: Tiny) -> None:
    tokenizer = tiny.collator.processor.tokenizer
    assert [len(tokenizer(piece)["input_ids"]) for piece in chain_pieces()] == [1] * 10
    assert len(tokenizer(tiny.examples[0].target)["input_ids"]) <= 30


TOKENIZER = []


@settings(max_examples=60)
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=60))
def test_any_text_can_be_written(text: str) -> None:
    if not TOKENIZER:
        TOKENIZER.append(train_tokenizer(["Change the red ball to blue. 把红色的球改成蓝色。"] * 3))
    tokenizer = TOKENIZER[0]
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_the_third_panel_takes_no_patches_of_its_own() -> None:
    tiny = make_tiny("tokens")
    batch = tiny.collator.sft(tiny.examples[:1])
    images = (batch["input_ids"] == tiny.model.config.image_token_id).sum()
    assert int(images) == 3 * 4
    assert tiny.model(**batch).loss.isfinite()
