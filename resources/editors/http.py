"""One HTTP exchange with limits: no redirect, no endless answer, no answer that never ends."""

from __future__ import annotations

import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any

_PIECE = 1 << 16


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: None when nothing (whole) came: refused, reset, timed out.
        problem: why there is no status, in words.
        unreachable: whether not even a connection came about.
    """

    status: int | None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    unreachable: bool = False


class TooLargeError(Exception):
    """An answer is larger than the settings allow."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key and the picture to whatever place the server names."""

    def redirect_request(self, *arguments: Any, **keywords: Any) -> None:
        return None


class _NoConnectionError(OSError):
    """No connection stands: the address, the network, the handshake, too few handles."""


class _Connection(HTTPConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except OSError as error:
            raise _NoConnectionError(f"{type(error).__name__}: {error}") from error


class _SecureConnection(HTTPSConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except OSError as error:
            raise _NoConnectionError(f"{type(error).__name__}: {error}") from error


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_Connection, req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_SecureConnection, req)


_opener = urllib.request.build_opener(_NoRedirect, _Http, _Https)


def exchange(request: urllib.request.Request, timeout: float, most: int) -> Answer:
    """Send a request and read its answer within ``timeout`` seconds, whatever becomes of it.

    Raises:
        TooLargeError: the answer has more than ``most`` bytes.
    """
    until = time.monotonic() + timeout
    try:
        with _opener.open(request, timeout=timeout) as response:
            return Answer(response.status, _read(response, until, most), dict(response.headers))
    except urllib.error.HTTPError as error:
        with error:
            return _refusal(error, until, most)
    except (urllib.error.URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, _NoConnectionError):
            return Answer(None, problem=str(reason), unreachable=True)
        return Answer(None, problem=f"{type(reason).__name__}: {reason}")


def _refusal(error: urllib.error.HTTPError, until: float, most: int) -> Answer:
    try:
        body = _read(error, until, most)
    except (HTTPException, OSError, TooLargeError):
        body = b""
    return Answer(error.code, body, dict(error.headers))


def _read(response: Any, until: float, most: int) -> bytes:
    pieces, size = [], 0
    while piece := response.read1(_PIECE):
        size += len(piece)
        if size > most:
            raise TooLargeError(f"the answer has more than {most} bytes")
        if time.monotonic() > until:
            raise TimeoutError("the answer did not end in time")
        pieces.append(piece)
    announced = response.headers.get("Content-Length")
    if announced and announced.isdigit() and size < int(announced):
        raise HTTPException(f"the answer ended after {size} of {announced} bytes")
    return b"".join(pieces)


def form_of(fields: Mapping[str, str], picture: bytes) -> tuple[bytes, str]:
    """Return a ``multipart/form-data`` body with one PNG named ``image``, and its content type."""
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="source.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    body = b"".join([*parts, head.encode(), picture, f"\r\n--{boundary}--\r\n".encode()])
    return body, f"multipart/form-data; boundary={boundary}"
