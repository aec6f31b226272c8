"""Backends that fail in every way we know, chosen by a hash of what they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from backends import (
    SUBTASKS,
    Order,
    ScriptedEditor,
    ScriptedInstructor,
    ScriptedJudge,
    ScriptedVerifier,
    Unchanging,
)

from unicedit_assets.domain.identity import Json, seed_from
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import (
    Draft,
    Edited,
    EditorError,
    Pixels,
    Planted,
    Refusal,
    Scores,
    Survey,
    Verdict,
)
from unicedit_assets.pipeline.project import Backends

NAN = float("nan")
LONE = "half a pair: \ud83d"


def fail(error: Exception) -> Any:
    raise error


DRAFTS: Mapping[str, Callable[[Draft], Any]] = {
    "off taxonomy": lambda d: replace(d, subtask="Colour Change"),
    "another subtask": lambda d: replace(d, subtask="Motion Change"),
    "English in Chinese": lambda d: replace(d, cn=d.en),
    "Chinese in English": lambda d: replace(d, en=d.cn),
    "empty": lambda d: replace(d, en="  "),
    "points misplaced": lambda d: replace(
        d, reasoning_points=() if d.reasoning_points else ("x",), reasoning_points_cn=("对",)
    ),
    "lone surrogate": lambda d: replace(d, en=LONE),
    "a number for a text": lambda d: replace(d, cn=7),
    "no draft": lambda d: None,
    "a text": lambda d: d.en,
    "refused": lambda d: Refusal(d.subtask, Reason.INFEASIBLE, "no"),
    "refused for an impossible reason": lambda d: Refusal(d.subtask, Reason.BOMB, "no"),
}

EDITS: Mapping[str, Callable[[Pixels], Any]] = {
    "wrong size": lambda p: Edited(p[:-16]),
    "transposed": lambda p: Edited(p.transpose(1, 0, 2)),
    "grey": lambda p: Edited(p[..., 0]),
    "floats": lambda p: Edited(np.full(p.shape, np.nan)),
    "16 bits": lambda p: Edited(p.astype(np.uint16)),
    "blank": lambda p: Edited(np.full_like(p, 77)),
    "black": lambda p: Edited(np.zeros_like(p)),
    "nothing": lambda p: None,
    "no pixels": lambda p: Edited(None),
    "a list": lambda p: Edited([1, 2, 3]),
    "refused": lambda p: fail(EditorError("cannot")),
    "out of memory": lambda p: fail(EditorError("out of memory: 768 GiB")),
    "crashed": lambda p: fail(RuntimeError(f"{LONE} at <thing at 0x7f1234567890>")),
    "unspeakable truth": lambda p: Edited(p, Planted("none", "paint", {"factor": NAN})),
    "view of the source": lambda p: Edited(p[::-1]),
}

VERDICTS: Mapping[str, Callable[[Verdict], Any]] = {
    "NaN confidence": lambda v: replace(v, confidence=NAN),
    "confidence 2": lambda v: replace(v, confidence=2.0),
    "confidence as text": lambda v: replace(v, confidence="high"),
    "NaN evidence": lambda v: replace(v, evidence={"shift": NAN}),
    "infinite evidence": lambda v: replace(v, evidence={"shift": float("inf")}),
    "evidence as text": lambda v: replace(v, evidence={"shift": "much"}),
    "no evidence": lambda v: replace(v, evidence=None),
    "impossible reason": lambda v: replace(v, reason=Reason.BOMB),
    "reason as text": lambda v: replace(v, reason="because"),
    "accepts nothing": lambda v: replace(v, reason=None, is_changed=False, differences=()),
    "no difference named": lambda v: replace(v, reason=None, differences=()),
    "lone surrogate": lambda v: replace(v, source_caption=LONE),
    "broken region": lambda v: replace(v, regions=((0.0, NAN, 1.0, 1.0),)),
    "nothing": lambda v: None,
    "crashed": lambda v: fail(ValueError(LONE)),
}

SCORES: Mapping[str, Callable[[Scores], Any]] = {
    "NaN": lambda s: replace(s, visual_quality=NAN),
    "eleven": lambda s: replace(s, instruction_following=11.0),
    "left out": lambda s: replace(s, non_edit_consistency=None),
    "as text": lambda s: replace(s, visual_quality="good"),
    "unspeakable reply": lambda s: replace(s, replies={"if": NAN}),
    "surrogate in a reply": lambda s: replace(s, replies={"if": LONE}),
    "nothing": lambda s: None,
    "crashed": lambda s: fail(KeyError("score")),
}


def misdeed(kinds: Mapping[str, Callable[[Any], Any]], *key: Json) -> Callable[[Any], Any]:
    """Choose by a hash; two times in three nothing is wrong."""
    draw = seed_from(*key)
    return lambda value: value if draw % 3 else list(kinds.values())[draw // 3 % len(kinds)](value)


@dataclass(frozen=True)
class OddInstructor(ScriptedInstructor):
    seed: int = 0
    share: int = 2

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"name": "odd", "version": 1, "seed": self.seed, "share": self.share}

    def survey(self, image: Pixels) -> Survey:
        draw = seed_from("survey", self.seed, int(image.sum()))
        odd = {1: None, 2: Survey(()), 3: Survey(("Colour Change",))}
        if draw % 12 == 0:
            raise RuntimeError(LONE)
        found: Any = odd.get(draw % 12, Survey(SUBTASKS))
        return found

    def write(
        self, image: Pixels, survey: Survey, subtasks: Sequence[str], seed: int
    ) -> Sequence[Draft | Refusal]:
        answers: list[Any] = []
        for subtask in subtasks:
            draw = seed_from(self.seed, seed, subtask)
            answer = Order(("left", "right")[draw % 2], ("red", "blue")[draw // 2 % 2])
            draft = answer.draft(subtask)
            odd = draw // 4 % self.share == 0
            answers.append(misdeed(DRAFTS, self.seed, seed, subtask)(draft) if odd else draft)
        draw = seed_from("whole", self.seed, seed)
        if draw % 10 == 0:
            raise RuntimeError("no answer")
        return {1: answers[1:], 2: [*answers, answers[0]], 3: answers[::-1]}.get(draw % 10, answers)


@dataclass(frozen=True)
class OddEditor(ScriptedEditor):
    seed: int = 0

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"name": "odd", "version": 1, "seed": self.seed}

    def edit(self, image: Pixels, prompt: str, seed: int) -> Edited:
        Order.read(prompt)
        image[: image.shape[0] // 4] = 9  # works in place
        wrong = misdeed(EDITS, "edit", self.seed, seed)
        odd: Edited = wrong(image)
        return odd if odd is not image else Edited(image)  # type: ignore[comparison-overlap]


@dataclass(frozen=True)
class OddVerifier(ScriptedVerifier):
    seed: int = 0
    version: str = "scripted-1"

    def verify(self, source: Pixels, edited: Pixels, en: str, cn: str) -> Verdict:
        key = (self.seed, en, int(edited.sum()), int(source.sum()))
        verdict = Verdict(None, True, 0.5, "a", "b", ("all",), en, cn, {"share": 1})
        odd: Verdict = misdeed(VERDICTS, *key)(verdict)
        return odd


@dataclass(frozen=True)
class OddJudge(ScriptedJudge):
    seed: int = 0

    def score(
        self, source: Pixels, edited: Pixels, prompt: str, reasoning_points: Sequence[str]
    ) -> Scores:
        # Reasoning is scored whether it was asked for or not.
        odd: Scores = misdeed(SCORES, self.seed, prompt)(Scores(5.0, 5.0, 5.0, 5.0, {"if": "x"}))
        return odd


def odd_backends(seed: int) -> Backends:
    """Return a family of which nobody can be relied upon."""
    return Backends(
        instructor=OddInstructor(seed=seed),
        editors={"classical": OddEditor(seed=seed)},
        models={"classical": OddEditor(seed=seed), "identity": Unchanging()},
        verifiers={"scripted-1": OddVerifier(seed=seed)},
        judge=OddJudge(seed=seed),
        subtasks=SUBTASKS,
    )
