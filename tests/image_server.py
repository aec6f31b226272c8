"""A local images-edit server that misbehaves by script."""

from __future__ import annotations

import base64
import email.parser
import email.policy
import io
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image


@dataclass
class Reply:
    """One scripted answer; the default edits the picture."""

    status: int = 200
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: float = 0.0
    drop: bool = False
    short: bool = False


def inverted(pixels: np.ndarray, prompt: str) -> np.ndarray:
    return 255 - pixels


@dataclass
class ImageServer:
    """Answers by the script, then by editing the picture; keeps the forms it was sent."""

    script: deque[Reply] = field(default_factory=deque)
    forms: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    running: int = 0
    most: int = 0
    url: str = ""
    edit: Callable[[np.ndarray, str], np.ndarray] = inverted
    lock: threading.Lock = field(default_factory=threading.Lock)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def reply_with(picture: bytes, number: int = 1) -> Reply:
    data = [{"b64_json": base64.b64encode(picture).decode()}] * number
    return Reply(body=json.dumps({"data": data}).encode())


def link_to(url: str) -> Reply:
    return Reply(body=json.dumps({"data": [{"url": url}]}).encode())


def refusal(status: int, message: str, **headers: str) -> Reply:
    body = json.dumps({"error": {"message": message}}).encode()
    return Reply(status, body, {name.replace("_", "-"): text for name, text in headers.items()})


def form_in(headers: Any, body: bytes) -> dict[str, Any]:
    """Parse a multipart form with the standard library, which did not write it."""
    head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    found: dict[str, Any] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True)
        found[str(name)] = data if part.get_filename() else data.decode()
    return found


def handler_of(server: ImageServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

        def do_GET(self) -> None:
            server.headers.append(dict(self.headers))
            data = server.files.get(self.path)
            status = server.refused.get(self.path, 404)
            self._send(Reply(body=data) if data else refusal(status, "no such file"))

        def do_POST(self) -> None:
            with server.lock:
                server.running += 1
                server.most = max(server.most, server.running)
            reply = Reply(500, b"")
            try:
                reply = self._edit()
            finally:
                # Before the answer goes out: whoever has it may ask again at once.
                with server.lock:
                    server.running -= 1
            if reply.drop:
                self.close_connection = True
            else:
                self._send(reply)

        def _edit(self) -> Reply:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.headers.append(dict(self.headers))
            if self.path != "/v1/images/edits":
                return refusal(404, "no such page")
            form = form_in(self.headers, body)
            server.forms.append(form)
            reply = server.script.popleft() if server.script else Reply()
            time.sleep(reply.wait)
            if reply.body is not None:
                return reply
            pixels = np.array(Image.open(io.BytesIO(form["image"])))
            return reply_with(png(server.edit(pixels, form["prompt"])))

        def _send(self, reply: Reply) -> None:
            body = reply.body or b""
            self.send_response(reply.status)
            for name, text in reply.headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(body) + 10 * reply.short))
            self.end_headers()
            with suppress(OSError):  # the client went away, as some tests want it to
                self.wfile.write(body)

    return Handler


@contextmanager
def image_server(*script: Reply) -> Iterator[ImageServer]:
    """Run a server on a free local port."""
    server = ImageServer(deque(script))
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(server))
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
