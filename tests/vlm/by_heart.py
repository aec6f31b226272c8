"""A model of transformers that says one text by heart, more or less surely, as any model might."""

from __future__ import annotations

from typing import Any

import pytest

# How far a token that it means to say stands above the best of the others, nats.
LEAD = 2.0


def say_by_heart(patch: pytest.MonkeyPatch, text: str) -> None:
    """Let every model that is loaded from now on say a text and end."""
    from transformers import AutoModelForImageTextToText, AutoTokenizer

    load = AutoModelForImageTextToText.from_pretrained

    def loaded(folder: str, **how: Any) -> Any:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        meant = [*tokenizer.encode(text), tokenizer.eos_token_id]
        said = 0

        def insist(_: Any, __: Any, given: dict[str, Any], output: Any) -> None:
            nonlocal said
            said = 0 if given["input_ids"].shape[1] > 1 else said + 1
            logits = output.logits[0, -1]
            logits[meant[min(said, len(meant) - 1)]] = logits.max() + LEAD

        model = load(folder, **how)
        model.register_forward_hook(insist, with_kwargs=True)
        return model

    patch.setattr(AutoModelForImageTextToText, "from_pretrained", loaded)


def unbind(patch: pytest.MonkeyPatch) -> None:
    """Plant a fault: nothing holds a reply to its schema."""
    from resources.vlms.schema_bound import SchemaBound

    patch.setattr(SchemaBound, "processor", lambda *_: lambda _, scores: scores)
