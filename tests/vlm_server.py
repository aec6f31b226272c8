"""A scripted server that speaks the OpenAI chat protocol over real sockets.

``VlmServer(reply)`` answers each request by a function, which may delay, refuse, cut the connection
or send anything at all. ``sensible`` is such a function that looks at the pictures and the text
with the embedded backends and says in JSON what they find, so that a whole pipeline run through
vision-language models shows sensible output.

By hand: ``python tests/vlm_server.py 8000`` and ``base_url = "http://127.0.0.1:8000/v1"``.
"""

from __future__ import annotations

import base64
import json
import math
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np

from unicedit_assets.classical.instructor import ClassicalInstructor
from unicedit_assets.domain.roles import Draft, Pixels, Survey
from unicedit_assets.evidence.judge import EmbeddedJudge
from unicedit_assets.evidence.verifier import EvidenceVerifier

JUDGED = ("instruction_following", "non_edit_consistency", "visual_quality", "reasoning_accuracy")


@dataclass(frozen=True)
class Asked:
    """One request as the server got it."""

    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What kind of question it is: the schema's name."""
        return str(self.body.get("response_format", {}).get("json_schema", {}).get("name", ""))

    @property
    def schema(self) -> Any:
        return self.body["response_format"]["json_schema"]["schema"]

    @property
    def parts(self) -> list[Mapping[str, Any]]:
        return list(self.body["messages"][-1]["content"])

    @property
    def text(self) -> str:
        return str(self.parts[-1]["text"])

    @cached_property
    def images(self) -> list[Pixels]:
        urls = [part["image_url"]["url"] for part in self.parts if part["type"] == "image_url"]
        return [_decoded(url) for url in urls]


def _decoded(url: str) -> Pixels:
    data = np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8)
    return np.asarray(cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))


@dataclass(frozen=True)
class Said:
    """What the server does with one request.

    Attributes:
        text: the message's content.
        status, headers: of the HTTP answer.
        error: message of an answer that is no 200.
        delay: seconds before anything is sent.
        cut: hang up without an answer.
        raw: a body to send instead.
        sure: field -> probability that its value's token gets, where probabilities are wanted.
    """

    text: str = ""
    finish: str = "stop"
    refusal: str | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    delay: float = 0.0
    cut: bool = False
    raw: bytes | None = None
    sure: Mapping[str, float] = field(default_factory=dict)


def says(value: Any, **how: Any) -> Said:
    """Reply with a JSON value."""
    return Said(json.dumps(value, ensure_ascii=False), **how)


Reply = Callable[[Asked], Said]


class VlmServer:
    """Serves until its ``with`` block ends; ``asked`` holds every request in order."""

    def __init__(self, reply: Reply, port: int = 0) -> None:
        self.reply = reply
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = _Server(("127.0.0.1", port), handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> VlmServer:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, asked: Asked) -> Said:
        with self._lock:
            self.asked.append(asked)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            said = self.reply(asked)
            time.sleep(said.delay)
            return said
        finally:
            with self._lock:
                self._at_once -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """Clients that hang up are part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: VlmServer

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(json.loads(data), headers)
        said = self.owner.answer(asked)
        if said.cut:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        body = said.raw if said.raw is not None else _body_of(said, asked)
        self.send_response(said.status)
        for name, value in {"content-type": "application/json", **said.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


def _body_of(said: Said, asked: Asked) -> bytes:
    if said.status != 200:
        return json.dumps({"error": {"message": said.error, "code": said.status}}).encode()
    message = {"role": "assistant", "content": said.text or None, "refusal": said.refusal}
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": said.finish}
    if asked.body.get("logprobs"):
        choice["logprobs"] = {"content": _tokens(said)}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    whole = {"id": "x", "object": "chat.completion", "created": 1, "model": asked.body["model"]}
    return json.dumps({**whole, "choices": [choice], "usage": usage}).encode()


def _tokens(said: Said) -> list[dict[str, Any]]:
    chances = {}
    for name, chance in said.sure.items():
        found = re.search(rf'"{name}"\s*:\s*"?(\w+)', said.text)
        if found:
            chances[found.start(1)] = math.log(chance)
    return [
        {"token": piece.group(), "logprob": chances.get(piece.start(), 0.0)}
        for piece in re.finditer(r"\w+|\W", said.text)
    ]


def quoted(label: str, text: str) -> str:
    """Return the JSON text behind a label of a prompt."""
    found = re.search(rf'{label}: ("(?:[^"\\]|\\.)*")', text)
    return str(json.loads(found.group(1))) if found else ""


def sensible(asked: Asked) -> Said:
    """Say in JSON what the embedded backends find in the pictures and the text."""
    if asked.name == "instructor_survey":
        return _surveyed(asked)
    if asked.name == "instructor_write":
        return _written(asked)
    if asked.name == "verifier":
        return _verified(asked)
    if asked.name == "verifier_entailment":
        return says({"unsupported": [], "entailed_en": True, "entailed_cn": True})
    return _judged(asked, asked.name.removeprefix("judge_"))


@lru_cache(maxsize=64)
def _survey_of(data: bytes, shape: tuple[int, ...]) -> Survey:
    return ClassicalInstructor().survey(np.frombuffer(data, np.uint8).reshape(shape))


def _survey(image: Pixels) -> Survey:
    return _survey_of(image.tobytes(), image.shape)


def _surveyed(asked: Asked) -> Said:
    subtasks = _survey(asked.images[0]).subtasks
    return says({"scene": "A photograph.", "objects": [], "subtasks": list(subtasks)})


def _written(asked: Asked) -> Said:
    image = asked.images[0]
    entries = asked.schema["properties"]["instructions"]["items"]["properties"]
    wanted, survey = entries["subtask"]["enum"], _survey(image)
    able = [subtask for subtask in wanted if subtask in survey.subtasks]
    drafts = ClassicalInstructor().write(image, survey, able, int(asked.body["seed"]))
    written = {draft.subtask: draft for draft in drafts if isinstance(draft, Draft)}
    return says({"instructions": [_entry(each, written.get(each)) for each in wanted]})


def _entry(subtask: str, draft: Draft | None) -> dict[str, Any]:
    return {
        "subtask": subtask,
        "feasible": draft is not None,
        "why_not": "" if draft else "nothing here allows it",
        "en": draft.en if draft else "",
        "cn": draft.cn if draft else "",
        "reasoning_points": list(draft.reasoning_points) if draft else [],
        "reasoning_points_cn": list(draft.reasoning_points_cn) if draft else [],
    }


def _verified(asked: Asked) -> Said:
    source, edited = asked.images
    en, cn = quoted("English", asked.text), quoted("Chinese", asked.text)
    verdict = EvidenceVerifier().verify(source, edited, en, cn)
    changed = verdict.is_changed
    kind = verdict.reason.value if verdict.reason else "valid"
    said = {
        "source_caption": verdict.source_caption,
        "edit_caption": verdict.edit_caption,
        "differences": list(verdict.differences)[:20],
        "is_changed": changed,
        "class": kind if changed else "no_edit",
        "rewritten_en": verdict.rewritten_en,
        "rewritten_cn": verdict.rewritten_cn,
    }
    return says(said, sure={"class": max(0.01, min(1.0, verdict.confidence))})


def _judged(asked: Asked, metric: str) -> Said:
    source, edited = asked.images
    prompt = quoted("given to the editor", asked.text)
    lines = re.findall(r'^- ("(?:[^"\\]|\\.)*")$', asked.text, re.MULTILINE)
    points = [json.loads(line) for line in lines] if metric == "reasoning_accuracy" else []
    scores = EmbeddedJudge().score(source, edited, prompt, points)
    score = getattr(scores, metric)
    if score is None:
        return says({"reasoning": "The instruction cannot be read.", "score": None})
    return says({"reasoning": scores.replies.get(metric, "As measured."), "score": score})


if __name__ == "__main__":
    with VlmServer(sensible, int(sys.argv[1]) if len(sys.argv) > 1 else 8000) as server:
        print(f'base_url = "{server.url}"', flush=True)
        threading.Event().wait()
