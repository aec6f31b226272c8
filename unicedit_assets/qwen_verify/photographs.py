"""Test pairs from real photographs: the classical editor edits them, and what it did is known.

The draws are those of the truth harness (``truth.sampling``). Only its pictures and texts reach a
verifier; what was planted becomes the truth that it is marked against.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from unicedit_assets.domain import language
from unicedit_assets.domain.identity import digest
from unicedit_assets.domain.language import Intent, Wording
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.qwen_verify import claims
from unicedit_assets.qwen_verify.claims import Language
from unicedit_assets.qwen_verify.evaluation import VALID, Truth
from unicedit_assets.synthetic.pair import Kind
from unicedit_assets.truth.sampling import NO_FAULT, Bench, Sample, samples_of

TEST = "photographs"


@dataclass(frozen=True)
class EditedPhotograph:
    """What a verifier sees of one pair, and what is true of it."""

    source: Pixels
    edited: Pixels
    en: str
    cn: str
    truth: Truth


def edited_photograph(
    image_id: str, image: Pixels, seed: int, count: int, bench: Bench
) -> Iterator[EditedPhotograph]:
    """Yield up to ``count`` pairs of one photograph, half of them with a planted fault."""
    for number, sample in enumerate(samples_of(image, seed, image_id, count, bench)):
        key = digest("photograph", image_id, seed, number, sample.subtask)
        yield EditedPhotograph(
            sample.source, sample.edited, sample.en, sample.cn, truth_of(key, image_id, sample)
        )


def truth_of(key: str, image_id: str, sample: Sample) -> Truth:
    """Return what is known of a drawn sample.

    Where something was planted beside the edit (damage, a shift, another change) no one text says
    exactly what changed, so none is expected and the class alone counts.
    """
    done = _done(sample)
    text = language.phrase(done) if done else Wording("", "")
    if sample.fault == NO_FAULT:
        text = Wording(sample.en, sample.cn)
    return Truth(
        key=key,
        kind=kind_of(sample, done).value,
        verdict=VALID if sample.fault == NO_FAULT else sample.fault,
        subtask=sample.subtask,
        cluster=image_id,
        test=TEST,
        is_changed=sample.fault != "no_edit",
        en=text.en,
        cn=text.cn,
        language=Language.EMBEDDED,
    )


def _done(sample: Sample) -> Intent | None:
    done = sample.detail.get("done")
    return Intent.from_json(done) if isinstance(done, Mapping) else None


def kind_of(sample: Sample, done: Intent | None) -> Kind:
    """Return the kind of a pair; a wrong text about the right target is a hallucination."""
    if sample.fault == NO_FAULT:
        return Kind.NORMAL
    if done is None:
        return Kind(sample.fault)
    asked = claims.read(sample.en) or {}
    same_target = asked.get("target") == claims.of_intent(done).get("target")
    return Kind.HALLUCINATION if same_target else Kind.MISALIGNED
