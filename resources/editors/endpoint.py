"""An editor behind an OpenAI-style images endpoint, as vLLM-Omni and hosted editors serve it.

A server that is busy is asked again; a request that it refuses is that row's matter; a server that
cannot be reached, does not know the model or does not accept the key condemns no row but ends the
run. Nothing that it sends is trusted: neither the size of its answer, nor what it links to, nor the
picture.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import os
import random
import threading
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urljoin, urlsplit

import numpy as np
from PIL import Image

from resources.breaker import BUSY, Breaker
from resources.editors.fitting import fitted
from resources.editors.http import Answer, TooLargeError, exchange, form_of
from unicedit_assets.domain import codec
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.machine import is_machines
from unicedit_assets.domain.retries import RetryPolicy, is_retried
from unicedit_assets.domain.roles import BackendDownError, Edited, EditorError, Pixels
from unicedit_assets.pipeline import waiting
from unicedit_assets.settings.editors import EndpointEditor
from unicedit_assets.settings.fields import SettingsError, identity_of

# Raised when this code gives other pixels for the same settings.
CODE_VERSION = 1
_FORMATS = ("PNG", "WEBP", "JPEG")
_MOST_PIXELS = 64_000_000
_DETAIL = 300
# Of these no other row would fare better: wrong key, no credit, wrong address, unknown model.
_SETUP = frozenset({401, 402, 403, 404, 405, 407})
_REDIRECTS = range(300, 400)
# Letters of a key by which a server's message may still quote it.
_TELLTALE = 4


class RefusedError(EditorError):
    """The server looked at this row and will not have it."""


@dataclass(frozen=True)
class RemoteEditor:
    """One configured endpoint; holds settings only, no connection and no key."""

    name: str
    settings: EndpointEditor
    policy: RetryPolicy = field(init=False)
    breaker: Breaker = field(init=False, compare=False)

    def __post_init__(self) -> None:
        settings, url = self.settings, urlsplit(self.settings.base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise SettingsError(
                f"editors.{self.name}.base_url: not an http(s) address: {settings.base_url!r}"
            )
        policy = RetryPolicy(attempts=settings.attempts, deadline=settings.deadline)
        object.__setattr__(self, "policy", policy)
        most = max(8, 2 * settings.concurrency)
        object.__setattr__(self, "breaker", Breaker(most, most, forgiving=True))

    @property
    def concurrency(self) -> int:
        """Requests at once."""
        return self.settings.concurrency

    @cached_property
    def identity(self) -> Mapping[str, Json]:
        """Name, model as the server knows it, and every setting that can change the pixels."""
        fields = identity_of(self.settings)
        revision = fields.pop("revision")
        version = f"{self.settings.model}@{revision}" if revision else self.settings.model
        return {**fields, "name": self.name, "version": version, "code": CODE_VERSION}

    def edit(self, image: Pixels, prompt: str, seed: int) -> Edited:
        """Return the edited picture; the stage holds its size against the source's.

        Raises:
            EditorError: the server refused this row, or what it sent is no picture.
            BackendDownError: no row can be edited now.
        """
        try:
            pixels = self._made(image, prompt, seed)
        except BackendDownError as error:
            raise BackendDownError(self._told(str(error))) from None
        except Exception as error:
            own = isinstance(error, EditorError)
            told = "" if own else f"the answer is no picture: {type(error).__name__}: "
            told = self._told(f"{told}{error}")
            if is_machines(error):
                raise BackendDownError(f"editors.{self.name}: this machine fails: {told}") from None
            if self.breaker.failed(isinstance(error, RefusedError)):
                raise BackendDownError(
                    f"editors.{self.name}: row after row comes back without a picture, "
                    f"lastly because {told}"
                ) from None
            raise EditorError(told) from None
        self.breaker.succeeded()
        return Edited(pixels)

    def _made(self, image: Pixels, prompt: str, seed: int) -> Pixels:
        height, width = image.shape[:2]
        body, kind = form_of(self._fields(prompt, seed, f"{width}x{height}"), _png(image))
        url = f"{self.settings.base_url.rstrip('/')}/images/edits"
        answer = self._asked(url, body, {"Content-Type": kind})
        return fitted(_pixels(self._picture(answer.body)), width, height)

    def _fields(self, prompt: str, seed: int, size: str) -> dict[str, str]:
        settings = self.settings
        found = {
            "model": settings.model,
            "prompt": prompt,
            "n": "1",
            "size": size if settings.size == "source" else settings.size,
        }
        if settings.response_format:
            found["response_format"] = settings.response_format
        if settings.send_seed:
            # Servers read 32 bits, or fail.
            found["seed"] = str(seed % 2**31)
        options = {name: _text(value) for name, value in settings.options.items()}
        return found | options

    def _key(self) -> str:
        variable = self.settings.api_key_variable
        if not variable:
            return ""
        where = f"editors.{self.name}: the environment variable {variable}"
        key = os.environ.get(variable, "").strip()
        if not key:
            raise BackendDownError(f"{where} holds no key")
        if any(ord(letter) < 32 or 127 <= ord(letter) < 160 or ord(letter) > 255 for letter in key):
            raise BackendDownError(f"{where} holds characters that no key has")
        return key

    def _told(self, text: str) -> str:
        """Return a message without any word that shows the key, or its beginning or end."""
        key = os.environ.get(self.settings.api_key_variable, "").strip()
        if not key:
            return text
        shown = {key} if len(key) < 2 * _TELLTALE else {key, key[:_TELLTALE], key[-_TELLTALE:]}
        text = text.replace(key, "***")
        return " ".join(
            "***" if any(part in word for part in shown) else word for word in text.split(" ")
        )

    def _asked(self, url: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        """Ask, again where that may help, and return the answer of a success."""
        with waiting.wait() as ended:
            return self._asked_until(ended, url, body, headers)

    def _asked_until(
        self, ended: threading.Event, url: str, body: bytes | None, headers: dict[str, str]
    ) -> Answer:
        key, rng, start = self._key(), random.SystemRandom(), time.monotonic()
        if key:
            headers = {**headers, "Authorization": f"Bearer {key}"}
        attempt = 0
        while not ended.is_set():
            attempt += 1
            elapsed = time.monotonic() - start
            timeout = max(0.001, min(self.settings.timeout, self.settings.deadline - elapsed))
            request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310
            try:
                answer = exchange(request, timeout, self.settings.max_response_bytes)
            except TooLargeError as error:
                raise EditorError(str(error)) from error
            if answer.status is not None and answer.status < 300:
                return answer
            elapsed = time.monotonic() - start
            delay = self.policy.delay(
                answer.status, answer.headers, attempt, elapsed, time.time(), rng
            )
            if delay is None:
                raise self._failure(answer, is_link=body is None)
            ended.wait(delay)
        raise BackendDownError(f"editors.{self.name}: the run ends")

    def _failure(self, answer: Answer, is_link: bool) -> Exception:
        """Return what a failure means: the row's matter, or the run's."""
        status = answer.status
        # Shortened after the key is gone, or a part of it might stay.
        message = self._told(_message(answer.body))[:_DETAIL]
        told = answer.problem or f"HTTP {status}: {message}"
        where = f"editors.{self.name}"
        if answer.unreachable or status in BUSY:
            return BackendDownError(f"{where}: the server is not there or stays busy: {told}")
        if status is None or is_retried(status):
            return EditorError(f"the server failed: {told}")
        if is_link and status != 407:
            return EditorError(f"the picture that the server links to is not there: {told}")
        if status in _SETUP or status in _REDIRECTS:
            return BackendDownError(f"{where}: the server does not serve this: {told}")
        return RefusedError(f"the server refused: {told}")

    def _picture(self, body: bytes) -> bytes:
        """Return the encoded picture of an answer; a link is followed to the same host only."""
        data = json.loads(body)["data"]
        if len(data) != 1:
            raise EditorError(f"the server sent {len(data)} pictures")
        if data[0].get("b64_json"):
            try:
                return base64.b64decode(data[0]["b64_json"], validate=True)
            except binascii.Error as error:
                raise EditorError(f"the answer is not base64: {error}") from error
        base = self.settings.base_url
        url = urljoin(base, str(data[0]["url"]))
        if _origin(url) != _origin(base):
            raise EditorError(f"the server links to another host: {_host(url)}")
        return self._asked(url, None, {}).body


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or default


def _host(url: str) -> str:
    """Return host and port, without a name or password before them."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _png(image: Pixels) -> bytes:
    return codec.encode_release(image)


def _message(body: bytes) -> str:
    """Return what an error body says, on one line."""
    text = body.decode("utf-8", "replace")
    try:
        found: Any = json.loads(text)
        error = found.get("error", found)
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, AttributeError):
        pass
    return " ".join(text.split())


def _pixels(data: bytes) -> Pixels:
    """Decode a picture that a stranger sent; its size is checked before its pixels are read."""
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        if image.width * image.height > _MOST_PIXELS:
            raise EditorError(f"the picture is too large: {image.width}x{image.height}")
        return np.array(image.convert("RGB"), dtype=np.uint8)
