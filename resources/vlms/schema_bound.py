"""Holds a local model's reply to its question's JSON schema, token by token.

By llguidance, with the options under which vLLM is asked for the same: the keys in their order and
none besides, no free white space, texts of any length. A token with which no such reply can go on
is ruled out; among the others the model's own order stands, so a reply that would have kept to the
schema anyway stays as it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from unicedit_assets.domain.identity import Json

LIBRARY = "llguidance"


class SchemaBound:
    """Makes the logits processors of one model; each schema is compiled once.

    Args:
        tokenizer: a fast tokenizer of transformers.
        width: how many logits the model gives; may be more than there are tokens.
        ends: tokens that end a reply; none: the tokenizer's own.

    Raises:
        ValueError: the tokenizer is of another kind.
    """

    def __init__(self, tokenizer: Any, width: int, ends: Sequence[int]) -> None:
        from llguidance.hf import from_tokenizer

        self._width = width
        most = max(width, len(tokenizer))
        self._tokens = from_tokenizer(tokenizer, n_vocab=most, eos_token=list(ends) or None)
        self._compiled: dict[str, Any] = {}

    def processor(self, schema: Mapping[str, Json]) -> SchemaProcessor:
        """Return a new processor, for one reply.

        Raises:
            ValueError: the schema says what cannot be held to.
        """
        key = json.dumps(schema)
        if key not in self._compiled:
            self._compiled[key] = self._compile(key)
        return SchemaProcessor(self._compiled[key].deep_copy(), self._width)

    def _compile(self, schema: str) -> Any:
        from llguidance import LLMatcher

        # Free white space lets a weak model loop on newlines.
        grammar = LLMatcher.grammar_from_json_schema(
            schema, defaults={"whitespace_flexible": False}
        )
        matcher = LLMatcher(self._tokens, grammar, log_level=0)
        _raise_error(matcher)
        return matcher


class SchemaProcessor:
    """A logits processor of transformers for one reply to one question."""

    def __init__(self, matcher: Any, width: int) -> None:
        self._matcher = matcher
        self._width = width
        self._begun = False

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Return the scores with minus infinity for every token that is ruled out.

        Args:
            input_ids: integers of shape (1, tokens so far), the question's among them.
            scores: floats of shape (1, width); they stay as they are, for confidence is read there.

        Raises:
            ValueError: no reply of the schema can go on from here.
        """
        import torch

        if self._begun:
            self._matcher.consume_token(int(input_ids[0, -1]))
        self._begun = True
        packed = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        _raise_error(self._matcher)
        allowed = np.unpackbits(packed, count=self._width, bitorder="little")
        ruled_out = torch.from_numpy(allowed == 0).to(scores.device)
        return scores.masked_fill(ruled_out, -math.inf)


def _raise_error(matcher: Any) -> None:
    if matcher.is_error():
        told = str(matcher.get_error()).partition("\n")[0]
        raise ValueError(f"the reply cannot be held to its schema: {told}")
