"""A model behind an OpenAI-compatible endpoint: a vLLM server, a gateway, a hosted model."""

from __future__ import annotations

import asyncio
import json
import os
import random
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from resources.vlms.health import BUSY, Health
from resources.vlms.loop import BackgroundLoop
from resources.vlms.replying import (
    HOPELESS,
    MalformedReplyError,
    answer_of,
    failure_of,
    messages_of,
)
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.retries import RetryPolicy, is_retried
from unicedit_assets.domain.roles import BackendDownError
from unicedit_assets.settings.vlms import HttpVlm
from unicedit_assets.vlm.pictures import data_url
from unicedit_assets.vlm.roles import Answer, Failure, FailureKind, Question

if TYPE_CHECKING:
    from openai import AsyncOpenAI

VERSION = 2
_JSON = {"Content-Type": "application/json"}
# Stands for a picture while a request is written; no text of a prompt is this alone.
_PICTURE = "\0"


@dataclass(frozen=True)
class _Trouble:
    """One try that brought no answer; ``down`` when nobody was there to answer."""

    failure: Failure
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    down: bool = False


@dataclass(frozen=True)
class _Line:
    """An open client in its own loop, and how many questions it takes at once."""

    loop: BackgroundLoop
    client: AsyncOpenAI
    slots: asyncio.Semaphore


class EndpointVlm:
    """Asks a server, with our own retry rule, a deadline over all tries, and a bound in flight.

    One event loop serves all threads, so a try that takes too long is really cancelled, however
    slowly the server drips.
    """

    def __init__(self, settings: HttpVlm) -> None:
        self._settings = settings
        self._policy = RetryPolicy(attempts=settings.tries, deadline=settings.deadline)
        # Jitter must differ between processes; it never reaches a result.
        self._rng = random.Random()  # noqa: S311
        self._health = Health(settings.concurrency)
        self._lock = threading.Lock()
        self._line: _Line | None = None

    @property
    def identity(self) -> Mapping[str, Json]:
        """What can change a reply; where the server is cannot."""
        return {"name": "openai", "version": VERSION, **self._settings.identity_fields()}

    @property
    def concurrency(self) -> int:
        return self._settings.concurrency

    def ask(self, question: Question) -> Answer:
        """Answer one question; see ``Vlm``.

        Raises:
            BackendDownError: nobody answers there, or not for this key or model, or the server
                stays busy or fails question after question.
        """
        body = self._body(question)
        with self._lock:
            line = self._line = self._line or self._connected()
        return line.loop.run(self._ask(line, body, question))

    def close(self) -> None:
        """Hang up; a later question connects again. Dropping the last reference does the same."""
        with self._lock:
            line, self._line = self._line, None
        if line:
            line.loop.finish(line.client.close)

    def _body(self, question: Question) -> bytes:
        """Return the request's JSON: written once, whatever number of tries it takes."""
        body: dict[str, Any] = {
            "model": self._settings.model,
            "messages": messages_of(
                question.system, [_PICTURE] * len(question.images), question.text
            ),
            "max_tokens": question.max_tokens,
            "temperature": question.temperature,
            "seed": question.seed,
        }
        if question.weigh and self._settings.logprobs:
            body["logprobs"] = True
        if self._settings.structured == "json_schema":
            schema = {"name": question.name, "schema": question.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif self._settings.structured == "json_object":
            body["response_format"] = {"type": "json_object"}
        return _written(body, [data_url(image) for image in question.images])

    def _connected(self) -> _Line:
        from openai import AsyncOpenAI

        client = AsyncOpenAI(
            base_url=self._settings.base_url,
            api_key=os.environ.get(self._settings.key_variable) or "none",
            max_retries=0,
            timeout=self._settings.timeout,
        )
        line = _Line(
            BackgroundLoop("vlm-endpoint"), client, asyncio.Semaphore(self._settings.concurrency)
        )
        # A forgotten backend must not keep its thread and its connections.
        forgotten = weakref.finalize(line, line.loop.finish, client.close, False)
        forgotten.atexit = False
        return line

    async def _ask(self, line: _Line, body: bytes, question: Question) -> Answer:
        async with line.slots:
            started, tries = time.monotonic(), 0
            while True:
                tries += 1
                left = self._settings.deadline - (time.monotonic() - started)
                came = await self._try(
                    line.client, body, question, min(self._settings.timeout, left)
                )
                if isinstance(came, Answer):
                    self._health.succeeded()
                    return replace(came, tries=tries)
                elapsed = time.monotonic() - started
                wait = self._policy.delay(
                    came.status, came.headers, tries, elapsed, time.time(), self._rng
                )
                if wait is None:
                    return self._given_up(came, tries)
                await asyncio.sleep(wait)

    def _given_up(self, came: _Trouble, tries: int) -> Answer:
        where = f"{self._settings.base_url}: "
        if came.down or came.status in BUSY:
            raise BackendDownError(where + came.failure.detail)
        if self._health.failed() if is_retried(came.status) else self._health.refused():
            raise BackendDownError(f"{where}question after question fails: {came.failure.detail}")
        return Answer(failure=came.failure, tries=tries)

    async def _try(
        self, client: AsyncOpenAI, body: bytes, question: Question, seconds: float
    ) -> Answer | _Trouble:
        import openai

        try:
            async with asyncio.timeout(seconds):
                # Not by the typed method: its check of every field costs more than a small answer.
                raw = await client.post(
                    "/chat/completions",
                    cast_to=openai.HttpxBinaryResponseContent,
                    content=body,
                    options={"headers": _JSON},
                )
            answer = answer_of(json.loads(raw.content), question.weigh)
            if answer.failure and answer.failure.kind is FailureKind.SERVER:  # it is empty
                return _Trouble(answer.failure)
            return answer
        except (TimeoutError, openai.APITimeoutError):
            failure = Failure(FailureKind.TIMEOUT, f"no answer within {seconds:.0f} s")
            return _Trouble(failure)
        except openai.APIStatusError as error:
            status, headers = error.status_code, dict(error.response.headers)
            failure = failure_of(status, _message_of(error))
            return _Trouble(failure, status, headers, down=status in HOPELESS)
        except openai.APIConnectionError as error:
            unreachable = type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout")
            cause = error.__cause__ or error
            detail = f"the connection failed: {type(cause).__name__}: {cause}"
            return _Trouble(Failure(FailureKind.SERVER, detail), down=unreachable)
        except (MalformedReplyError, ValueError) as error:
            return _Trouble(Failure(FailureKind.SERVER, str(error)[:500]))


def _written(body: Mapping[str, Any], urls: Sequence[str]) -> bytes:
    """Return JSON with the URLs in the places of ``_PICTURE``, in order.

    They are megabytes of what needs no escape, so the encoder need not look for any.
    """
    first, *rest = json.dumps(body).split(json.dumps(_PICTURE))
    return "".join([first, *(f'"{u}"{r}' for u, r in zip(urls, rest, strict=True))]).encode()


def _message_of(error: Any) -> str:
    body = error.body
    if isinstance(body, Mapping) and isinstance(body.get("message"), str):
        code = body.get("code")
        return f"{body['message']} ({code})" if isinstance(code, str) else str(body["message"])
    return str(error.response.text or error.message)
