"""A vision-language model that writes instructions: a look first, then what the quotas chose.

The survey asks once which subtasks a photograph allows; the stage picks among them by quota; one
more question writes all of the chosen ones. What came back wrong is asked for again, those alone,
with what was wrong; what is still wrong then is handed on as it is, and the stage rejects it for
its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from unicedit_assets.domain.drafts import objections
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Draft, Pixels, Refusal, Survey
from unicedit_assets.domain.taxonomy import SUBTASKS
from unicedit_assets.vlm.asking import again, ask_json
from unicedit_assets.vlm.parsing import ParseError, parse_reply
from unicedit_assets.vlm.prompting import (
    FLAG,
    TEXT,
    array,
    choice,
    json_object,
    prompt,
    prompt_sha256,
    question,
    quoted,
)
from unicedit_assets.vlm.roles import FailureKind, Question, Vlm, VlmError, load_of

VERSION = 2
_SURVEY, _WRITE = "instructor_survey", "instructor_write"
_POINTS = 6
_OBJECTS = 12
_SEEDS = 2**31 - 64


@dataclass(frozen=True)
class InstructorOptions:
    """How instructions are asked for; all of it can change them.

    Attributes:
        survey: False offers all 22 subtasks of every photograph without asking; the model then
            says at writing what cannot be done.
        temperature: of the writing; the survey takes the likeliest reply.
        attempts: how often a question is asked at most.
        max_tokens: longest reply.
    """

    survey: bool = True
    temperature: float = 0.7
    attempts: int = 3
    max_tokens: int = 2048


class VlmInstructor:
    """Plays the instructor's role with any vision-language model."""

    def __init__(self, vlm: Vlm, options: InstructorOptions | None = None) -> None:
        self._vlm = vlm
        self._options = options or InstructorOptions()

    @property
    def identity(self) -> Mapping[str, Json]:
        """What can change the instructions: model, prompts, options."""
        return {
            "name": "vlm-instructor",
            "version": VERSION,
            "vlm": dict(self._vlm.identity),
            "prompt_sha256": prompt_sha256(_SURVEY, _WRITE),
            "options": asdict(self._options),
        }

    @property
    def concurrency(self) -> int:
        return self._vlm.concurrency

    @property
    def load(self) -> Callable[[], None] | None:
        """Loads the model; None where somebody else holds it."""
        return load_of(self._vlm)

    def survey(self, image: Pixels) -> Survey:
        """Return the subtasks that the model finds sensible for this photograph.

        Raises:
            VlmError: there is no usable reply.
        """
        if not self._options.survey:
            return Survey(SUBTASKS)
        asked = question(
            _SURVEY,
            [image],
            json_object(
                scene=TEXT,
                objects=array(TEXT, 0, _OBJECTS),
                subtasks=array(choice(*SUBTASKS), 0, len(SUBTASKS)),
            ),
            {"subtasks": _described(SUBTASKS)},
            max_tokens=self._options.max_tokens,
        )
        said = ask_json(self._vlm, asked, self._options.attempts).required()
        subtasks = tuple(subtask for subtask in SUBTASKS if subtask in said["subtasks"])
        return Survey(subtasks, {"scene": said["scene"], "objects": said["objects"]})

    def write(
        self, image: Pixels, survey: Survey, subtasks: Sequence[str], seed: int
    ) -> Sequence[Draft | Refusal]:
        """Write one instruction for each subtask asked for, or say why not.

        Raises:
            VlmError: the model could not be asked at all.
        """
        round_ = _Round(tuple(subtasks))
        for attempt in range(self._options.attempts):
            asked = self._question(image, survey, round_.wanted, seed)
            answer = self._vlm.ask(again(asked, attempt, round_.trouble))
            if answer.failure and answer.failure.kind is not FailureKind.LENGTH:
                round_.give_up(str(answer.failure), first=attempt == 0)
                break
            if answer.failure:
                round_.trouble = str(answer.failure)
            else:
                round_.take(answer.text)
            if not round_.wanted:
                break
        return round_.results()

    def _question(
        self, image: Pixels, survey: Survey, subtasks: Sequence[str], seed: int
    ) -> Question:
        return question(
            _WRITE,
            [image],
            _written(choice(*subtasks), len(subtasks), len(subtasks)),
            {"subtasks": _described(subtasks), "notes": quoted(survey.notes) or "nothing"},
            max_tokens=self._options.max_tokens,
            temperature=self._options.temperature,
            seed=seed % _SEEDS,
        )


def _described(subtasks: Sequence[str]) -> str:
    meanings = prompt(_WRITE).data["subtasks"]
    return "\n".join(f"- {subtask}: {meanings[subtask]}" for subtask in subtasks)


def _written(subtask: Mapping[str, Json], least: int, most: int) -> dict[str, Json]:
    entry = json_object(
        subtask=subtask,
        feasible=FLAG,
        why_not=TEXT,
        en=TEXT,
        cn=TEXT,
        reasoning_points=array(TEXT, 0, _POINTS),
        reasoning_points_cn=array(TEXT, 0, _POINTS),
    )
    return json_object(instructions=array(entry, least, most))


# What is read is wider than what is asked for: one entry off the taxonomy must not hide the others.
_READ = _written(TEXT, 0, 2 * len(SUBTASKS))


class _Round:
    """What is still wanted of one photograph, and the best that came so far."""

    def __init__(self, subtasks: tuple[str, ...]) -> None:
        self._asked = subtasks
        self._good: dict[str, Draft | Refusal] = {}
        self._poor: dict[str, Draft | Refusal] = {}
        self.trouble = ""

    @property
    def wanted(self) -> tuple[str, ...]:
        return tuple(subtask for subtask in self._asked if subtask not in self._good)

    def take(self, text: str) -> None:
        """Sort a reply's entries into good and poor ones; ``trouble`` tells what to do better.

        Of entries of one name the first counts. A text under a name that was not asked for stands
        for a subtask that was left out; a refusal under such a name says nothing of any.
        """
        try:
            entries = parse_reply(text, _READ)["instructions"]
        except ParseError as error:
            self._all_poor(Reason.UNPARSEABLE, str(error))
            return
        self.trouble = ""
        waiting, strays = list(self.wanted), []
        for entry in entries:
            if entry["subtask"] in waiting:
                waiting.remove(entry["subtask"])
                self._sort(entry["subtask"], _outcome(entry))
            elif entry["subtask"] not in self._asked and entry["feasible"]:
                strays.append(entry)
        for entry in strays[: len(waiting)]:
            self._sort(waiting.pop(0), _outcome(entry))
        for subtask in waiting:
            left_out = "the model left this subtask out"
            self._poor.setdefault(subtask, Refusal(subtask, Reason.UNPARSEABLE, left_out))
            self._tell(f"{subtask}: it was left out")

    def _sort(self, asked: str, found: Draft | Refusal) -> None:
        if isinstance(found, Refusal):
            self._good[asked] = replace(found, subtask=asked)
            return
        seen = {(d.en, d.cn) for d in self._good.values() if isinstance(d, Draft)}
        against = next(objections(found, asked, seen), None)
        if against:
            self._poor[asked] = found
            self._tell(f"{asked}: {against[1]}")
        else:
            self._good[asked] = found

    def _tell(self, what: str) -> None:
        self.trouble = f"{self.trouble}; {what}" if self.trouble else what

    def _all_poor(self, reason: Reason, detail: str) -> None:
        self.trouble = detail
        for subtask in self.wanted:
            self._poor.setdefault(subtask, Refusal(subtask, reason, detail))

    def give_up(self, trouble: str, first: bool) -> None:
        """Note that the model cannot be asked any more.

        Raises:
            VlmError: it never answered.
        """
        if first:
            raise VlmError(trouble)
        self._all_poor(Reason.INSTRUCTOR_FAILED, trouble)

    def results(self) -> list[Draft | Refusal]:
        """Return one result for each subtask that was asked for."""
        missing = self.trouble or "nothing came"
        return [
            self._good.get(subtask)
            or self._poor.get(subtask)
            or Refusal(subtask, Reason.INSTRUCTOR_FAILED, missing)
            for subtask in self._asked
        ]


def _outcome(entry: Mapping[str, Any]) -> Draft | Refusal:
    if not entry["feasible"]:
        why = entry["why_not"].strip() or "the model calls it infeasible"
        return Refusal(entry["subtask"], Reason.INFEASIBLE, why)
    return Draft(
        entry["subtask"],
        entry["en"].strip(),
        entry["cn"].strip(),
        tuple(entry["reasoning_points"]),
        tuple(entry["reasoning_points_cn"]),
    )
