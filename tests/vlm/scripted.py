"""A vision-language model that says what a test tells it to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.vlm.roles import Answer, Failure, FailureKind, Question


class ScriptedVlm:
    """Answers by a list of replies in turn (the last one stays) or by a function."""

    concurrency = 3

    def __init__(self, *replies: Any, by: Callable[[Question], Any] | None = None) -> None:
        self._replies = list(replies)
        self._by = by
        self.asked: list[Question] = []

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"name": "scripted", "version": 1}

    def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        if self._by:
            return as_answer(self._by(question))
        return as_answer(self._replies.pop(0) if len(self._replies) > 1 else self._replies[0])


def as_answer(reply: Any) -> Answer:
    if isinstance(reply, Answer):
        return reply
    if isinstance(reply, FailureKind):
        return Answer(failure=Failure(reply, "as scripted"))
    text = reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)
    return Answer(text, tokens_in=10, tokens_out=5)


def picture(level: int = 90, shape: tuple[int, int] = (64, 48)) -> Pixels:
    return np.full((*shape, 3), level, np.uint8)
