"""A vision-language model that verifies: the paper's chain in one reply, guarded on both sides.

Before it, pixels settle the certain no-edits without a question. After it, what is called valid
must agree with itself: the instruction with the rewritten text, and that with the model's own list
of differences; by rules, and by a second question if asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Protocol

from unicedit_assets.domain import texts
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Pixels, Verdict
from unicedit_assets.vlm.agreement import conflict
from unicedit_assets.vlm.asking import Reply, ask_json
from unicedit_assets.vlm.prefilter import CERTAIN, Difference, difference
from unicedit_assets.vlm.prompting import (
    FLAG,
    TEXT,
    array,
    choice,
    json_object,
    prompt_sha256,
    question,
    quoted,
)
from unicedit_assets.vlm.roles import Answer, Question, Vlm, VlmError, load_of
from unicedit_assets.vlm.stacking import CELL, Layout, stacked

VERSION = 3
_CHAIN, _ENTAILMENT, _TRAINED = "verifier", "verifier_entailment", "verifier_trained"
_DIFFERENCES = 20

# The chain's word for what happened -> why the edit is rejected; None where it is accepted.
CLASSES: Mapping[str, Reason | None] = MappingProxyType(
    {
        "valid": None,
        "no_edit": Reason.NO_EDIT,
        "misaligned": Reason.MISALIGNED,
        "degraded": Reason.DEGRADED,
        "shifted": Reason.SHIFTED,
        "collateral": Reason.COLLATERAL,
    }
)

# One schema for verification and for training a verifier; the order is the chain of thought.
SCHEMA = json_object(
    source_caption=TEXT,
    edit_caption=TEXT,
    differences=array(TEXT, 0, _DIFFERENCES),
    is_changed=FLAG,
    **{"class": choice(*CLASSES)},
    rewritten_en=TEXT,
    rewritten_cn=TEXT,
)
_ENTAILED = json_object(
    unsupported=array(TEXT, 0, _DIFFERENCES), entailed_en=FLAG, entailed_cn=FLAG
)

# Evidence figures of this verifier, and what each says.
FIGURES: Mapping[str, str] = MappingProxyType(
    {
        "asks": "questions that this verdict took",
        "confidence_measured": "1 when the confidence comes from token probabilities",
        "entailed": "1 when the second pass found every claim supported by the differences",
        "largest_block_difference": "largest mean difference of a 16-pixel block, gray levels",
        "mean_level_difference": "mean difference of the pictures, gray levels",
        "prefiltered": "1 when pixels settled it without a question",
        "tokens_in": "tokens of the questions",
        "tokens_out": "tokens of the replies",
    }
)


@dataclass(frozen=True)
class VerifierOptions:
    """How an edit is verified; all of it can change a verdict.

    Attributes:
        certain_no_edit: pictures whose blocks all differ by less than this (levels) are the same.
        entailment: whether a second question checks the rewritten text against the differences.
        assumed_confidence: confidence where no token probabilities tell: the server gives none, or
            a rule or the second question overruled the model.
        attempts: how often a question is asked at most.
        max_tokens: longest reply.
        layout: how a trained Qwen-Verify is shown both pictures; None asks any other model.
    """

    certain_no_edit: float = CERTAIN
    entailment: bool = False
    assumed_confidence: float = 0.5
    attempts: int = 2
    max_tokens: int = 1536
    layout: Layout | None = None


class TextRule(Protocol):
    """Tells whether an English instruction asks for something else than a model saw."""

    @property
    def identity(self) -> Mapping[str, Json]: ...

    def __call__(self, instruction: str, seen: str) -> str:
        """Return in what they contradict each other; nothing where not, or where unreadable."""
        ...


class VlmVerifier:
    """Plays the verifier's role with any vision-language model.

    Args:
        version: the name under which it is registered and promoted.
        rule: holds instructions against what was seen; None: nothing does.
    """

    def __init__(
        self,
        version: str,
        vlm: Vlm,
        options: VerifierOptions | None = None,
        rule: TextRule | None = None,
    ) -> None:
        self._version = version
        self._vlm = vlm
        self._options = options or VerifierOptions()
        self._rule = rule

    @property
    def identity(self) -> Mapping[str, Json]:
        """What can change a verdict: model, prompts, options."""
        chain = _TRAINED if self._options.layout else _CHAIN
        used = (chain, _ENTAILMENT) if self._options.entailment else (chain,)
        options = asdict(self._options)
        if self._options.layout is None:
            del options["layout"]
        elif self._options.layout.cell == CELL:
            del options["layout"]["cell"]  # came later: must change no fingerprint
        return {
            "name": "vlm-verifier",
            "version": self._version,
            "code": VERSION,
            "vlm": dict(self._vlm.identity),
            "prompt_sha256": prompt_sha256(*used),
            "options": options,
            "rule": dict(self._rule.identity) if self._rule else None,
        }

    @property
    def concurrency(self) -> int:
        return self._vlm.concurrency

    @property
    def load(self) -> Callable[[], None] | None:
        """Loads the model; None where somebody else holds it."""
        return load_of(self._vlm)

    def verify(self, source: Pixels, edited: Pixels, en: str, cn: str) -> Verdict:
        """Return the verdict on one triplet.

        Raises:
            VlmError: the model could not be asked.
            ValueError: the pictures are not (H, W, 3) uint8 of one shape.
        """
        apart = difference(source, edited)
        if apart.largest_block < self._options.certain_no_edit:
            return _wordless(Reason.NO_EDIT, _figures(apart, ()))
        asked = self._asked(source, edited, en, cn)
        reply = ask_json(self._vlm, asked, self._options.attempts, contradiction)
        if reply.value is None:
            if reply.unreadable:
                # Nothing is guessed of what the model never said readably.
                told = f"the verifier's reply could not be used: {reply.trouble}"
                return _wordless(Reason.UNPARSEABLE, _figures(apart, reply.answers), told)
            raise VlmError(reply.trouble)
        return self._verdict(reply, reply.value, apart, en)

    def _asked(self, source: Pixels, edited: Pixels, en: str, cn: str) -> Question:
        how = {"max_tokens": self._options.max_tokens, "weigh": ("is_changed", "class")}
        if self._options.layout:
            return trained_question(source, edited, en, cn, self._options.layout, **how)
        slots = {"en": quoted(en), "cn": quoted(cn)}
        return question(_CHAIN, [source, edited], SCHEMA, slots, **how)

    def _verdict(
        self, reply: Reply, said: Mapping[str, Any], apart: Difference, told: str
    ) -> Verdict:
        reason, detail = CLASSES[said["class"]], ""
        answers, entailed = list(reply.answers), {}
        if reason is None:
            detail = self._contradicted(told, said) or next(
                (c for text in _rewritten(said) if (c := self._conflict(text, said))), ""
            )
            if not detail and self._options.entailment:
                detail, asked = self._unsupported(said)
                answers += asked
                entailed = {"entailed": float(not detail)}
            reason = Reason.MISALIGNED if detail else None
        # The model's probabilities are of its own class, not of what overruled it.
        chances = {} if detail else reply.last.probabilities
        confidence = math.prod(chances.values()) if chances else self._options.assumed_confidence
        return Verdict(
            reason=reason,
            is_changed=said["is_changed"],
            confidence=confidence,
            source_caption=said["source_caption"],
            edit_caption=said["edit_caption"],
            differences=tuple(said["differences"]),
            rewritten_en=said["rewritten_en"],
            rewritten_cn=said["rewritten_cn"],
            evidence={
                **_figures(apart, answers),
                **entailed,
                "confidence_measured": float(bool(chances)),
            },
            detail=detail,
        )

    def _contradicted(self, told: str, said: Mapping[str, Any]) -> str:
        """Return where the instruction asks for something else than the model saw, or nothing."""
        found = self._rule(told, said["rewritten_en"]) if self._rule else ""
        return f"the instruction contradicts the rewritten text: {found}" if found else ""

    @staticmethod
    def _conflict(text: str, said: Mapping[str, Any]) -> str:
        against = conflict(text, said["differences"])
        return f"the rewritten text contradicts the differences: {against}" if against else ""

    def _unsupported(self, said: Mapping[str, Any]) -> tuple[str, tuple[Answer, ...]]:
        """Return which claims of the rewritten text nothing supports, and what was answered.

        Raises:
            VlmError: the second question got no usable reply.
        """
        asked = question(
            _ENTAILMENT,
            [],
            _ENTAILED,
            {
                "differences": quoted(said["differences"]),
                "en": quoted(said["rewritten_en"]),
                "cn": quoted(said["rewritten_cn"]),
            },
            max_tokens=self._options.max_tokens,
        )
        reply = ask_json(self._vlm, asked, self._options.attempts)
        found = reply.required()
        if found["entailed_en"] and found["entailed_cn"]:
            return "", reply.answers
        claims = "; ".join(found["unsupported"]) or "not told which"
        return (
            f"the rewritten text claims what the differences do not show: {claims}",
            reply.answers,
        )


def trained_question(
    source: Pixels, edited: Pixels, en: str, cn: str, layout: Layout, **how: Any
) -> Question:
    """Return the chain's question to a model trained for it: one tall picture, the texts alone."""
    slots = {"en": quoted(en), "cn": quoted(cn)}
    return question(_TRAINED, [stacked(source, edited, layout)], SCHEMA, slots, **how)


def contradiction(said: Mapping[str, Any]) -> str:
    """Return how a chain contradicts itself, or nothing; a re-ask is told of it."""
    kind, changed = said["class"], said["is_changed"]
    if changed == (kind == "no_edit"):
        return f'"is_changed" is {str(changed).lower()} but "class" is {kind!r}'
    if kind != "valid":
        return ""
    if not said["differences"]:
        return 'a "valid" edit without any difference'
    if not texts.is_english(said["rewritten_en"]):
        return '"rewritten_en" must be an English sentence'
    if not texts.is_chinese(said["rewritten_cn"]):
        return '"rewritten_cn" must be a Chinese sentence'
    return ""


def _rewritten(said: Mapping[str, Any]) -> tuple[str, str]:
    return said["rewritten_en"], said["rewritten_cn"]


def _figures(apart: Difference, answers: Any) -> dict[str, float]:
    return {
        "prefiltered": float(not answers),
        "mean_level_difference": apart.mean,
        "largest_block_difference": apart.largest_block,
        "asks": float(len(answers)),
        "tokens_in": float(sum(answer.tokens_in for answer in answers)),
        "tokens_out": float(sum(answer.tokens_out for answer in answers)),
    }


def _wordless(reason: Reason, evidence: Mapping[str, float], detail: str = "") -> Verdict:
    """Return a verdict without texts: pixels settled it, or the model said nothing readable."""
    same = reason is Reason.NO_EDIT
    return Verdict(
        reason=reason,
        is_changed=not same,
        confidence=float(same),
        source_caption="",
        edit_caption="",
        differences=(),
        rewritten_en="",
        rewritten_cn="",
        evidence=evidence,
        detail=texts.storable(detail),
    )
