"""Asking for JSON: a reply that cannot be used is asked for again, and told what was wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from unicedit_assets.domain.identity import Json
from unicedit_assets.vlm.parsing import ParseError, parse_reply
from unicedit_assets.vlm.prompting import quoted
from unicedit_assets.vlm.roles import Answer, FailureKind, Question, Vlm, VlmError

# A model may do better when told that it was cut off; nothing else about these would change.
_WORTH_TELLING = frozenset({FailureKind.LENGTH})
_SHOWN = 300

Check = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True)
class Reply:
    """What came of a question that may have been asked several times.

    Attributes:
        value: the parsed object, or None.
        trouble: why there is no value; empty otherwise.
        unreadable: whether the model answered, but not with what was asked for.
        answers: every answer, in order; the last is the one that counts.
    """

    value: dict[str, Any] | None
    trouble: str
    unreadable: bool
    answers: tuple[Answer, ...]

    @property
    def last(self) -> Answer:
        return self.answers[-1]

    def required(self) -> dict[str, Any]:
        """Return the value.

        Raises:
            VlmError: there is none.
        """
        if self.value is None:
            raise VlmError(self.trouble)
        return self.value


def ask_json(
    vlm: Vlm,
    question: Question,
    attempts: int,
    check: Check | None = None,
    read: Mapping[str, Json] | None = None,
) -> Reply:
    """Ask until the reply is one object that keeps to the schema, ``attempts`` times at most.

    Args:
        vlm: whom to ask.
        question: what to ask.
        attempts: at least 1.
        check: says what is wrong with a well-formed reply; an empty text accepts it.
        read: schema of what is accepted, where that is more than what is asked for.
    """
    answers: list[Answer] = []
    trouble, unreadable = "", False
    for attempt in range(attempts):
        answer = vlm.ask(again(question, attempt, trouble))
        answers.append(answer)
        if answer.failure:
            trouble, unreadable = str(answer.failure), False
            if answer.failure.kind not in _WORTH_TELLING:
                break
            continue
        try:
            value = parse_reply(answer.text, read or question.schema)
        except ParseError as error:
            trouble = f"{error}; it said {answer.text[:_SHOWN]!r}"
        else:
            trouble = check(value) if check else ""
            if not trouble:
                return Reply(value, "", False, tuple(answers))
        unreadable = True
    return Reply(None, trouble, unreadable, tuple(answers))


def again(question: Question, attempt: int, trouble: str) -> Question:
    """Return the question for one attempt: the first as it is, later ones with what was wrong.

    The remark goes behind the text, so that the images stay the shared prefix.
    """
    if not attempt:
        return question
    remark = (
        f"\n\nA previous reply to this could not be used: {quoted(trouble)}\n"
        "Reply again with exactly one JSON object as described above, and nothing else."
    )
    return replace(question, text=question.text + remark, seed=question.seed + attempt)
