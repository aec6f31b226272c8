"""What every backend shares: pictures checked and capped, replies kept, everything counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from resources.vlms.replies import ReplyFolder
from unicedit_assets.domain.identity import Json, digest
from unicedit_assets.vlm.accounting import USAGE, Usage
from unicedit_assets.vlm.pictures import capped, flaw_of, picture_hash
from unicedit_assets.vlm.roles import Answer, Failure, FailureKind, Question, Vlm, load_of


class FrontedVlm:
    """A backend behind its guards; plays the ``Vlm`` role.

    Args:
        name: under which its usage is counted.
        backend: who answers.
        max_pixels: larger pictures are shrunk; part of the backend's identity.
        replies: where replies are kept; None keeps none.
        usage: where questions are counted.
    """

    def __init__(
        self,
        name: str,
        backend: Vlm,
        max_pixels: int,
        replies: ReplyFolder | None = None,
        usage: Usage = USAGE,
    ) -> None:
        self._name = name
        self._backend = backend
        self._max_pixels = max_pixels
        self._replies = replies
        self._usage = usage

    @property
    def identity(self) -> Mapping[str, Json]:
        return self._backend.identity

    @property
    def concurrency(self) -> int:
        return self._backend.concurrency

    @property
    def gpus(self) -> int:
        """How many GPUs of this process's the backend wants; none behind an endpoint."""
        return int(getattr(self._backend, "gpus", 0))

    @property
    def load(self) -> Callable[[], None] | None:
        """Loads the backend's model; None where somebody else holds it."""
        return load_of(self._backend)

    def close(self) -> None:
        """Hang up, or end the engine; a later question begins anew."""
        close: Callable[[], None] | None = getattr(self._backend, "close", None)
        if close:
            close()

    def ask(self, question: Question) -> Answer:
        """Answer from what was kept, else from the backend; see ``Vlm``."""
        started = time.perf_counter()
        answer = self._answer(question)
        answer = replace(answer, seconds=time.perf_counter() - started)
        self._usage.add(self._name, answer)
        return answer

    def _answer(self, question: Question) -> Answer:
        flaw = next(filter(None, map(flaw_of, question.images)), "")
        if flaw:
            return Answer(failure=Failure(FailureKind.BAD_REQUEST, flaw), tries=0)
        if self._replies is None:
            return self._asked(question)
        key = reply_key(self.identity, question)
        kept = self._replies.get(key)
        if kept is not None:
            return kept
        answer = self._asked(question)
        if answer.failure is None:
            self._replies.put(key, answer)
        return answer

    def _asked(self, question: Question) -> Answer:
        images = tuple(capped(image, self._max_pixels) for image in question.images)
        return self._backend.ask(replace(question, images=images))


def reply_key(identity: Mapping[str, Json], question: Question) -> str:
    """Return a hash of everything that makes a reply: the model, the question, the pictures."""
    return digest(
        "reply",
        identity,
        question.name,
        question.system,
        [picture_hash(image) for image in question.images],
        question.text,
        question.schema,
        question.max_tokens,
        question.temperature,
        question.seed,
        list(question.weigh),
    )
