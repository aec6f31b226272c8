"""What is stale and what can be made now: the one answer that status, runs and sensors share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from unicedit_assets.pipeline.project import ON_DEMAND, Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.storage.terms import Look

# What becomes of a photograph until it is a verified pair, and everything.
SHARDED = ("raw_images", "instructions", "edits", "verified_edits")
PIPELINE = (
    "raw_images",
    "instructions",
    "unicbench",
    "edits",
    "verified_edits",
    "unicedit_10m",
    "unicbench_edits",
    "unicbench_scores",
)

# What is made beside the pipeline, to train verifiers with: asked for by name, none by default.
TRAINING = (
    "synthetic_pairs",
    "verify_sft_set",
    "verify_preference_set",
    "qwen_verify_sft",
    "qwen_verify",
    "qwen_verify_eval",
)
EVERYTHING = (*PIPELINE, *TRAINING)
# A training cannot be made again as it was; its weights are looked after by their version.
REPAIRABLE = tuple(each for each in EVERYTHING if each not in ("qwen_verify_sft", "qwen_verify"))


class State(StrEnum):
    """How one partition stands under the present settings."""

    CURRENT = "current"
    BLOCKED = "blocked"
    STALE = "stale"
    MISSING = "missing"


@dataclass(frozen=True)
class Standing:
    """One partition's state; ``ready`` tells whether everything it is made from is there."""

    ref: Ref
    state: State
    ready: bool


def standings(project: Project, stages: Iterable[str] = PIPELINE) -> list[Standing]:
    """Return the standing of every partition of some stages, in pipeline order.

    Stale means that an older version exists, made under other settings; missing, that none does.
    A few reads a partition, many at a time, and none of a manifest: see ``Ledger.looks``.
    """
    refs = [ref for stage in EVERYTHING if stage in set(stages) for ref in project.refs(stage)]
    looks = _looks(project, refs)
    inputs = {
        ref: project.stages[ref.stage].inputs(project, ref.partition)
        for ref in refs
        if not looks[ref].present
    }
    asked = dict.fromkeys(up for ups in inputs.values() for up in ups if up not in looks)
    looks |= _looks(project, list(asked))
    usable = {ref: _is_usable(ref, look) for ref, look in looks.items()}
    return [
        Standing(ref, _state(looks[ref]), all(usable[up] for up in inputs.get(ref, ())))
        for ref in refs
    ]


def _looks(project: Project, refs: Sequence[Ref]) -> dict[Ref, Look]:
    specs = [project.spec(ref) for ref in refs]
    return dict(zip(refs, project.ledger.looks(specs), strict=True))


def _is_usable(ref: Ref, look: Look) -> bool:
    return (look.present and not look.blocked) or (not look.present and ref.stage in ON_DEMAND)


def _state(look: Look) -> State:
    if look.present:
        return State.BLOCKED if look.blocked else State.CURRENT
    return State.STALE if look.older else State.MISSING
