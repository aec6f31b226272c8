"""Reading an OpenAI-style chat completion, and what its errors mean: pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unicedit_assets.vlm.parsing import Token, weighed
from unicedit_assets.vlm.roles import Answer, Failure, FailureKind

_DETAIL = 500
# How servers word that a question does not fit the model.
_LENGTH_WORDS = (
    "context length",
    "context_length_exceeded",
    "maximum context",
    "maximum model length",
    "max_model_len",
    "too long",
    "longer than",
    "too many tokens",
    "too large",
)
# The server does not know us or the model: no question will ever be answered.
HOPELESS = frozenset({401, 402, 403, 404})


class MalformedReplyError(ValueError):
    """A server said 200 and sent something that is no chat completion."""


def answer_of(payload: object, weigh: Sequence[str]) -> Answer:
    """Return what a chat completion says.

    Raises:
        MalformedReplyError: it is none.
    """
    try:
        choice = payload["choices"][0]  # type: ignore[index]
        message, finish = choice["message"], choice.get("finish_reason")
        text, refusal = message.get("content"), message.get("refusal")
        usage = payload.get("usage") or {}  # type: ignore[attr-defined]
        tokens_in = int(usage.get("prompt_tokens") or 0)
        tokens_out = int(usage.get("completion_tokens") or 0)
        tokens = [
            Token(str(token["token"]), float(token["logprob"]))
            for token in (choice.get("logprobs") or {}).get("content") or ()
        ]
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise MalformedReplyError(f"not a chat completion: {str(payload)[:_DETAIL]}") from error
    text = text if isinstance(text, str) else ""
    return Answer(
        text=text,
        failure=unfinished(finish, text, refusal if isinstance(refusal, str) else ""),
        probabilities=weighed(tokens, weigh),
        tokens_in=tokens_in,
        tokens_out=tokens_out,
    )


def unfinished(finish: object, text: str, refusal: str = "") -> Failure | None:
    """Return why a reply is not a whole one, or None."""
    if refusal:
        return Failure(FailureKind.REFUSED, refusal[:_DETAIL])
    if finish == "content_filter":
        return Failure(FailureKind.REFUSED, "the server's content filter stopped the reply")
    if finish == "length":
        return Failure(FailureKind.LENGTH, "the reply was cut off at its longest allowed length")
    if not text.strip():
        return Failure(FailureKind.SERVER, "the reply is empty")
    return None


def failure_of(status: int, message: str) -> Failure:
    """Return what an HTTP error says about the question."""
    said = f"HTTP {status}: {message[:_DETAIL]}"
    if status in (400, 413, 422):
        too_long = status == 413 or any(word in message.lower() for word in _LENGTH_WORDS)
        kind = FailureKind.TOO_LONG if too_long else FailureKind.BAD_REQUEST
        return Failure(kind, said)
    if status in (408, 504):
        return Failure(FailureKind.TIMEOUT, said)
    if status < 500 and status not in (409, 425, 429):
        return Failure(FailureKind.BAD_REQUEST, said)
    return Failure(FailureKind.SERVER, said)


def messages_of(system: str, urls: Iterable[str], text: str) -> list[Mapping[str, Any]]:
    """Return a question as chat messages: the images first, the text last."""
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": [*parts, {"type": "text", "text": text}]},
    ]
