"""Scoring a verifier's answers against known truth, pair by pair, without a judge.

The score of a pair is 0-10 and has the shape of the paper's Table 5, but not its judge: the paper
lets a strong model grade the rewritten text; here the truth is known exactly, so the text is read
back into claims (see ``claims``) and compared. That is stricter about what is claimed, blind to
style, and needs no model; the two scales are not to be compared with each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Verdict
from unicedit_assets.qwen_verify.claims import Claims, Language, agreement, alike, overlap, read
from unicedit_assets.vlm.verifier import CLASSES

HIGHEST = 10.0
VALID, UNREADABLE = "valid", "unreadable"

DEFINITION = (
    "Score of a pair, 0-10, without a judge. Nothing changed: 10 when the verifier says so, else "
    "0. Something changed: 0 when the verifier says that nothing did; else 10 times the share of "
    "claims (operation, target, attribute, direction, count) that the rewritten instruction and "
    "the truth make alike, out of all that either makes, the mean of English and Chinese. A text "
    "that cannot be read back into claims makes none and scores 0, so models that word freely need "
    "a judge (`verifier_tests.judged`); only where the truth itself is free text do words count, "
    "by their overlap. The paper's Table 5 has the same columns and scale, but its numbers are a "
    "strong model's grades of free text: they cannot be compared with these."
)

# Why an edit is rejected -> the chain's class.
_CLASS_OF: Mapping[Reason | None, str] = {reason: name for name, reason in CLASSES.items()}


@dataclass(frozen=True)
class Truth:
    """What is known of one test pair.

    Attributes:
        kind: a value of ``synthetic.pair.Kind``.
        verdict: the chain's class that is right.
        cluster: pairs of one scene or photograph share it; intervals draw whole clusters.
        test: which test set it is of.
        en, cn: the true instruction; empty when nothing changed or no text is known.
        language: what the true texts can be read back in.
    """

    key: str
    kind: str
    verdict: str
    subtask: str
    cluster: str
    test: str
    is_changed: bool
    en: str
    cn: str
    language: Language = Language.FREE


@dataclass(frozen=True)
class Prediction:
    """What a verifier answered to one test pair.

    Attributes:
        is_changed: None when the answer could not be read.
        verdict: the chain's class, or ``unreadable``.
        confidence: of the verdict, 0-1; None where none was stated.
        suspicion: any number that is higher the more the verifier holds the pair for a failure.
        seconds: what the answer took; 0 where it was not measured.
        judged: a judge's grade of the rewritten English text, 0-10, where a judge was asked.
    """

    key: str
    is_changed: bool | None
    verdict: str
    en: str
    cn: str
    confidence: float | None
    suspicion: float
    seconds: float = 0.0
    judged: float | None = None


def of_verdict(key: str, verdict: Verdict, seconds: float) -> Prediction:
    """Return a verifier's verdict as a prediction."""
    named = _CLASS_OF.get(verdict.reason, UNREADABLE)
    return Prediction(
        key=key,
        is_changed=verdict.is_changed if named != UNREADABLE else None,
        verdict=named,
        en=verdict.rewritten_en,
        cn=verdict.rewritten_cn,
        confidence=verdict.confidence if named != UNREADABLE else None,
        suspicion=_suspicion(named, verdict.confidence),
        seconds=seconds,
    )


def failed(key: str, seconds: float) -> Prediction:
    """Return the prediction of a verifier that gave no answer: the pipeline would reject it."""
    return Prediction(key, None, UNREADABLE, "", "", None, 1.0, seconds)


def _suspicion(named: str, confidence: float) -> float:
    return 1.0 - confidence if named == VALID else confidence


@dataclass(frozen=True)
class Marks:
    """One pair, marked.

    Attributes:
        score: 0-10, see ``DEFINITION``.
        right: whether the class is the true one.
        exact: whether both rewritten texts claim exactly the truth; None where no text is due.
        claims: claim of the true English text -> whether the rewritten one makes it alike.
        alike: whether both languages claim the same; None where they cannot be compared.
    """

    truth: Truth
    said: Prediction
    score: float
    right: bool
    exact: bool | None
    claims: Mapping[str, bool]
    alike: bool | None

    @property
    def is_failure(self) -> bool:
        """Whether the pair should not pass."""
        return self.truth.verdict != VALID

    @property
    def called(self) -> bool:
        """Whether the verifier lets it not pass."""
        return self.said.verdict != VALID


def mark(truth: Truth, said: Prediction) -> Marks:
    """Mark one pair.

    Raises:
        ValueError: truth and prediction are of two pairs.
    """
    if truth.key != said.key:
        raise ValueError(f"a prediction for {said.key} cannot be marked against {truth.key}")
    due = truth.is_changed and bool(truth.en or truth.cn)
    seen = said.is_changed is True
    en, cn = (_Text.of(truth, said, name) for name in ("en", "cn"))
    return Marks(
        truth=truth,
        said=said,
        score=HIGHEST * _share(truth, said, [en, cn]),
        right=truth.verdict == said.verdict,
        exact=(seen and en.same and cn.same) if due else None,
        claims={
            name: seen and (en.said or {}).get(name) == word
            for name, word in (en.true or {}).items()
            if due
        },
        alike=None
        if en.said is None or cn.said is None
        else alike(en.said, cn.said, truth.language),
    )


def _share(truth: Truth, said: Prediction, texts: list[_Text]) -> float:
    if said.is_changed is not truth.is_changed:
        return 0.0
    if not truth.is_changed:
        return 1.0
    expected = [text.share for text in texts if text.expected]
    # No true text is known: all that can be asked for is the class.
    return sum(expected) / len(expected) if expected else float(truth.verdict == said.verdict)


@dataclass(frozen=True)
class _Text:
    """One language's text beside the true one."""

    expected: str
    text: str
    true: Claims | None
    said: Claims | None

    @classmethod
    def of(cls, truth: Truth, said: Prediction, name: str) -> _Text:
        expected, text = getattr(truth, name), getattr(said, name)
        return cls(expected, text, read(expected, truth.language), read(text, truth.language))

    @property
    def same(self) -> bool:
        if self.true is None or self.said is None:
            return self.expected == self.text
        return dict(self.true) == dict(self.said)

    @property
    def share(self) -> float:
        if self.true is None:
            return overlap(self.expected, self.text)
        # Else words in any order would be worth more than a readable text with one wrong claim.
        return agreement(self.true, self.said) if self.said is not None else 0.0
