"""Everything that can become a training row: what is true of a pair, and a hallucination about it.

Three origins: synthetic pairs (exact truth), the pipeline's own verified edits and rejects (what
the verifier of that time believed), and people's verdicts on those (which overrule it).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from unicedit_assets.domain.language import Wording
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.qwen_verify import claims
from unicedit_assets.qwen_verify.altering import altered, altered_claim
from unicedit_assets.qwen_verify.annotations import Annotation
from unicedit_assets.qwen_verify.chain import CLASS_OF, Chain
from unicedit_assets.qwen_verify.splitting import HeldOut
from unicedit_assets.synthetic.pair import Kind

# Split of synthetic pairs -> what is held out there.
HELD_OUT: Mapping[str, HeldOut] = {
    "held_out_scenes": HeldOut.SCENES,
    "held_out_wording": HeldOut.WORDING,
    "held_out_classes": HeldOut.CLASSES,
}


class Origin(StrEnum):
    """Where a training row comes from."""

    SYNTHETIC = "synthetic"
    PIPELINE = "pipeline"
    HUMAN = "human"


@dataclass(frozen=True)
class Candidate:
    """One pair that can become a training row.

    Attributes:
        key: 32 hex digits, unique.
        partition: ``stage/partition`` that it was read from.
        source_id, edited_id: where its pictures are in that partition's tables.
        group: what it must share a split with; see ``splitting``.
        en, cn: the instruction as the verifier is given it.
        chosen: the true chain.
        rejected: a hallucinated one; None where none can be made.
        altered: the claim in which it is wrong; empty where that is not one claim.
        held_out: what about it its maker keeps from training; None: nothing.
        trouble: why it cannot be used; empty when it can.
    """

    key: str
    origin: Origin
    partition: str
    source_id: str
    edited_id: str
    group: str
    kind: Kind
    subtask: str
    en: str
    cn: str
    chosen: Chain
    rejected: Chain | None
    altered: str = ""
    held_out: HeldOut | None = None
    trouble: str = ""


def of_synthetic(partition: str, row: Mapping[str, Any]) -> Candidate:
    """Return a synthetic pair; its truth is exact, and so is what its rejected text claims.

    What stands before a photograph shares that photograph's group, with the edits of it.
    """
    true = Chain(
        row["source_caption"],
        row["edit_caption"],
        tuple(row["differences"]),
        row["is_changed"],
        CLASS_OF[Kind(row["kind"])],
        row["true_en"] or "",
        row["true_cn"] or "",
    )
    kind = Kind(row["kind"])
    wrong = believed(true, row["said_en"], row["said_cn"])
    if kind is Kind.NORMAL:
        # The generator's own hard negative: one claim of the true text altered.
        wrong = replace(true, rewritten_en=row["rejected_en"], rewritten_cn=row["rejected_cn"])
    return Candidate(
        key=row["key"],
        origin=Origin.SYNTHETIC,
        partition=partition,
        source_id=row["key"],
        edited_id=row["key"],
        group=row["photograph"] or row["scene_id"],
        kind=kind,
        subtask=row["subtask"],
        en=row["said_en"],
        cn=row["said_cn"],
        chosen=true,
        rejected=wrong,
        altered=row["altered"] if kind in (Kind.NORMAL, Kind.HALLUCINATION) else "",
        held_out=HELD_OUT.get(row["split"]),
    )


def of_accepted(partition: str, row: Mapping[str, Any], least_confidence: float) -> Candidate:
    """Return an accepted edit: Normal, with the text that the verifier wrote."""
    trouble = ""
    if row["confidence"] < least_confidence:
        trouble = f"confidence {row['confidence']:.3f}"
    elif not (row["rewritten_en"] and row["rewritten_cn"]):
        trouble = "no rewritten text in both languages"
    return _verified(partition, row["edit_id"], row, row, Kind.NORMAL, trouble)


def of_reject(partition: str, row: Mapping[str, Any], least_confidence: float) -> Candidate:
    """Return a rejected edit: No Edit, or one of the failures."""
    said = json.loads(row.get("extra") or "null") or {}
    confidence = said.get("confidence", 0.0)
    reason = row["reason"]
    kind, trouble = Kind.NO_EDIT, ""
    if reason in (Reason.VERIFIER_FAILED, Reason.UNPARSEABLE) or not said:
        trouble = f"no verdict: {reason}"
    elif confidence < least_confidence:
        trouble = f"confidence {confidence:.3f}"
    elif reason == Reason.MISALIGNED:
        kind = wrong_text(row["en"], said.get("rewritten_en", ""))
        if not (said.get("rewritten_en") and said.get("rewritten_cn")):
            trouble = "misaligned, and not told what really changed"
    else:
        kind = Kind(reason)
    return _verified(partition, row["unit_id"], row, said, kind, trouble)


def of_person(candidate: Candidate, annotation: Annotation) -> Candidate:
    """Return a verified edit as a person judged it."""
    kind, given = annotation.kind, Wording(annotation.rewritten_en, annotation.rewritten_cn)
    trouble = ""
    if kind is Kind.NO_EDIT:
        text = Wording("", "")
    elif bool(given.en) != bool(given.cn):
        text = Wording("", "")
        trouble = "a person rewrote the text in one language only"
    elif given.en and given.cn:
        text = given
    elif kind is Kind.NORMAL:
        text = Wording(candidate.en, candidate.cn)
    else:
        text = Wording("", "")
        if kind in (Kind.HALLUCINATION, Kind.MISALIGNED):
            trouble = "a person calls the text wrong and does not tell the right one"
    chosen = replace(
        candidate.chosen,
        is_changed=kind is not Kind.NO_EDIT,
        kind=CLASS_OF[kind],
        differences=_differences(candidate.chosen.differences, kind, text),
        rewritten_en=text.en,
        rewritten_cn=text.cn,
    )
    judged = replace(
        candidate, origin=Origin.HUMAN, kind=kind, chosen=chosen, trouble=trouble, rejected=None
    )
    return with_rejected(judged)


def _differences(known: tuple[str, ...], kind: Kind, text: Wording) -> tuple[str, ...]:
    if kind is Kind.NO_EDIT:
        return ()
    return known or ((text.en,) if text.en else ())


def wrong_text(said: str, true: str) -> Kind:
    """Return what kind of wrong a text is: a wrong claim about the right target, or another."""
    one, two = claims.read(said), claims.read(true)
    if one is None or two is None or one.get("target") != two.get("target"):
        return Kind.MISALIGNED
    return Kind.HALLUCINATION


def _verified(
    partition: str,
    key: str,
    row: Mapping[str, Any],
    said: Mapping[str, Any],
    kind: Kind,
    trouble: str,
) -> Candidate:
    unchanged = kind is Kind.NO_EDIT
    chosen = Chain(
        said.get("source_caption", ""),
        said.get("edit_caption", ""),
        () if unchanged else tuple(said.get("differences", ())),
        not unchanged,
        CLASS_OF[kind],
        "" if unchanged else said.get("rewritten_en", ""),
        "" if unchanged else said.get("rewritten_cn", ""),
    )
    image_id = row["image_id"] or ""
    return with_rejected(
        Candidate(
            key=key,
            origin=Origin.PIPELINE,
            partition=partition,
            source_id=image_id,
            edited_id=key,
            group=image_id,
            kind=kind,
            subtask=row["subtask"] or "",
            en=row["en"] or "",
            cn=row["cn"] or "",
            chosen=chosen,
            rejected=None,
            trouble=trouble,
        )
    )


def with_rejected(candidate: Candidate) -> Candidate:
    """Return a candidate with a hallucinated chain beside its true one, where one can be made.

    Where the edit is right: the true text with one claim altered. Else: the chain that believes the
    instruction, so that it invents an edit, overlooks damage, or repeats a wrong claim.
    """
    chosen = candidate.chosen
    true = Wording(chosen.rewritten_en, chosen.rewritten_cn)
    if candidate.kind is not Kind.NORMAL:
        wrong = believed(chosen, candidate.en, candidate.cn)
        claim = altered_claim(true, Wording(candidate.en, candidate.cn)) if true.en else ""
        return replace(candidate, rejected=wrong, altered=claim)
    said = altered(true) if true.en and true.cn else None
    if said is None:
        return candidate
    wrong = replace(chosen, rewritten_en=said.en, rewritten_cn=said.cn)
    return replace(candidate, rejected=wrong, altered=altered_claim(true, said))


def believed(true: Chain, en: str, cn: str) -> Chain | None:
    """Return the chain of a verifier that believes the instruction; None without one to believe."""
    if not (en and cn):
        return None
    return replace(
        true,
        differences=true.differences or (en,),
        is_changed=True,
        kind=CLASS_OF[Kind.NORMAL],
        rewritten_en=en,
        rewritten_cn=cn,
    )
