"""verified_edits: (source, edit, instruction) -> verdict, and a text that says what changed.

The verifier gets two pictures and the instruction's texts. What the editor recorded, above all the
hidden truth of planted faults, never reaches it: this module does not read that table.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from unicedit_assets.domain import codec, schemas
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Verdict, Verifier
from unicedit_assets.domain.verdicts import flaws, misworded
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.registry import RegistryError
from unicedit_assets.pipeline.rows import Collector, json_text, named
from unicedit_assets.pipeline.stage import Job, Ref, chunk_count
from unicedit_assets.storage.terms import ChunkOutput, split

_SEEN = ["edit_id", "instruction_id", "image_id", "task", "subtask", "en", "cn"]


class Triplet(NamedTuple):
    """All that a verifier may see: two encoded pictures and the instruction."""

    source: bytes
    edited: bytes
    en: str
    cn: str


@dataclass(frozen=True)
class VerifyAnswer:
    """A verdict, or why there is none."""

    verdict: Verdict | None
    seconds: float
    error: str = ""


def judge_triplet(verifier: Verifier, triplet: Triplet) -> VerifyAnswer:
    """Verify one triplet; a crash stays with this row."""
    started = time.perf_counter()
    try:
        verdict = verifier.verify(
            codec.decode(triplet.source), codec.decode(triplet.edited), triplet.en, triplet.cn
        )
        flaw = next(flaws(verdict), "")
    except Exception as error:  # one triplet must not take the shard with it
        return VerifyAnswer(None, 0.0, named(error))
    if flaw:
        return VerifyAnswer(None, 0.0, f"not a verdict: {flaw}")
    return VerifyAnswer(verdict, time.perf_counter() - started)


def verifier_version(project: Project) -> str:
    """Return the version that verifies now: the promoted one, else the configured one."""
    return project.registry.promoted_verifier() or project.settings.verified_edits.verifier


def current_verifier(project: Project) -> Verifier:
    """Return the verifier that verifies now.

    Raises:
        RegistryError: this installation does not have the promoted version.
    """
    version, known = verifier_version(project), project.backends.verifiers
    if version not in known:
        raise RegistryError(f"verifier {version!r} is not here; there are: {', '.join(known)}")
    return known[version]


class VerifiedEdits:
    """The stage."""

    name = "verified_edits"
    code_version = "1"

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        shard = partition.split("/", maxsplit=1)[0]
        return (Ref("raw_images", shard), Ref("edits", partition))

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        return {"verifier": dict(current_verifier(project).identity)}

    def job(self, project: Project, partition: str) -> Job:
        shard = partition.split("/", maxsplit=1)[0]
        edits = project.require(Ref("edits", partition))
        sources = Pictures(
            project.ledger, project.require(Ref("raw_images", shard)), "image_id", "image"
        )
        edited = Pictures(project.ledger, edits, "edit_id", "edit_image")
        rows = project.ledger.read(edits, schemas.ROWS, _SEEN).to_pylist()
        chunks = chunk_count(len(rows), project.settings.verified_edits.chunk)

        def work(index: int) -> ChunkOutput:
            part = [rows[i] for i in split(len(rows), chunks, index)]
            return verify_chunk(project, part, sources, edited)

        return Job(chunks, work)


def verify_chunk(
    project: Project, rows: list[dict[str, Any]], sources: Pictures, edited: Pictures
) -> ChunkOutput:
    """Verify one chunk of edits."""
    verifier, version = current_verifier(project), verifier_version(project)
    triplets = (
        Triplet(sources[row["image_id"]], edited[row["edit_id"]], row["en"], row["cn"])
        for row in rows
    )
    collector = Collector(VerifiedEdits.name, schemas.VERIFIED_EDITS)
    answers = project.engine_for(verifier).map(partial(judge_triplet, verifier), triplets)
    for row, answer in zip(rows, answers, strict=True):
        collect_verdict(collector, version, row, answer)
    return collector.output()


def verdict_fields(verdict: Verdict) -> dict[str, Any]:
    """Return what a sound verdict says, as cells."""
    return {
        "rewritten_en": verdict.rewritten_en,
        "rewritten_cn": verdict.rewritten_cn,
        "is_changed": bool(verdict.is_changed),
        "confidence": float(verdict.confidence),
        "source_caption": verdict.source_caption,
        "edit_caption": verdict.edit_caption,
        "differences": list(verdict.differences),
        "evidence": json_text({name: float(value) for name, value in verdict.evidence.items()}),
        "regions": json_text([[float(edge) for edge in box] for box in verdict.regions]),
    }


def collect_verdict(
    collector: Collector, version: str, row: Mapping[str, Any], answer: VerifyAnswer
) -> None:
    """Sort one verdict into accepted, rejected or failed."""
    key = row["edit_id"]
    if answer.verdict is None:
        collector.reject(key, Reason.VERIFIER_FAILED, answer.error, row)
        return
    verdict, fields = answer.verdict, verdict_fields(answer.verdict)
    said = {**fields, "verifier_version": version}
    if verdict.reason:
        seen = "; ".join(verdict.differences) or "no difference was found"
        detail = verdict.detail or seen
        collector.reject(key, verdict.reason, detail, row, said)
        return
    if trouble := misworded(verdict):
        collector.reject(key, Reason.UNPARSEABLE, trouble, row, said)
        return
    collector.accept(
        {
            **row,
            **fields,
            "verifier": version.rpartition("-")[0] or version,
            "verifier_version": version,
            "seconds": answer.seconds,
        }
    )
