"""The one message type of all vision-language models, and the protocol that a backend plays.

A backend never raises for what can go wrong with one question: it answers with a ``Failure``. What
concerns every question (no server, a wrong key, no such model) is a ``BackendDownError``. The
images come first and the text last, so that questions about the same pictures share their prefix
and a server can keep it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.roles import Pixels


class FailureKind(StrEnum):
    """Why a question got no usable reply."""

    TIMEOUT = "timeout"
    REFUSED = "refused"
    TOO_LONG = "too_long"
    BAD_REQUEST = "bad_request"
    SERVER = "server"
    LENGTH = "length"


@dataclass(frozen=True)
class Failure:
    """What went wrong with one question, in a word and in a sentence."""

    kind: FailureKind
    detail: str

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.detail}"


@dataclass(frozen=True)
class Question:
    """One question to a vision-language model.

    Attributes:
        name: what kind of question it is, such as ``verifier``; names the schema.
        system: the standing instructions.
        images: uint8 arrays of shape (H, W, 3), sRGB, shown before the text.
        text: what is asked about them.
        schema: JSON schema of the reply.
        max_tokens: longest reply.
        temperature: 0 for the likeliest reply.
        seed: of the sampling, 0 to 2**31 - 1.
        weigh: fields of the reply whose probability is wanted.
    """

    name: str
    system: str
    images: tuple[Pixels, ...]
    text: str
    schema: Mapping[str, Json]
    max_tokens: int = 1024
    temperature: float = 0.0
    seed: int = 0
    weigh: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """A model's reply as it came, or why there is none.

    Attributes:
        text: the raw reply; with a ``length`` failure, what there is of it.
        failure: None when the reply is complete.
        tokens_in, tokens_out: as the backend counted; 0 where it does not count.
        seconds: from the question to the answer, waiting and repeated tries included.
        tries: how often the backend had to send it.
        probabilities: weighed field -> probability of its value's tokens, where known.
        cached: whether the reply was kept from an earlier time.
    """

    text: str = ""
    failure: Failure | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    tries: int = 1
    probabilities: Mapping[str, float] = field(default_factory=dict)
    cached: bool = False


class VlmError(Exception):
    """A vision-language model gave no usable reply; the message says why."""


class Vlm(Protocol):
    """A vision-language model, wherever it runs; called from ``concurrency`` threads at once."""

    @property
    def identity(self) -> Mapping[str, Json]: ...

    @property
    def concurrency(self) -> int: ...

    def ask(self, question: Question) -> Answer:
        """Answer one question; never raises for what is wrong with this question alone.

        Raises:
            BackendDownError: no question can be answered now.
        """
        ...


def load_of(vlm: Vlm) -> Callable[[], None] | None:
    """Return what loads a model into this process, or None where somebody else holds it."""
    load: Callable[[], None] | None = getattr(vlm, "load", None)
    return load
